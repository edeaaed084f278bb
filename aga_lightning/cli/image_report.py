"""Look all image files of a run over, and list those that cannot be read: a part of the verb `check`."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track

from aga_lightning.files import shown, write_text
from aga_lightning.images.boxes import box_overlap, clamp
from aga_lightning.images.reading import ImageReadError, image_size, verify_image
from aga_lightning.images.records import Box, ImageRecord
from aga_lightning.training.datamodule import AGADataModule

Records = Mapping[str, Sequence[ImageRecord]]
"""Records by set: train, val, test and ood/<name>."""

LISTING = "bad_images.txt"
"""The file in the cache directory that lists all images that cannot be read."""

_SHOWN = 20  # unreadable images
_CHUNK = 256  # images that a thread looks at in a go
_OUTSIDE = "a box that lies mostly outside of the image, as boxes of a larger copy do"


def readable(
    data: AGADataModule, records: Records, decode: bool, console: Console, problems: list[str]
) -> dict[str, list[ImageRecord]]:
    """Look all images and masks over, and say which cannot be read.

    Args:
        data: Whose images they are; its cache directory gets the list of unreadable ones.
        records: The images by set.
        decode: Whether every file is decoded.
        console: Where to print.
        problems: Gets a line where a fit would stop.

    Returns:
        The records that a fit uses.
    """
    everything = [record for found in records.values() for record in found]
    files = {record.path: _File(record.path, box=record.box) for record in everything}
    images = len(files)
    for record in everything:
        if record.mask_path is not None:
            files.setdefault(record.mask_path, _File(record.mask_path, image=record.path))
    looks = dict(zip(files, _looks(list(files.values()), decode, console), strict=True))
    for remark, paths in _by_remark(list(looks.items())[:images]).items():
        note = f"Note: {len(paths):,} of {images:,} images have {remark} (such as {shown(paths[0])})."
        console.print(note, soft_wrap=True, markup=False, highlight=False)
    bad = [look for look in looks.values() if isinstance(look, str)]
    where = _list(bad, data.store.cache_dir / LISTING, console)
    if not bad:
        return {name: list(found) for name, found in records.items()}
    summary = f"{len(bad)} of {len(files)} image files cannot be read; {where}"
    if data.bad_images != "skip":
        problems.append(f"{summary}: mend them, or set --data.bad_images skip")
        return {name: list(found) for name, found in records.items()}
    console.print(f"{summary}. Such images are left out.", soft_wrap=True, markup=False, highlight=False)
    left = {name: [one for one in found if not isinstance(looks[one.path], str)] for name, found in records.items()}
    problems += [f"none of the {len(records[name])} images of {name} can be read" for name in left if not left[name]]
    return left


def _list(bad: Sequence[str], listing: Path, console: Console) -> str:
    """Write down all unreadable files, and show the first, or all where no file can be written; where all are listed.

    A list of an earlier look goes.
    """
    with suppress(OSError):  # that nothing can be kept there is told otherwise
        listing.unlink()
    shown_lines, where = bad[:_SHOWN], f"listed in {listing}"
    try:
        if bad:
            write_text(listing, "".join(f"{line}\n" for line in bad))
    except OSError as error:
        shown_lines, where = bad, f"all are listed above, since {listing} cannot be written ({error.strerror})"
    for line in shown_lines:
        console.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)
    if len(bad) > len(shown_lines):
        console.print(f"  ... and {len(bad) - len(shown_lines)} more")
    return where


class _File(NamedTuple):
    """A file of an image, with its box if it has one; or a file of a mask, and its image."""

    path: Path
    image: Path | None = None
    box: Box | None = None


Look = tuple[str, ...] | str
"""What is remarkable about an image, or why it cannot be read."""


def _looks(files: Sequence[_File], decode: bool, console: Console) -> Iterator[Look]:
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    with ThreadPoolExecutor() as pool:
        looked = pool.map(lambda chunk: [_look(file, decode) for file in chunk], chunks)
        title = f"{'Pixels' if decode else 'Headers'} of {len(files)} image files"
        for answers in track(looked, title, len(chunks), console=console, transient=True, disable=not chunks):
            yield from answers


def _look(file: _File, decode: bool) -> Look:
    path, image, box = file
    try:
        remarks = verify_image(path, decode)
        size = image_size(path)
    except ImageReadError as error:
        return str(error)
    if image is None:
        return remarks if box is None or _is_mostly_inside(box, size) else (*remarks, _OUTSIDE)
    try:
        of_image = image_size(image)
    except ImageReadError:
        return ()  # it is named itself
    if size == of_image:
        return ()
    return (
        f"{shown(path)} is a mask of {size[0]} x {size[1]} pixels, but its image has {of_image[0]} x {of_image[1]}: "
        "give them the same size"
    )


def _is_mostly_inside(box: Box, size: tuple[int, int]) -> bool:
    """Whether at least half of a box is inside of an image of this width and height."""
    inside = clamp(box, *size)
    return inside is not None and 2 * box_overlap(inside, box) >= 1


def _by_remark(looks: Sequence[tuple[Path, Look]]) -> dict[str, list[Path]]:
    """The images of each remark."""
    found: dict[str, list[Path]] = {}
    for path, look in looks:
        for remark in look if isinstance(look, tuple) else ():
            found.setdefault(remark, []).append(path)
    return found
