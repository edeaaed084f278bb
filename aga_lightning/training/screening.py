"""Leave out and list the images that cannot be read."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.files import read_text, shown, write_text
from aga_lightning.images.reading import ImageReadError, read_image
from aga_lightning.images.records import DatasetError, ImageRecord


def screen(records: Sequence[ImageRecord], listing: Path) -> list[ImageRecord]:
    """The records whose images can be decoded.

    Args:
        records: The images to decode.
        listing: The file that lists the unreadable images, one line each.

    Raises:
        DatasetError: If no image can be read.
    """
    with ThreadPoolExecutor() as pool:
        objections = list(pool.map(_objection, records))
    bad = [objection for objection in objections if objection is not None]
    if bad:
        if len(bad) == len(records):
            raise DatasetError(f"none of {len(records)} images can be read; the first: {bad[0]}")
        try:
            known = set(read_text(listing).splitlines()) if listing.exists() else set()
            write_text(listing, "".join(f"{line}\n" for line in sorted(known | set(bad))))
            where = f"listed in {listing}"
        except OSError as error:  # a read-only cache will do if it is complete
            where = f"{listing} cannot be written ({error.strerror}); the first: {bad[0]}"
        rank_zero_warn(f"{len(bad)} of {len(records)} images cannot be read and are left out; {where}")
    return [record for record, objection in zip(records, objections, strict=True) if objection is None]


def require_files(records: Sequence[ImageRecord]) -> None:
    """Check that the image files exist, so that a missing one does not end a training after hours.

    Args:
        records: The images.

    Raises:
        DatasetError: If a file is missing; the message counts the missing files and names the first.
    """
    with ThreadPoolExecutor() as pool:
        there = list(pool.map(lambda record: record.path.is_file(), records))
    missing = [record.path for record, found in zip(records, there, strict=True) if not found]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(records)} image files are missing, such as {shown(missing[0])}: copy the data set "
            "completely (the verb check lists all of them), or set --data.bad_images skip to go without them"
        )


def _objection(record: ImageRecord) -> str | None:
    try:
        read_image(record.path)
    except ImageReadError as error:
        return str(error)
    return None
