from collections import Counter

from aga_lightning.datasets.fieldguide.species import HABITATS, NEW_HABITATS, SPECIES

PAIRS = list(zip(SPECIES[::2], SPECIES[1::2], strict=True))


def field_marks(species):
    return {"crown": species.crown, "breast": species.breast, "bars": species.wing_bars, "tail": species.tail,
            "beak": species.beak, "crest": species.crest}  # fmt: skip


def test_look_alikes_share_colours_and_differ_in_two_marks_that_survive_without_colour():
    for first, second in PAIRS:
        for one, other in ((first.upperparts, second.upperparts), (first.underparts, second.underparts)):
            assert max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 8
        shapes = [(key, mark) for key, mark in field_marks(first).items() if key != "crown"]
        assert sum(field_marks(second)[key] != mark for key, mark in shapes) >= 2


def test_no_two_species_bear_the_same_marks():
    assert len({tuple(field_marks(species).items()) for species in SPECIES}) == len(SPECIES) == 8


def test_each_habitat_is_home_to_two_species_and_half_of_the_look_alikes_share_theirs():
    assert Counter(species.home for species in SPECIES) == dict.fromkeys(HABITATS, 2)
    assert sum(first.home == second.home for first, second in PAIRS) == 2
    assert not set(HABITATS) & set(NEW_HABITATS)


def test_no_name_gives_the_habitat_away():
    words = {word for name in (*HABITATS, *NEW_HABITATS) for word in name.split("_")}
    assert not any(word in species.name for species in SPECIES for word in words)
