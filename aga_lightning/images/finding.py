"""Find the images and class folders in a folder, and report all other files as unused."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from aga_lightning.files import shown
from aga_lightning.images.formats import image_endings, missing_reader
from aga_lightning.images.records import DatasetError, Unused

_SYSTEM = frozenset(
    (
        "#recycle,#snapshot,$recycle.bin,@eadir,@recently-snapshot,@recycle,@tmp,__macosx,__pycache__,desktop.ini,"
        "ehthumbs.db,icon\r,lost+found,network trash folder,system volume information,temporary items,"
        "thumbs.db,~snapshot"
    ).split(",")
)
"""Files and folders that operating systems and storage devices make, in lower case."""

_ABOUT_IMAGES = frozenset(
    ".csv .html .json .jsonl .log .mat .md .npy .npz .pdf .py .toml .tsv .txt .xml .yaml .yml".split()
)
"""Endings of files that may describe images."""

BESIDE = "image beside the class folders"


def find_images(
    folder: Path, root: Path | None = None, follow_links: bool = False, unused: list[Unused] | None = None
) -> list[Path]:
    """All images in a folder at any depth, by the endings of their names.

    Hidden files and folders are skipped, and so are those that systems make: @eaDir, __MACOSX, Thumbs.db and the like.

    Args:
        folder: The folder.
        root: Symbolic links may lead anywhere inside this folder; by default `folder` itself.
        follow_links: Whether links may lead out of it too.
        unused: All other files are added to this list, and pipes and folders that are named like images.

    Returns:
        Paths in `folder`, sorted by name, and so in the same order on every machine.

    Raises:
        DatasetError: If `folder` is missing, or a link leads out of `root`, to nothing, or round in a circle.
    """
    if not folder.is_dir():
        raise DatasetError(f"{shown(folder)} is not a folder: check the path")
    home = None if follow_links else (root or folder).resolve()
    found = sorted(_walk(folder, home, (folder.resolve(),)), key=lambda one: one.path.as_posix())
    if unused is not None:
        unused += [one for one in found if one.what]
    return [one.path for one in found if not one.what]


def find_folders(folder: Path, home: Path | None = None, unused: list[Unused] | None = None) -> list[Path]:
    """The folders in a folder, sorted by name, without hidden folders and folders that systems make.

    Args:
        folder: The folder.
        home: The folder that links must not lead out of, as in `check_link`.
        unused: Files beside the folders are added to this list.

    Raises:
        DatasetError: If a link leads out of `home`, or to nothing.
    """
    found = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            one = _looked_at(entry)
            if one is None:
                continue
            if one.what == "" and entry.is_dir():
                check_link(one.path, home)
                found.append(one.path)
            elif unused is not None:
                unused.append(one if one.what else Unused(one.path, BESIDE, "put it into the folder of its class"))
    return found


def holds_images(folder: Path) -> bool:
    """Whether a folder holds an image directly, not in a sub-folder."""
    with os.scandir(folder) as entries:
        looks = ((entry, _looked_at(entry)) for entry in entries)
        return any(one is not None and one.what == "" and not entry.is_dir() for entry, one in looks)


def check_link(path: Path, home: Path | None) -> Path:
    """The target of a path after following all links.

    Args:
        path: A file or folder, or a link to one.
        home: The folder (a path without links) that it must not lead out of; None for anywhere.

    Raises:
        DatasetError: If it leads out of `home`, or to nothing.
    """
    target = path.resolve()
    if home is not None and not target.is_relative_to(home):
        raise DatasetError(
            f"{shown(path)} leads out of {shown(home)}, to {shown(target)}: put the files themselves there, remove the "
            "link, or allow it by --data.dataset.follow_links true"
        )
    if not target.exists():
        raise DatasetError(
            f"{shown(path)} is a link to nothing ({shown(target)}): restore its target, or remove the link"
        )
    return target


def told(unused: Iterable[Unused], photos_only: bool = False) -> list[str]:
    """Unused files, one line for each kind: their number, kind, remedy, and the first of them.

    Args:
        unused: The unused files.
        photos_only: Leave out files that may describe images, such as .txt and .csv.
    """
    kinds: dict[tuple[str, str], list[Path]] = {}
    for one in unused:
        if not (photos_only and one.what in _ABOUT_IMAGES):
            kinds.setdefault((one.what, one.remedy), []).append(one.path)
    return [
        f"{len(paths):,} x {what} ({f'{remedy}; ' if remedy else ''}such as {shown(paths[0])})"
        for (what, remedy), paths in sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    ]


def _walk(folder: Path, home: Path | None, above: tuple[Path, ...]) -> Iterator[Unused]:
    """All files in a folder at any depth; `what` is empty for an image."""
    with os.scandir(folder) as entries:
        for entry in entries:
            one = _looked_at(entry)
            if one is None:
                continue
            if entry.is_symlink() and one.what == "" and check_link(one.path, home) in above:
                raise DatasetError(f"{shown(one.path)} is a link to a folder that holds it: remove the link")
            if one.what == "" and entry.is_dir():
                yield from _walk(one.path, home, (*above, one.path.resolve()))
            else:
                yield one


def _looked_at(entry: "os.DirEntry[str]") -> Unused | None:
    """An entry of a folder; `what` is empty for an image or a folder. None for an entry to skip."""
    if entry.name.startswith(".") or entry.name.lower() in _SYSTEM:
        return None
    path = Path(entry.path)
    ending = path.suffix.lower()
    image = ending in image_endings()
    try:
        is_folder, is_file = entry.is_dir(), entry.is_file()
    except OSError as error:  # links in a circle, or through a folder without permission
        raise DatasetError(f"{shown(path)} is a link that leads nowhere ({error.strerror}): remove it") from error
    if is_folder:
        return Unused(path, "folder named like an image" if image else "")
    if is_file:
        return Unused(path, "") if image else Unused(path, ending or "file without an ending", missing_reader(ending))
    if entry.is_symlink():
        return Unused(path, "" if image else "link to nothing")
    return Unused(path, "named pipe, socket or device")
