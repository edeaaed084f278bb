"""List the evaluation images that nearly equal a training image: a part of the verb `check`."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.progress import track

from aga_lightning.files import shown, write_csv
from aga_lightning.images.duplicates import Hashed, near_duplicates
from aga_lightning.images.records import ImageRecord

DUPLICATES = "near_duplicates.csv"
"""The file in the cache directory that lists them."""


def report_duplicates(records: Mapping[str, Sequence[ImageRecord]], listing: Path, console: Console) -> None:
    """Say how many images of each evaluation set nearly equal a training image, and write them to a file.

    Args:
        records: Records by set; "train" is compared with all others.
        listing: A CSV file of both images, the distance of their hashes in bits of 63, and whether one is mirrored.
        console: Where to print.
    """
    sets = {name: [record.path for record in found] for name, found in records.items() if name != "train"}

    def progress(hashed: Iterable[Hashed], count: int) -> Iterable[Hashed]:
        return track(hashed, f"Reading {count} images", count, console=console, transient=True)

    found = near_duplicates([record.path for record in records["train"]], sets, progress=progress)
    for name, near in found.items():
        same = sum(one.distance == 0 for one in near)
        console.print(
            f"{name}: {len(near)} of {len(sets[name])} images resemble a training image"
            + (f", {same} of them with the same hash" if same else ""),
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
    with suppress(OSError):  # that nothing can be written there is told below
        listing.unlink()
    if not any(found.values()):
        return
    header = ["set", "evaluation image", "training image", "distance", "mirrored"]
    rows = [(name, one.evaluation, one.training, one.distance, one.mirrored) for name in found for one in found[name]]
    where = f"They are listed in {listing}."
    try:
        write_csv(listing, header, rows)
    except OSError as error:
        lines = [f"  {name}: {shown(evaluation)} is like {shown(training)}" for name, evaluation, training, *_ in rows]
        where = "\n".join([*lines, f"{listing} cannot be written ({error.strerror})."])
    console.print(where, soft_wrap=True, markup=False, highlight=False)
