"""The habitat of each picture of each split, drawn by a generator of its own."""

import hashlib

import numpy as np

from aga_lightning.datasets.fieldguide.canvas import Rng
from aga_lightning.datasets.fieldguide.render import PAPER
from aga_lightning.datasets.fieldguide.species import HABITATS, NEW_HABITATS, Species

OOD_SPLITS = ("new_habitats", "swapped_habitats", "sketch")
"""Habitats that do not occur in training; training habitats, but never the species' own; pencil on paper."""


def stream(*names: str | int) -> Rng:
    """A generator that depends on the names alone."""
    digest = hashlib.sha256("/".join(str(name) for name in names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def choose_habitat(split: str, species: Species, index: int, correlation: float, rng: Rng) -> str:
    """The habitat of one picture of a species.

    Args:
        split: A name in `OOD_SPLITS`; any other is in-distribution.
        species: The species.
        index: Number of the picture within its class; out of distribution, the habitats take turns.
        correlation: In-distribution, the bird is at home with this probability, otherwise in any habitat (also home).
        rng: Decides the in-distribution habitat.
    """
    match split:
        case "new_habitats":
            return NEW_HABITATS[index % len(NEW_HABITATS)]
        case "swapped_habitats":
            foreign = [habitat for habitat in HABITATS if habitat != species.home]
            return foreign[index % len(foreign)]
        case "sketch":
            return PAPER
        case _:
            return species.home if rng.random() < correlation else HABITATS[rng.integers(len(HABITATS))]
