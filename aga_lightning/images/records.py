"""What is known of an image before it is opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the upright image; right and bottom are exclusive."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One labelled image on disk.

    Args:
        path: The image file.
        label: Index into the data set's `classes`.
        class_name: The class, as the data set spells it.
        superclass: What a detector is asked for: "bird", not "water ouzel" (section 4.1 of the paper). Empty for a
            class without a subject, such as the empty frames of a camera trap, which no augmenter is given.
        box: The data set's own box around the subject, if it ships one.
        mask_path: The data set's own mask of the subject, if it ships one.
        mask_above: Values of the mask above this one are subject.
        group: The part of the population it belongs to, such as the camera that took it; empty where nobody says.
    """

    path: Path
    label: int
    class_name: str
    superclass: str
    box: Box | None = None
    mask_path: Path | None = None
    mask_above: int = 0
    group: str = ""

    @property
    def has_subject(self) -> bool:
        """Whether there is anything in the image that could be set in front of another background."""
        return bool(self.superclass)


class DatasetError(ValueError):
    """A data set whose files or settings are wrong; the message names the file and the remedy."""


class Unused(NamedTuple):
    """Something among the images that is not used.

    Args:
        path: Where it is.
        what: Its kind: how its name ends, or words for it.
        remedy: What to do about it, if anything.
    """

    path: Path
    what: str
    remedy: str = ""
