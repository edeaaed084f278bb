"""Texts with places for the class, its superclass, and the scene: what a picture is asked to show."""

from string import Formatter

from aga_lightning.augment.base import Prompt
from aga_lightning.images.records import ImageRecord

PLACES = ("class", "superclass", "scene")
"""What may stand in braces in a text."""


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


def filled(text: str, record: ImageRecord, prompt: Prompt | None = None) -> str:
    """A text about a record.

    Args:
        text: With places.
        record: Gives class and superclass; their underscores become spaces.
        prompt: Gives the scene: its setting, and its time or season.
    """
    scene = "" if prompt is None else " ".join(part for part in (prompt.spatial, prompt.temporal) if part)
    words = {"class": record.class_name, "superclass": record.superclass}
    return text.format_map({place: name.replace("_", " ") for place, name in words.items()} | {"scene": scene})
