"""The eight species and the field marks that tell them apart."""

from dataclasses import dataclass
from typing import Literal

Rgb = tuple[int, int, int]
Breast = Literal["plain", "streaked", "spotted", "banded"]
Tail = Literal["long", "fanned", "forked"]
Beak = Literal["thin", "dagger", "cone"]

HABITATS = ("lake", "forest", "meadow", "snowfield")
"""Habitats of the training pictures."""

NEW_HABITATS = ("desert", "brick_wall", "dusk_skyline", "flower_bed")
"""Habitats that do not occur in training."""


@dataclass(frozen=True, slots=True)
class Species:
    """One species: the colours that it shares with its look-alike, and its own field marks.

    Args:
        name: Lower case, words joined by underscores; the name of its folder.
        home: The habitat of most of its training pictures.
        upperparts: Colour of back, wing and tail.
        underparts: Colour of throat, breast and belly.
        crown: Colour of the cap.
        breast: Pattern on the breast.
        wing_bars: Number of pale bars across the folded wing, 0 to 2.
        tail: Shape of the tail.
        beak: Shape of the beak.
        crest: Whether the crown has a pointed crest.
    """

    name: str
    home: str
    upperparts: Rgb
    underparts: Rgb
    crown: Rgb
    breast: Breast
    wing_bars: int
    tail: Tail
    beak: Beak
    crest: bool = False


# Look-alikes are neighbours in this list. Terns and finches share a home with their look-alike, pipits and jays do not;
# each home is shared by two species, so that the habitat alone never reveals the species.
SPECIES = (
    Species("streaked_pipit", "lake", (134, 102, 68), (224, 206, 168), (98, 70, 46), "streaked", 1, "long", "thin"),
    Species("freckled_pipit", "meadow", (138, 105, 70), (222, 205, 170), (166, 84, 42), "spotted", 2, "fanned", "thin"),
    Species("slender_tern", "forest", (156, 164, 174), (234, 235, 236), (30, 31, 36), "plain", 0, "forked", "dagger"),
    Species("collared_tern", "forest", (150, 158, 169), (233, 234, 234), (34, 34, 38), "banded", 2, "forked", "thin"),
    Species("barred_finch", "snowfield", (112, 124, 60), (226, 204, 78), (106, 117, 57), "plain", 2, "fanned", "cone"),
    Species("capped_finch", "snowfield", (108, 119, 58), (224, 200, 82), (38, 38, 36), "streaked", 0, "fanned", "cone"),
    Species("azure_jay", "meadow", (80, 112, 162), (202, 206, 214), (62, 92, 146), "plain", 1, "long", "thin", True),
    Species(
        "necklaced_jay", "lake", (84, 114, 160), (208, 210, 215), (66, 94, 144), "banded", 0, "long", "dagger", True
    ),
)
