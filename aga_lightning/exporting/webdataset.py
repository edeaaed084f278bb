"""WebDataset shards: tar files in which a sample is a run of files of one key.

    <key>.jpg     the image (.png where it is one)
    <key>.cls     the label, in ASCII digits
    <key>.json    all columns

The format: https://github.com/webdataset/webdataset. A key ends at the first dot of a file's name, so it has no dots.
The tar files hold no time, owner or machine: the same samples give the same bytes.
"""

import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aga_lightning.exporting.aside import ExportError, no_half_file
from aga_lightning.exporting.items import Item
from aga_lightning.files import portable_json
from aga_lightning.images.seeds import seed_from

_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_Files = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class ShardSize:
    """Largest number of samples, or bytes of the tar file, of a shard; a shard has at least one sample."""

    samples: int | None = None
    bytes: int | None = None

    @classmethod
    def parse(cls, text: int | str) -> Self:
        """Read a number of samples, or a size in kB, MB, GB, KiB, MiB or GiB.

        Raises:
            ExportError: If it is neither, or not above 0.
        """
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(text).strip().lower())
        number, unit = found.groups() if found else ("0", "")
        if unit in _UNITS and float(number) > 0:
            return cls(bytes=int(float(number) * _UNITS[unit]))
        if not unit and number.isdigit() and int(number) > 0:
            return cls(samples=int(number))
        raise ExportError(f"--shard_size is {text!r}: give a number of samples (1000) or a size (500MB, 1GiB)")

    def has_room(self, samples: int, files: int, more: int) -> bool:
        """Whether a further sample fits.

        Args:
            samples: Number of samples in the shard.
            files: Bytes of their files, including headers and padding.
            more: The same bytes of the next sample.
        """
        if self.samples is not None:
            return samples < self.samples
        return self.bytes is None or _whole(files + more) <= self.bytes


def mixed(count: int, seed: int) -> list[int]:
    """The numbers below `count` in an order that depends on the seed alone, whatever Python's version."""
    return sorted(range(count), key=lambda number: seed_from("shards", seed, number))


def write_shards(
    folder: Path, samples: Iterable[tuple[Item, str, dict[str, object]]], size: ShardSize
) -> list[dict[str, object]]:
    """Write samples in their order into `aga-000000.tar` and so on.

    Args:
        folder: The folder of the shards.
        samples: Each image with its key and its row.
        size: The size of a full shard.

    Returns:
        Name, samples and bytes of each shard.

    Raises:
        ExportError: If a file cannot be written; no partial shard is left.
    """
    shards: list[dict[str, object]] = []
    todo = _as_files(samples)
    first = next(todo, None)
    while first is not None:
        path = folder / f"aga-{len(shards):06d}.tar"
        with no_half_file(path), tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            used, held = 0, 0
            while first is not None and (held == 0 or size.has_room(held, used, _padded(first))):
                for name, data in first:
                    tar.addfile(_header(name, data), io.BytesIO(data))
                used, held = used + _padded(first), held + 1
                first = next(todo, None)
        shards.append({"file": path.name, "images": held, "bytes": path.stat().st_size})
    return shards


def _as_files(samples: Iterable[tuple[Item, str, dict[str, object]]]) -> Iterator[_Files]:
    for item, key, row in samples:
        data, suffix = item.content()
        label = str(item.record.label).encode()
        yield [(f"{key}{suffix}", data), (f"{key}.cls", label), (f"{key}.json", portable_json(row))]


def _header(name: str, data: bytes) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)  # time and owner 0, and no names of theirs
    header.size = len(data)
    header.mode = 0o644
    return header


def _padded(files: _Files) -> int:
    """Bytes that files take: a block of 512 for each header, and whole blocks for the content."""
    return sum(tarfile.BLOCKSIZE * (1 + -(-len(data) // tarfile.BLOCKSIZE)) for _, data in files)


def _whole(files: int) -> int:
    """Bytes of the tar file: the files, two empty blocks, and padding to whole records."""
    return -(-(files + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE
