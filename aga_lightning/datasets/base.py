"""What every data set gives: records, classes and superclasses."""

from abc import ABC, abstractmethod
from typing import Literal

from aga_lightning.images.records import ImageRecord, Unused

Split = Literal["train", "val", "test"]


class ImageDataset(ABC):
    """A data set: named classes, and records for training and for in- and out-of-distribution evaluation.

    `download` says that `prepare` may fetch files from elsewhere, `follow_links` that symbolic links may lead anywhere.
    """

    download: bool = False
    follow_links: bool = False

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Class names in label order; cheap, and known before any file is made."""

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def imagenet_indices(self) -> tuple[int, ...] | None:
        """Which outputs of a net for ImageNet's 1000 classes the classes are, in label order; None where unknown."""
        return None

    def superclass(self, class_name: str) -> str:
        """The kind of thing a class is; the class itself unless the data set knows better.

        It is empty for a class without a subject.
        """
        return class_name

    def guide(self) -> str:
        """Where to get the files and how they have to lie, in some lines for a person; empty where anything goes."""
        return ""

    def remarks(self) -> list[str]:
        """What is odd about the files but stops nothing, a line each: extra files, counts other than the published."""
        return []

    def unused(self) -> list[Unused]:
        """What was found among the images, as far as they were listed by now, and is not used."""
        return []

    def prepare(self) -> None:
        """Put the files in place. Called once a machine, before `records`; finished work is not redone."""

    @abstractmethod
    def records(self, split: Split) -> list[ImageRecord]:
        """The images of one split, in an order that is the same on every machine.

        A data set without a test split gives its validation split for "test".
        """

    def ood_records(self) -> dict[str, list[ImageRecord]]:
        """Out-of-distribution evaluation sets by name (lower case, digits and underscores)."""
        return {}
