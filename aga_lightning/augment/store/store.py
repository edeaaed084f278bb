"""The cache directory: a shelf for each stage of the recipe, and one for each augmenter's finished images."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from aga_lightning.augment.augmenter import Finished, Stage, StageCache
from aga_lightning.augment.store.shelf import Shelf
from aga_lightning.data.images import file_digest

_SUFFIX: dict[Stage, str] = {
    "boxes": ".json",
    "subjects": ".png",
    "captions": ".txt",
    "backgrounds": ".jpg",
    "verdicts": ".txt",
    "descriptions": ".txt",
    "domains": ".txt",
    "embeddings": ".safetensors",
    "pictures": ".jpg",
}


class Store(StageCache):
    """Everything generated, below one folder.

    What is expensive is kept per stage, so that a new painter never redoes a mask:

        boxes  subjects/<key>.png  captions  backgrounds/<key>.jpg  verdicts     the stages of AGA
        descriptions  domains  embeddings/<key>.safetensors  pictures/<key>.jpg  those of its rivals
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

    def load(self, stage: Stage, key: str) -> Finished | None:
        """What a stage has finished under a key; None where nothing is finished."""
        shelf = self._stages[stage]
        entry = shelf.get(key)
        if entry is None:
            return None
        return entry.facts, None if entry.file is None else shelf.read(entry)

    def facts(self, stage: Stage, key: str) -> Mapping[str, object] | None:
        """The facts alone, without reading the file; None where nothing is finished."""
        entry = self._stages[stage].get(key)
        return None if entry is None else entry.facts

    def save(self, stage: Stage, key: str, facts: Mapping[str, object], data: bytes | None = None) -> None:
        """Keep what a stage has finished."""
        file = None if data is None else f"{key[:2]}/{key}{_SUFFIX[stage]}"
        self._stages[stage].put(key, facts, data, file)

    def finished(self, stage: Stage) -> Set[str]:
        """The keys of all that a stage has finished, in one scan of its folder."""
        return self._stages[stage].entries().keys()

    @contextmanager
    def claim(self, stage: Stage, keys: Sequence[str]) -> Iterator[Set[str]]:
        """Those of the keys that no other process is making, held until the block ends.

        A claim is a lock that the system releases when its process ends, however it ends. Keys share 4096 locks.
        """
        folder = self.cache_dir / "index" / stage / "claims"
        folder.mkdir(parents=True, exist_ok=True)
        by_lock = defaultdict(set)
        for key in keys:
            by_lock[key[:3]].add(key)
        mine: set[str] = set()
        with ExitStack() as held:
            for name in sorted(by_lock):
                lock = FileLock(folder / f"{name}.lock")
                try:
                    held.enter_context(lock.acquire(timeout=0))
                except Timeout:
                    continue
                mine |= by_lock[name]
            yield mine

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
