"""The images that a run uses: each set is listed once, and checked before training starts."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.files import shown
from aga_lightning.images.finding import find_images, told
from aga_lightning.images.records import DatasetError, ImageRecord, Unused
from aga_lightning.training.background_sets import BackgroundSets
from aga_lightning.training.screening import require_files, screen


@dataclass(eq=False)
class RecordSets:
    """Training images, validation and test images, and the out-of-distribution sets of a data set.

    Errors carry the data set's guide as a note: where to get the files, and the layout of their folders.

    Args:
        dataset: The data set.
        listing: A file that lists unreadable images, which are left out. With None a missing file is an error when the
            set is listed, and an unreadable one when it is read.
        background_sets: Further out-of-distribution sets, made from the test images; None for none.
    """

    dataset: ImageDataset
    listing: Path | None = None
    background_sets: BackgroundSets | None = None

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
        """Whether the validation images, which select the checkpoint, are used as test images too."""
        return self.test == self.val

    @cached_property
    def ood(self) -> dict[str, list[ImageRecord]]:
        """The out-of-distribution sets by name: the data set's own, then the background sets.

        Raises:
            DatasetError: If two sets have the same name, or the background sets cannot be made.
        """
        if self.background_sets is None:
            return self._own_ood
        if both := sorted(self._own_ood.keys() & set(self.background_sets.names)):
            raise DatasetError(f"the data set has out-of-distribution sets of its own named {', '.join(both)}: "
                               "rename them, or name other sets in --data.background_sets")  # fmt: skip
        with guided(self.dataset):
            return self._own_ood | self.background_sets.records(self.test)

    def tell_unused(self) -> None:
        """Warn in one line of files that are not used and of classes without validation or test images."""
        unused = "; ".join(told(self.dataset.unused(), photos_only=True))
        remarks = [f"not used: {unused}" if unused else "", *unjudged(self.train, self.val, self.test)]
        if any(remarks):
            rank_zero_warn(f"{'. '.join(filter(None, remarks))}. The verb check tells more")

    @property
    def evaluation(self) -> list[list[ImageRecord]]:
        """All evaluation sets, from which nothing may be learned.

        Background sets are left out: they are derived from the test images, add no new content and influence no
        decision.
        """
        return [self.val, self.test, *self._own_ood.values()]

    @cached_property
    def _own_ood(self) -> dict[str, list[ImageRecord]]:
        with guided(self.dataset):
            found = self.dataset.ood_records()
        return {name: self.looked_over(records) for name, records in found.items()}

    def looked_over(self, records: list[ImageRecord]) -> list[ImageRecord]:
        """The usable records.

        Raises:
            DatasetError: If an image file is missing; with a `listing`, if no image can be read.
        """
        if self.listing is None:
            require_files(records)
            return records
        return screen(records, self.listing)

    def in_folder(self, folder: Path) -> list[ImageRecord]:
        """The usable images of a bare folder, or the one file that it is, with the label -1.

        A warning tells what else the folder holds.
        """
        if folder.is_file():
            return self.looked_over([ImageRecord(folder, -1, "", "")])
        unused: list[Unused] = []
        found = find_images(folder, follow_links=self.dataset.follow_links, unused=unused)
        if passed := told(unused, photos_only=True):
            rank_zero_warn(f"{folder} holds more than images that are read: {'; '.join(passed)}")
        return self.looked_over([ImageRecord(path, -1, "", "") for path in found])

    def _split(self, split: Split) -> list[ImageRecord]:
        with guided(self.dataset):
            records = self.dataset.records(split)
        return self.looked_over(records)


def groups_of(sets: Iterable[Sequence[ImageRecord]]) -> tuple[str, ...]:
    """The groups of the images of some sets, sorted; empty if no image has a group."""
    groups = {record.group for records in sets for record in records}
    return tuple(sorted(groups)) if any(groups) else ()


def unjudged(train: Sequence[ImageRecord], val: Sequence[ImageRecord], test: Sequence[ImageRecord]) -> Iterator[str]:
    """Remarks on classes with training images but without validation images, or without test images."""
    trained = {record.class_name for record in train}
    for kind, records in {"validation": val, **({} if test == val else {"test": test})}.items():
        if bare := sorted(trained - {record.class_name for record in records}):
            names = ", ".join(map(shown, bare[:5]))
            yield f"{len(bare)} of {len(trained)} classes have no {kind} image: {names}"


@contextmanager
def guided(dataset: ImageDataset) -> Iterator[None]:
    """Add a data set's guide to its errors: where to get the files, and the layout of their folders."""
    try:
        yield
    except DatasetError as error:
        if guide := dataset.guide():
            error.add_note(guide)
        raise
