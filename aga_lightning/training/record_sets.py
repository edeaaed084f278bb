"""The images that a run uses: each set is listed once, and looked over before anything is trained on it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.files import shown
from aga_lightning.images.finding import told
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.training.background_sets import BackgroundSets
from aga_lightning.training.screening import require_files, screen


class RecordSets:
    """Training images, validation and test images, and the out-of-distribution sets of a data set.

    Its errors carry the data set's guide as a note: where to get the files, and how they have to lie.

    Args:
        dataset: The data set.
        listing: Where unreadable images are listed; they are left out. None stops at them when they are read, and now
            at missing ones.
        background_sets: Made of the test images, as further out-of-distribution sets; None for none.
    """

    def __init__(
        self, dataset: ImageDataset, listing: Path | None = None, background_sets: BackgroundSets | None = None
    ) -> None:
        self.dataset = dataset
        self.listing = listing
        self.background_sets = background_sets

    @cached_property
    def train(self) -> list[ImageRecord]:
        """The training images."""
        return self._split("train")

    @cached_property
    def val(self) -> list[ImageRecord]:
        """The validation images."""
        return self._split("val")

    @cached_property
    def test(self) -> list[ImageRecord]:
        """The test images."""
        return self._split("test")

    @cached_property
    def tests_on_val(self) -> bool:
        """Whether the validation images, which choose the checkpoint, stand in for test images that are not there."""
        return self.test == self.val

    @cached_property
    def ood(self) -> dict[str, list[ImageRecord]]:
        """The out-of-distribution sets by name: the data set's own, then those made of the test images.

        Raises:
            DatasetError: If two have the same name, or those of the test images cannot be made.
        """
        if self.background_sets is None:
            return self._own_ood
        if both := sorted(self._own_ood.keys() & set(self.background_sets.names)):
            raise DatasetError(f"the data set has out-of-distribution sets of its own named {', '.join(both)}: "
                               "rename them, or name other sets in --data.background_sets")  # fmt: skip
        with guided(self.dataset):
            return self._own_ood | self.background_sets.records(self.test)

    def tell_unused(self) -> None:
        """Say in a line what lies among the images and is not used, and which classes are never validated."""
        unused = "; ".join(told(self.dataset.unused(), photos_only=True))
        remarks = [f"not used: {unused}" if unused else "", without_validation(self.train, self.val)]
        if any(remarks):
            rank_zero_warn(f"{'. '.join(filter(None, remarks))}. The verb check tells more")

    @property
    def evaluation(self) -> list[list[ImageRecord]]:
        """All sets of the data set that nothing may be learned from.

        What is made of the test images shows nothing that is not in them, and changes no decision that knows of them.
        """
        return [self.val, self.test, *self._own_ood.values()]

    @cached_property
    def _own_ood(self) -> dict[str, list[ImageRecord]]:
        with guided(self.dataset):
            found = self.dataset.ood_records()
        return {name: self.looked_over(records) for name, records in found.items()}

    def looked_over(self, records: list[ImageRecord]) -> list[ImageRecord]:
        """The records that can be used.

        Raises:
            DatasetError: If an image is missing, or where such are left out, if none can be read.
        """
        if self.listing is None:
            require_files(records)
            return records
        return screen(records, self.listing)

    def _split(self, split: Split) -> list[ImageRecord]:
        with guided(self.dataset):
            records = self.dataset.records(split)
        return self.looked_over(records)


def groups_of(sets: Iterable[Sequence[ImageRecord]]) -> tuple[str, ...]:
    """The groups that the images of some sets belong to, sorted; none where nobody names one."""
    groups = {record.group for records in sets for record in records}
    return tuple(sorted(groups)) if any(groups) else ()


def without_validation(train: Sequence[ImageRecord], val: Sequence[ImageRecord]) -> str:
    """Which classes have training images, but none to validate; empty where there is no such class."""
    trained = {record.class_name for record in train}
    bare = sorted(trained - {record.class_name for record in val})
    if not bare:
        return ""
    return f"{len(bare)} of {len(trained)} classes have no validation image: {', '.join(map(shown, bare[:5]))}"


@contextmanager
def guided(dataset: ImageDataset) -> Iterator[None]:
    """Let the errors of a data set say where to get it and how it has to lie."""
    try:
        yield
    except DatasetError as error:
        if guide := dataset.guide():
            error.add_note(guide)
        raise
