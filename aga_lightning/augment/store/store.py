"""The cache directory: a shelf for each stage of the recipe, and one for each augmenter's finished images."""

from collections.abc import Mapping
from pathlib import Path

from aga_lightning.augment.augmenter import Stage, StageCache
from aga_lightning.augment.store.shelf import Shelf
from aga_lightning.data.images import file_digest

_SUFFIX: dict[Stage, str] = {"subjects": ".png", "captions": ".txt", "backgrounds": ".jpg"}


class Store(StageCache):
    """Everything generated, below one folder.

    What is expensive is kept per stage, so that a new painter never redoes a mask:

        subjects/<key>.png  captions  backgrounds/<key>.jpg     the stages
        augmented/<method>-<fingerprint>/<class>/...jpg         an ImageFolder of finished images
        index/...                                               the journals: what is finished

    Args:
        cache_dir: The folder; made on the first write.
    """

    def __init__(self, cache_dir: str | Path) -> None:
        self.cache_dir = Path(cache_dir)
        self._stages: dict[Stage, Shelf] = {stage: self._shelf(stage) for stage in _SUFFIX}
        self._sources = self._shelf("sources")

    def augmented(self, name: str) -> Shelf:
        """The shelf of one augmenter's finished images."""
        return self._shelf(f"augmented/{name}")

    def load(self, stage: Stage, key: str) -> tuple[Mapping[str, object], bytes | None] | None:
        """What a stage has finished under a key: facts, and the content of its file if it has one."""
        shelf = self._stages[stage]
        entry = shelf.get(key)
        if entry is None:
            return None
        return entry.facts, None if entry.file is None else shelf.read(entry)

    def save(self, stage: Stage, key: str, facts: Mapping[str, object], data: bytes | None = None) -> None:
        """Keep what a stage has finished."""
        file = None if data is None else f"{key[:2]}/{key}{_SUFFIX[stage]}"
        self._stages[stage].put(key, facts, data, file)

    def digest(self, path: Path) -> str:
        """SHA-256 of a file's bytes, remembered for as long as its size and time of change stay the same."""
        stat = path.stat()
        key = f"{path.absolute()}|{stat.st_size}|{stat.st_mtime_ns}"
        entry = self._sources.get(key)
        if entry is None:
            entry = self._sources.put(key, {"digest": file_digest(path)})
        return str(entry.facts["digest"])

    def _shelf(self, name: str) -> Shelf:
        return Shelf(self.cache_dir / name, self.cache_dir / "index" / name)
