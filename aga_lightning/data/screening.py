"""Leave out the images that cannot be read, and say which."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.data.base import DatasetError, ImageRecord
from aga_lightning.data.images import ImageReadError, read_image


def screen(records: Sequence[ImageRecord], listing: Path) -> list[ImageRecord]:
    """The records whose images can be decoded.

    Args:
        records: What to look at.
        listing: Where the unreadable ones are listed, a line each.

    Raises:
        DatasetError: If none can be read.
    """
    with ThreadPoolExecutor() as pool:
        objections = list(pool.map(_objection, records))
    bad = [objection for objection in objections if objection is not None]
    if bad:
        if len(bad) == len(records):
            raise DatasetError(f"none of {len(records)} images can be read; the first: {bad[0]}")
        listing.parent.mkdir(parents=True, exist_ok=True)
        known = set(listing.read_text(encoding="utf-8").splitlines()) if listing.exists() else set()
        listing.write_text("".join(f"{line}\n" for line in sorted(known | set(bad))), encoding="utf-8")
        rank_zero_warn(f"{len(bad)} of {len(records)} images cannot be read and are left out; listed in {listing}")
    return [record for record, objection in zip(records, objections, strict=True) if objection is None]


def _objection(record: ImageRecord) -> str | None:
    try:
        read_image(record.path)
    except ImageReadError as error:
        return str(error)
    return None
