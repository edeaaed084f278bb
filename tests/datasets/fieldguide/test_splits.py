from collections import Counter

import numpy as np
import pytest

from aga_lightning.datasets.fieldguide.species import HABITATS, NEW_HABITATS, SPECIES
from aga_lightning.datasets.fieldguide.splits import choose_habitat, stream


def test_streams_depend_on_their_names_alone():
    assert stream("val", "azure_jay", 3).random() == stream("val", "azure_jay", 3).random()
    keys = [
        ("val", "a", 3),
        ("val", "a", 4),
        ("val", "a"),
        ("test", "a", 3),
        ("train", 0, "a", 3),
        ("train", 1, "a", 3),
    ]
    others = [stream(*names).random() for names in keys]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 1.0])
def test_birds_are_at_home_as_often_as_asked(correlation):
    species, rng = SPECIES[0], np.random.default_rng(0)
    seen = Counter(choose_habitat("val", species, i, correlation, rng) for i in range(2000))
    assert set(seen) <= set(HABITATS)
    # Away from "home" a bird may still land there, once in four.
    assert seen[species.home] / 2000 == pytest.approx(correlation + (1 - correlation) / 4, abs=0.03)


@pytest.mark.parametrize("species", SPECIES, ids=lambda species: species.name)
def test_out_of_distribution_habitats_take_turns_and_are_never_home(species):
    rng = np.random.default_rng(0)
    new = Counter(choose_habitat("new_habitats", species, i, 1.0, rng) for i in range(12))
    swapped = Counter(choose_habitat("swapped_habitats", species, i, 1.0, rng) for i in range(12))
    assert new == dict.fromkeys(NEW_HABITATS, 3)
    assert swapped == dict.fromkeys(set(HABITATS) - {species.home}, 4)
    assert choose_habitat("sketch", species, 0, 1.0, rng) == "paper"
