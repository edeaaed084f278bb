"""Who lends a background to whom; the photos are records of files that do not exist."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from aga_lightning.images.records import ImageRecord
from aga_lightning.training.background_sets.pairing import MIXED, SETS, Backgrounds, Source, objection


def photo(label, number, **facts):
    name = f"{label}-{number}"
    record = ImageRecord(Path(f"{name}.png"), label, str(label), "thing")
    return replace(Source(record, f"digest {name}", f"key {name}", 0.2, 0.4, None), **facts)


def photos(*counts):
    return [photo(label, number) for label, count in enumerate(counts) for number in range(count)]


def labels_drawn(name, sources):
    backgrounds = Backgrounds(sources)
    return [(source.record.label, backgrounds.draw(name, source).record.label) for source in sources]


def test_mixed_same_stays_in_the_class():
    assert all(own == drawn for own, drawn in labels_drawn("mixed_same", photos(5, 2, 9)))


def test_mixed_next_takes_the_next_class_and_the_first_after_the_last():
    assert set(labels_drawn("mixed_next", photos(3, 2, 2))) == {(0, 1), (1, 2), (2, 0)}


def test_mixed_next_passes_over_a_class_that_cannot_lend():
    big = [replace(source, boxed=0.95) for source in photos(0, 3)]
    assert set(labels_drawn("mixed_next", [*photos(3, 0, 2), *big])) == {(0, 2), (1, 2), (2, 0)}


def test_mixed_rand_draws_all_classes_alike_whatever_their_sizes():
    sources = photos(600, 60, 6)
    for own in range(2):
        drawn = Counter(label for of, label in labels_drawn("mixed_rand", sources) if of == own)
        count = sum(drawn.values())
        spread = (count * (1 / 3) * (2 / 3)) ** 0.5
        assert all(abs(drawn[label] - count / 3) < 3.5 * spread for label in range(3)), drawn


@pytest.mark.parametrize("name", MIXED)
def test_nobody_lends_to_itself_nor_to_its_copy(name):
    sources = photos(2, 2, 1)
    twin = replace(photo(2, 1), digest=sources[-1].digest)
    backgrounds = Backgrounds([*sources, twin])
    for source in (*sources, twin):
        lender = backgrounds.draw(name, source)
        assert lender is None or lender.digest != source.digest
    assert not backgrounds.any_for(twin, 2)


@pytest.mark.parametrize("name", MIXED)
def test_order_decides_nothing(name):
    sources = photos(7, 4, 5)
    one, other = Backgrounds(sources), Backgrounds(sources[::-1])
    assert [one.draw(name, source) for source in sources] == [other.draw(name, source) for source in sources]


@pytest.mark.parametrize(
    ("facts", "reason", "sets"),
    [
        ({}, None, ()),
        ({"subject": 0.0, "boxed": 0.0}, "the mask is empty", SETS),
        ({"subject": 1.0, "boxed": 1.0}, "the mask covers the whole image", SETS),
        ({"boxed": 0.9}, None, ()),
        ({"boxed": 0.91}, "the box around the subject covers more than 90% of the image", ("only_bg_b", "only_bg_t")),
    ],
)
def test_what_a_mask_keeps_out_of_the_sets(facts, reason, sets):
    one = photo(0, 0, **facts)
    backgrounds = Backgrounds([one, *photos(0, 2), photo(0, 1)])
    assert {name: objection(name, one, backgrounds) for name in SETS} == {
        name: reason if name in sets else None for name in SETS
    }


def test_an_only_child_is_left_out_of_all_mixed_sets():
    sources = photos(1, 2)
    found = {name: objection(name, sources[0], Backgrounds(sources)) for name in SETS}
    reason = "no other photo of the class can give its background"
    assert found == {name: reason if name in MIXED else None for name in SETS}


@pytest.mark.parametrize("facts", [{"boxed": 0.91}, {"subject": 0.0, "boxed": 0.0}])
def test_a_photo_that_tells_no_background_lends_none(facts):
    sources = [photo(0, 0), photo(0, 1, **facts), *photos(0, 2)]
    assert objection("mixed_same", sources[0], Backgrounds(sources)) is not None
