"""All the gates of a method, and what they have said; verdicts of gates with a model are kept like anything else."""

from collections.abc import Sequence

from aga_lightning.augment.augmenter import Finished, StageCache
from aga_lightning.augment.base import Draft, Gate, SubjectSource, accelerated
from aga_lightning.augment.fingerprint import fingerprint


class Gating:
    """Asks the gates of one stage about drafts, those without a model first.

    Args:
        gates: The gates of all stages.
        remembers: Keep the verdicts, because some part of the method is costly and its stages need to look them up.
    """

    def __init__(self, gates: Sequence[Gate], remembers: bool) -> None:
        self.gates = sorted(gates, key=accelerated)
        self.remembers = remembers
        self._training: SubjectSource | None = None
        self.known = ""
        self._taught: set[int] = set()
        self._keys = {stage: fingerprint(self.of(stage)) for stage in ("subject", "caption", "background", "image")}

    def of(self, stage: str) -> list[Gate]:
        """The gates that look at a stage."""
        return [gate for gate in self.gates if gate.stage == stage]

    def instruct(self, training: SubjectSource, known: str) -> None:
        """Give what gates may learn from, and a digest of all that they know."""
        self._training, self.known = training, known
        self._taught.clear()

    def key(self, stage: str, draft: str) -> str:
        """Under which key the verdict on a draft is kept, from a key of what was judged."""
        return fingerprint("verdict", self._keys[stage], self.known, draft)

    def verdict(self, stage: str, draft: str, cache: StageCache) -> str | None:
        """The objection that is kept under a key of what was judged; None also where nobody has judged yet."""
        facts = cache.facts("verdicts", self.key(stage, draft))
        return None if facts is None or facts["objection"] is None else str(facts["objection"])

    def objections(
        self, stage: str, drafts: Sequence[Draft], keys: Sequence[str], cache: StageCache
    ) -> list[str | None]:
        """What the first gate that objects says of each draft; None where none does.

        Args:
            stage: What was added to the drafts last: subject, caption, background or image.
            drafts: What to look at.
            keys: A key of what is to be judged of each.
            cache: Where verdicts are kept.
        """
        if not self.remembers or stage == "caption":  # to look at words costs less than to look a verdict up
            return self._first_objections(stage, drafts)

        def make(missing: list[int]) -> list[Finished]:
            verdicts = self._first_objections(stage, [drafts[index] for index in missing])
            return [({"objection": verdict}, None) for verdict in verdicts]

        found = cache.recall("verdicts", [self.key(stage, key) for key in keys], make)
        return [None if facts["objection"] is None else str(facts["objection"]) for facts, _ in found]

    def glance(self, stage: str, draft: Draft) -> str | None:
        """What the first gate without a model says of a draft; nothing is kept."""
        objections = (gate.objection(draft) for gate in self.of(stage) if not accelerated(gate))
        return next((objection for objection in objections if objection), None)

    def _first_objections(self, stage: str, drafts: Sequence[Draft]) -> list[str | None]:
        verdicts: list[str | None] = [None] * len(drafts)
        for gate in self.of(stage):
            left = [index for index, verdict in enumerate(verdicts) if verdict is None]
            if not left:
                break
            if gate.learns and self._training is not None and id(gate) not in self._taught:
                gate.learn(self._training)
                self._taught.add(id(gate))
            for index, verdict in zip(left, gate.objections([drafts[i] for i in left]), strict=True):
                verdicts[index] = verdict
        return verdicts
