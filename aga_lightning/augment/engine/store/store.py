"""The cache directory: a shelf for each stage of the recipe, and one for each augmenter's finished images."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import Timeout

from aga_lightning.augment.augmenter import Finished, StageCache
from aga_lightning.augment.engine.store import kinds
from aga_lightning.augment.engine.store.locks import open_lock
from aga_lightning.augment.engine.store.shelf import Shelf, UnwritableError
from aga_lightning.images.codec import is_image, suffix
from aga_lightning.images.reading import file_digest, pixels_digest
from aga_lightning.paths import UserPath

_OTHERS = frozenset({"augmented", "background_sets", "sources"})
"""Folders below `index/` that belong to no stage."""


class Store(StageCache):
    """Everything generated, below one folder.

    What is expensive is kept per stage, so that a new painter never redoes a mask. A stage names its folder, and the
    content of a file decides its suffix:

        boxes  subjects/<key>.png  captions  backgrounds/<key>.jpg  ...          the stages of AGA, and of its rivals
        augmented/<method>-<fingerprint>/<class>/...jpg         an ImageFolder of finished images
        index/...                                               the journals: what is finished

    Args:
        cache_dir: The folder; made on the first write.
    """

    def __init__(self, cache_dir: str | Path) -> None:
        self.cache_dir = Path(UserPath.of(cache_dir))
        self._stages: dict[str, Shelf] = {}
        self._sources = self._shelf("sources", kinds.sources)
        self._unkept: dict[str, Mapping[str, object]] = {}

    def augmented(self, name: str) -> Shelf:
        """The shelf of one augmenter's finished images."""
        return self._shelf(f"augmented/{name}", kinds.augmented)

    def background_sets(self, name: str) -> Shelf:
        """The shelf of the evaluation sets that are made of the same images."""
        return self._shelf(f"background_sets/{name}", kinds.background_sets)

    def shelves(self) -> list[Shelf]:
        """All shelves with files: those of the stages, and of each set that lies in the cache directory."""
        sets = {"augmented": self.augmented, "background_sets": self.background_sets}
        found = [
            sets[kind](place.name)
            for kind in sets
            for place in sorted((self.cache_dir / "index" / kind).glob("*"))
            if place.is_dir()
        ]
        stages = [place.name for place in sorted((self.cache_dir / "index").glob("*")) if _is_stage(place.name)]
        return [*map(self._stage, stages), *found]

    def load(self, stage: str, key: str) -> Finished | None:
        """What a stage has finished under a key; None where nothing is finished, or its file is damaged.

        A damaged file is set aside, so that the stage makes it again.
        """
        shelf = self._stage(stage)
        found = shelf.load(key)
        if found is not None:
            return found[0].facts, found[1]
        shelf.set_aside(key)
        return None

    def facts(self, stage: str, key: str) -> Mapping[str, object] | None:
        """The facts alone, without reading the file; None where nothing is finished."""
        entry = self._stage(stage).get(key)
        return None if entry is None else entry.facts

    def save(self, stage: str, key: str, facts: Mapping[str, object], data: bytes | None = None) -> None:
        """Keep what a stage has finished."""
        file = None if data is None else f"{key[:2]}/{key}{suffix(data)}"
        self._stage(stage).put(key, facts, data, file)

    def finished(self, stage: str) -> Set[str]:
        """The keys of all that a stage has finished, in one scan of its folder."""
        return self._stage(stage).entries().keys()

    @contextmanager
    def claim(self, stage: str, keys: Sequence[str]) -> Iterator[Set[str]]:
        """Those of the keys that no other process is making, held until the block ends.

        A claim is a lock that the system releases when its process ends, however it ends. Keys share 4096 locks.
        """
        by_lock = defaultdict(set)
        for key in keys:
            by_lock[key[:3]].add(key)
        mine: set[str] = set()
        shelf = self._stage(stage)
        with ExitStack() as held:
            for name in sorted(by_lock):
                path = shelf.index / "claims" / f"{name}.lock"
                try:
                    with shelf.explained():
                        held.enter_context(open_lock(path).acquire(timeout=0))
                except Timeout:
                    continue
                except UnwritableError:
                    # Another user's lock, which nobody else may hold: to make a thing twice is harmless.
                    if not os.path.lexists(path):
                        raise
                mine |= by_lock[name]
            yield mine

    def digest(self, path: Path) -> str:
        """What tells an image file's pixels from others: see `pixels_digest`."""
        facts = self._source(path)
        return str(facts.get("pixels", facts["digest"]))

    def sha256(self, path: Path) -> str:
        """SHA-256 of a file's bytes."""
        return str(self._source(path)["digest"])

    def _source(self, path: Path) -> Mapping[str, object]:
        """The digests of a file, remembered for as long as its size and time of change stay the same."""
        stat = path.stat()
        key = f"{path.absolute()}|{stat.st_size}|{stat.st_mtime_ns}|2"  # 2: lines without it know no colour profiles
        if key in self._unkept:
            return self._unkept[key]
        entry = self._sources.get(key)
        if entry is not None:
            return entry.facts
        digest = file_digest(path)
        pixels = pixels_digest(path, digest)
        facts = {"digest": digest} | ({"pixels": pixels} if pixels != digest else {})
        try:
            self._sources.put(key, facts)
        except UnwritableError:  # a store that may only be read needs no more, if it is complete
            self._unkept[key] = facts
        return facts

    def _stage(self, stage: str) -> Shelf:
        """The shelf of a stage, in a folder of its name."""
        if stage not in self._stages:
            if not _is_stage(stage):
                raise ValueError(f"{stage!r} cannot be the folder of a stage: give a word that is not taken")
            opens = None if stage == "embeddings" else is_image
            self._stages.setdefault(stage, self._shelf(stage, kinds.of_stage(stage), opens))
        return self._stages[stage]

    def _shelf(self, name: str, kind: kinds.Kind, opens: Callable[[bytes], bool] | None = is_image) -> Shelf:
        return Shelf(self.cache_dir / name, self.cache_dir / "index" / name, kind, opens)


def _is_stage(name: str) -> bool:
    return name.isidentifier() and name not in _OTHERS
