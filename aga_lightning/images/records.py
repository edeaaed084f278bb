"""Records: the facts about an image that are known without opening it."""

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
        superclass: The word for which a detector is asked: "bird", not "water ouzel" (section 4.1 of the paper). Empty
            for a class without a subject, such as the empty frames of a camera trap, which are not augmented.
        box: The data set's own box around the subject, if it ships one.
        mask_path: The data set's own mask of the subject, if it ships one.
        mask_above: Pixels of the mask with values above this one are subject.
        group: The image's group, such as the camera that took it; empty if unknown.
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
        """Whether the image has a subject, which can be put in front of another background."""
        return bool(self.superclass)


class DatasetError(ValueError):
    """A data set whose files or settings are wrong; the message names the file and the remedy."""


class Unused(NamedTuple):
    """An unused file or folder among the images.

    Args:
        path: Its path.
        what: Its kind: the ending of its name, or a description.
        remedy: The remedy, if there is one.
    """

    path: Path
    what: str
    remedy: str = ""
