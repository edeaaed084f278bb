"""The interface of data sets: records, classes and superclasses."""

from abc import ABC, abstractmethod
from typing import Literal

from aga_lightning.images.records import ImageRecord, Unused

Split = Literal["train", "val", "test"]


class ImageDataset(ABC):
    """A data set: named classes, and records for training and for in- and out-of-distribution evaluation.

    `download` allows `prepare` to download files, `follow_links` allows symbolic links to lead out of the folders.
    """

    download: bool = False
    follow_links: bool = False

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Class names in label order; quick to get, and known before any file is made."""

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def imagenet_indices(self) -> tuple[int, ...] | None:
        """Index of each class, in label order, among the 1000 outputs of an ImageNet network; None if unknown."""
        return None

    def superclass(self, class_name: str) -> str:
        """The superclass of a class, for which a detector is asked; by default the class itself.

        It is empty for a class without a subject.
        """
        return class_name

    def guide(self) -> str:
        """Where to get the files and the layout of their folders, in a few lines; empty if the layout is free."""
        return ""

    def remarks(self) -> list[str]:
        """Remarks on unusual files that are no errors, one line each: extra files, counts other than the published."""
        return []

    def unused(self) -> list[Unused]:
        """Files among the images that are not used, as far as the images have been listed."""
        return []

    def prepare(self) -> None:
        """Put the files in place. Called once on each machine, before `records`; finished work is not repeated."""

    @abstractmethod
    def records(self, split: Split) -> list[ImageRecord]:
        """The images of one split, in an order that is the same on every machine.

        A data set without a test split gives its validation split for "test".
        """

    def ood_records(self) -> dict[str, list[ImageRecord]]:
        """Out-of-distribution evaluation sets by name (lower case, digits and underscores)."""
        return {}
