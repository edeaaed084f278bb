"""Write a generated set for other trainers: the verb `export`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import yaml
from rich.console import Console
from rich.progress import track

from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.fingerprint import describe
from aga_lightning.exporting.aside import PLAN, ExportError, partial_folder, write
from aga_lightning.exporting.card import export_card
from aga_lightning.exporting.imagefolder import SPLIT, write_imagefolder
from aga_lightning.exporting.items import Finished, Item, finished_items, names_of, rows_of, with_originals
from aga_lightning.exporting.names import class_folders
from aga_lightning.exporting.webdataset import ShardSize, mixed, write_shards
from aga_lightning.files import portable_json, portable_text
from aga_lightning.paths import UserPath

Format = Literal["imagefolder", "webdataset"]


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an export.

    Args:
        to: The folder; it must be empty or not exist.
        format: The format of the export.
        originals: Whether to export the training images too.
        shard_size: Samples of a WebDataset shard, or its size with a unit (500MB).
        seed: Seed of the order of the samples in the shards.
        partial: Whether to export the finished part of an unfinished set.
    """

    to: UserPath | str
    format: Format = "imagefolder"
    originals: bool = False
    shard_size: int | str = 1000
    seed: int = 0
    partial: bool = False


def export(collection: Collection, classes: Sequence[str], options: Options, console: Console | None = None) -> None:
    """Write the accepted augmentations of a collection, and print a summary.

    Args:
        collection: The augmentations that the verb augment has made.
        classes: Class names in label order.
        options: Options of the export.
        console: The console to print to; the terminal by default.

    Raises:
        ExportError: If nothing is finished, if the set is unfinished and `partial` is false, or if the folder cannot be
            written.
        ImageReadError: If a training image to be exported cannot be read.
    """
    if options.format not in get_args(Format):
        raise ExportError(f"--format is {options.format!r}; give imagefolder or webdataset")
    size = ShardSize.parse(options.shard_size)
    console = console or Console()
    finished = finished_items(collection)
    counts = (
        f"{finished.asked:,} augmentations asked, {finished.asked - finished.missing:,} finished: "
        f"{finished.accepted:,} accepted, {len(finished.rejected):,} rejected"
    )
    _refuse_unfinished(collection, finished, counts, options.partial)
    console.print(f"{counts}.", highlight=False)
    items = with_originals(finished.items, collection) if options.originals else list(finished.items)
    with partial_folder(Path(UserPath.of(options.to)), _plan(collection, options, len(items))) as folder:
        summary = _write_all(folder, collection, classes, options, size, (finished, items), console)
    extra = len(items) - len(finished.items)
    told = f"{len(items):,} images of {len(classes)} classes" + (
        f", {extra:,} of them training images" if extra else ""
    )
    console.print(f"{told}: {summary} in {options.to}", soft_wrap=True, markup=False, highlight=False)


def _refuse_unfinished(collection: Collection, finished: Finished, counts: str, partial: bool) -> None:
    if finished.missing == finished.asked:
        raise ExportError(f"{counts}: run the verb augment with the same configuration first ({collection.folder})")
    if finished.missing and not partial:
        raise ExportError(f"{counts}: run the verb augment first, or set --partial true ({collection.folder})")
    if not finished.accepted:
        raise ExportError(f"{counts}: there is nothing to export; see {collection.folder / 'rejected.jsonl'}")


def _plan(collection: Collection, options: Options, images: int) -> dict[str, object]:
    """The settings that make two exports the same, in plain JSON values."""
    shards = {"shard_size": options.shard_size, "seed": options.seed} if options.format == "webdataset" else {}
    return {
        "format": options.format,
        "collection": collection.name,
        "degree": collection.degree,
        "originals": options.originals,
        "images": images,
        **shards,
    }


def _write_all(
    folder: Path,
    collection: Collection,
    classes: Sequence[str],
    options: Options,
    size: ShardSize,
    what: tuple[Finished, Sequence[Item]],
    console: Console,
) -> str:
    """Write images, card and lists of classes; returns a summary in words."""
    finished, items = what
    folders = class_folders(classes)
    rows = rows_of(items)
    sharded = options.format == "webdataset"
    names = names_of(items, folders, "-" if sharded else "/")
    order = mixed(len(items), options.seed) if sharded else range(len(items))

    def samples() -> Iterator[tuple[Item, str, dict[str, object]]]:
        title = f"Writing {len(items):,} images"
        for number in track(order, title, console=console, transient=True, disable=not console.is_terminal):
            yield items[number], names[number], rows[number]

    shards = write_shards(folder, samples(), size) if sharded else []
    images_bytes = 0 if sharded else write_imagefolder(folder, samples())
    named = dict(zip(classes, folders, strict=True))
    card = export_card(collection, rows, finished, named, len(shards) if sharded else None)
    write(folder / "README.md", portable_text(card))
    write(folder / "classes.txt", portable_text("".join(" ".join(name.split()) + "\n" for name in classes)))
    write(folder / "config.yaml", _settings(collection))
    facts = {
        "export": _plan(collection, options, len(items)),
        "split": SPLIT,
        "classes": [{"label": label, "name": name, "in_files": named[name]} for label, name in enumerate(classes)],
        "asked": finished.asked,
        "accepted": finished.accepted,
        "rejected": len(finished.rejected),
        "columns": list(rows[0]),
        **({"shards": shards} if sharded else {}),
    }
    write(folder / PLAN, portable_json(facts, indent=2) + b"\n")
    megabytes = (sum(int(str(shard["bytes"])) for shard in shards) or images_bytes) / 1e6
    told = f"{len(shards):,} shard{'s' * (len(shards) != 1)}, " if sharded else ""
    return f"{told}{megabytes:,.1f} MB"


def _settings(collection: Collection) -> bytes:
    """The settings of the augmentations, as in the collection's own folder."""
    augmenter = collection.augmenter
    settings = {"augmenter": describe(augmenter), "learned": augmenter.learned(), "seed": collection.seed}
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).encode()
