"""What ALIA learns from the training images: a description of each, and of all of them together a few domains."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from aga_lightning.augment.augmenter import StageCache
from aga_lightning.augment.base import ImageCaptioner
from aga_lightning.augment.captioners.answers import shortened
from aga_lightning.augment.captioners.language_model import LanguageModel
from aga_lightning.augment.engine.isolation import Isolation, unreadable
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.methods.domain_texts import domains_in, form, question, thing
from aga_lightning.augment.pretrained import Pretrained, PretrainedError
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample
from aga_lightning.images.seeds import seed_from

_AT_ONCE = 16  # images handed to a captioner without a batch size of its own


class DomainSearch:
    """Describes the training images, and lets a language model summarise the descriptions into domains.

    Args:
        captioner: Describes an image.
        summariser: Summarises the descriptions.
        isolation: How a record becomes an image.
        prefix: What each domain begins with; places for {class} and {superclass}.
        count: How many domains there are at most.
        described: How many training images are described, drawn at random; None for all.
        shown: How many different descriptions the summariser is shown, drawn at random; None for all.
    """

    def __init__(
        self,
        captioner: ImageCaptioner,
        summariser: LanguageModel,
        isolation: Isolation,
        prefix: str,
        count: int,
        described: int | None,
        shown: int | None,
    ) -> None:
        self.captioner = captioner
        self.summariser = summariser
        self.isolation = isolation
        self.prefix = prefix
        self.count = count
        self.described = described
        self.shown = shown
        self._captioner_key = fingerprint(captioner)
        self._settings_key = fingerprint(summariser, prefix, count, shown)
        self.open([])

    def open(self, records: Sequence[ImageRecord]) -> None:
        """Take the training images, and no others; those without a subject are among them."""
        self._records = records
        kinds = {record.superclass for record in records if record.has_subject}
        self._begin, self._kind = form(self.prefix, kinds), thing(kinds)
        self._chosen: dict[int, dict[str, ImageRecord]] = {}
        self._keys: dict[int, str] = {}
        self._found: dict[str, list[str]] = {}

    def studied(self, cache: StageCache) -> str:
        """A key of the images, whatever their order, and of what the summariser calls their subjects."""
        return fingerprint(sorted({cache.digest(record.path) for record in self._records}), self._begin)

    def chosen(self, seed: int, cache: StageCache) -> dict[str, ImageRecord]:
        """The images that are described, by the keys of their descriptions; each file once."""
        if seed not in self._chosen:
            records = {cache.digest(record.path): record for record in self._records}
            drawn = sorted(records, key=lambda digest: seed_from(seed, digest, "described"))[: self.described]
            self._chosen[seed] = {self._description_key(digest): records[digest] for digest in sorted(drawn)}
        return self._chosen[seed]

    def description_key(self, record: ImageRecord, cache: StageCache) -> str:
        """Under which key the description of an image is kept."""
        return self._description_key(cache.digest(record.path))

    @property
    def batch_size(self) -> int:
        """Images described at once."""
        return self.captioner.batch_size if isinstance(self.captioner, Pretrained) else _AT_ONCE

    def look(self, record: ImageRecord, cache: StageCache) -> Sample | ImageReadError:
        """An image, or why it cannot be read."""
        try:
            return self.isolation.sample(replace(record, mask_path=None), cache)  # no caption is worse without it
        except ImageReadError as error:
            return error

    def describe(self, keys: Sequence[str], images: Sequence[Sample | ImageReadError], cache: StageCache) -> None:
        """Describe some images, and keep the descriptions under their keys; of others keep that they cannot be read."""
        seen = [(key, image) for key, image in zip(keys, images, strict=True) if isinstance(image, Sample)]
        for key, image in zip(keys, images, strict=True):
            if isinstance(image, ImageReadError):
                cache.save("descriptions", key, *unreadable(str(image)))
        texts = self.captioner.describe([sample.image for _, sample in seen]) if seen else []
        for (key, _), text in zip(seen, texts, strict=True):
            cache.save("descriptions", key, {"description": text, "captioner": type(self.captioner).__name__})

    def key(self, seed: int, cache: StageCache) -> str:
        """Under which key the domains are kept."""
        if seed not in self._keys:
            chosen = list(self.chosen(seed, cache))
            self._keys[seed] = fingerprint("domains", self._settings_key, self._begin, chosen, seed)
        return self._keys[seed]

    def found(self, seed: int, cache: StageCache) -> list[str] | None:
        """The domains; None where they are not kept yet."""
        key = self.key(seed, cache)
        if key not in self._found:
            facts = cache.facts("domains", key)
            if facts is None:
                return None
            self._found[key] = [str(text) for text in cast("list[object]", facts["domains"])]
        return self._found[key]

    def find(self, seed: int, cache: StageCache) -> list[str]:
        """The domains, found now where they are not kept yet: all that is missing is described, then summarised.

        Raises:
            PretrainedError: If no image can be described, or no answer of the summariser can be used.
        """
        kept = self.found(seed, cache)
        if kept is not None:
            return kept
        captions = self._captions(seed, cache)
        # An order that neither records nor keys decide.
        drawn = sorted(set(captions), key=lambda text: seed_from(seed, text, "shown"))[: self.shown]
        domains = self._summarised(drawn, seed)
        facts = {
            "domains": domains,
            "described": len(captions),
            "shown": len(drawn),
            "summariser": type(self.summariser).__name__,
        }
        cache.save("domains", self.key(seed, cache), facts)
        return domains

    def _captions(self, seed: int, cache: StageCache) -> list[str]:
        """What the captioner says of the images, one a line that a question has room for."""
        chosen = self.chosen(seed, cache)
        missing = [key for key in chosen if cache.facts("descriptions", key) is None]
        for start in range(0, len(missing), self.batch_size):
            keys = missing[start : start + self.batch_size]
            self.describe(keys, [self.look(chosen[key], cache) for key in keys], cache)
        facts = [cache.facts("descriptions", key) or {} for key in chosen]
        lines = [" ".join(str(found.get("description", "")).split()) for found in facts]
        captions = [shortened(line) for line in lines if line]
        if not captions:
            raise PretrainedError(
                f"{type(self.captioner).__name__} described none of {len(chosen)} training images, so there is nothing "
                "to summarise: give another image_captioner, or name the domains"
            )
        return captions

    def _summarised(self, captions: list[str], seed: int) -> list[str]:
        """The domains of captions; of more than the model can read at once, those of the domains of their parts."""
        parts = self._parts(captions)
        domains = [
            domain
            for number, part in enumerate(parts)
            for domain in self._answered(part, seed_from(seed, len(captions), number, "domains"))
        ]
        if len(parts) == 1:
            return domains
        merged = list(dict.fromkeys(domains))
        if len(merged) >= len(captions):  # it does not get fewer, and never would
            return merged[: self.count]
        return self._summarised([self._begin + domain.removeprefix(self.prefix) for domain in merged], seed)

    def _parts(self, captions: list[str]) -> list[list[str]]:
        """Captions in parts that the model can read."""
        if len(captions) < 2 or self.summariser.fits(question(captions, self._begin, self.count)):
            return [captions]
        half = len(captions) // 2
        return [*self._parts(captions[:half]), *self._parts(captions[half:])]

    def _answered(self, captions: Sequence[str], seed: int) -> list[str]:
        model = self.summariser
        tries = model.tries if model.temperature > 0 else 1
        asked = question(captions, self._begin, self.count)
        for number in range(1, tries + 1):
            answer = model.reply(asked, seed_from(seed, number))
            if domains := domains_in(answer, self.prefix, self._begin, self._kind, self.count):
                return domains
        said = " ".join(answer.split())[:80]
        raise PretrainedError(
            f"{type(model).__name__} ({model.weights}) found no domains in {len(captions)} captions; the last of its "
            f"{tries} answers begins {said!r}: give another summariser or more tries, or name the domains yourself"
        )

    def _description_key(self, digest: str) -> str:
        return fingerprint("description", self._captioner_key, digest, self.isolation.max_side)
