"""Texts with places for the class, its superclass, and the scene."""

from collections.abc import Mapping
from string import Formatter

from aga_lightning.augment.base import Prompt
from aga_lightning.images.records import ImageRecord

PLACES = ("class", "superclass", "scene")
"""What may stand in braces in a text."""

NOTHING_ASKED = Prompt("", "", "")
"""The prompt of a caption that answers none."""


def check_text(text: str, places: tuple[str, ...] = PLACES) -> str:
    """The text itself, if nothing but known places stands in its braces.

    Raises:
        ValueError: If there is an unknown one, or the braces do not match.
    """
    try:
        unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - set(places)
    except ValueError as error:
        raise ValueError(f"the text {text!r} cannot be read ({error}); write a brace twice to mean itself") from error
    if unknown:
        known = ", ".join(f"{{{place}}}" for place in places)
        raise ValueError(f"the text {text!r} holds {{{sorted(unknown)[0]}}}; there are {known}")
    return text


def names_of(record: ImageRecord) -> dict[str, str]:
    """Class and superclass of a record, in words."""
    names = {"class": record.class_name, "superclass": record.superclass}
    return {place: name.replace("_", " ") for place, name in names.items()}


def filled(text: str, names: Mapping[str, str], prompt: Prompt | None = None) -> str:
    """A text with its places filled in.

    Args:
        text: With places.
        names: What stands in the places for names; see `names_of`.
        prompt: Gives the scene: its setting, and its time or season.
    """
    scene = "" if prompt is None else " ".join(part for part in (prompt.spatial, prompt.temporal) if part)
    return text.format_map({**names, "scene": scene})
