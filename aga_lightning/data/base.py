"""What every data set gives: records, classes and superclasses."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the upright image; right and bottom are exclusive."""

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One labelled image on disk.

    Args:
        path: The image file.
        label: Index into the data set's `classes`.
        class_name: The class, as the data set spells it.
        superclass: What a detector is asked for: "bird", not "water ouzel" (section 4.1 of the paper).
        box: The data set's own box around the subject, if it ships one.
        mask_path: The data set's own mask of the subject (non-zero is subject), if it ships one.
    """

    path: Path
    label: int
    class_name: str
    superclass: str
    box: Box | None = None
    mask_path: Path | None = None


class DatasetError(ValueError):
    """A data set whose files or settings are wrong; the message names the file and the remedy."""


class ImageDataset(ABC):
    """A data set: named classes, and records for training and for in- and out-of-distribution evaluation."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Class names in label order; cheap, and known before any file is made."""

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    def superclass(self, class_name: str) -> str:
        """The kind of thing a class is; the class itself unless the data set knows better."""
        return class_name

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
