import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aga_lightning.augment.engine.bank import BackgroundBank


def images(sizes):
    return [(f"class {c}", f"{c:03d}-{i:05d}") for c, size in enumerate(sizes) for i in range(size)]


def dealt(bank, training, degree):
    """How often each (class, background) was dealt."""
    return Counter((name, bank.background(name, key, v)) for name, key in training for v in range(degree))


def bits(counts):
    """Mutual information of class and background in bits."""
    total = sum(counts.values())
    classes, backgrounds = Counter(), Counter()
    for (name, number), count in counts.items():
        classes[name] += count
        backgrounds[number] += count
    return sum(
        n / total * math.log2(n * total / (classes[name] * backgrounds[number])) for (name, number), n in counts.items()
    )


sizes = st.lists(st.integers(1, 40), min_size=1, max_size=6)


@given(sizes, st.integers(1, 60), st.integers(1, 6), st.one_of(st.none(), st.integers(1, 30)))
def test_each_class_gets_each_background_equally_often_but_for_one(sizes, size, degree, max_reuse):
    if max_reuse is not None and sum(sizes) > size * max_reuse:
        return
    bank, training = BackgroundBank(size=size, max_reuse=max_reuse), images(sizes)
    bank.open(training)
    counts = dealt(bank, training, degree)
    for deal in {number // size for _, number in counts}:
        for name in {name for name, _ in training}:
            uses = [counts[name, deal * size + card] for card in range(size)]
            assert max(uses) - min(uses) <= 1


@given(sizes, st.integers(1, 60), st.integers(1, 8), st.integers(1, 30))
def test_no_background_is_used_more_often_than_allowed(sizes, size, degree, max_reuse):
    bank, training = BackgroundBank(size=size, max_reuse=max_reuse), images(sizes)
    if len(training) > size * max_reuse:
        with pytest.raises(ValueError, match="set size to"):
            bank.open(training)
        return
    bank.open(training)
    uses = Counter()
    for (_, number), count in dealt(bank, training, degree).items():
        uses[number] += count
    assert max(uses.values()) <= max_reuse


def test_a_background_tells_nothing_about_the_class():
    bank, training = BackgroundBank(size=50), images([100, 200, 50])
    bank.open(training)
    assert bits(dealt(bank, training, 3)) == pytest.approx(0, abs=1e-12)


def test_uneven_classes_leave_next_to_nothing():
    bank, training = BackgroundBank(size=64), images([131, 97, 203, 75])
    bank.open(training)
    counts = dealt(bank, training, 4)
    assert bits(counts) < 0.01
    assert len({number for _, number in counts}) == 64


@pytest.mark.parametrize(("members", "size"), [(10, 10), (20, 10), (9, 10), (11, 10), (100, 25), (7, 60), (24, 12)])
def test_the_variants_of_an_image_get_different_backgrounds(members, size):
    bank, training = BackgroundBank(size=size), images([members])
    bank.open(training)
    for image in training:
        assert len({bank.background(*image, variant) for variant in range(4)}) == 4


def test_neither_the_order_of_the_images_nor_more_variants_change_what_is_dealt():
    training = images([7, 5])
    one, other = BackgroundBank(size=9), BackgroundBank(size=9)
    one.open(training)
    other.open(training[::-1])
    few, many = dealt(one, training, 2), dealt(other, training, 5)
    assert all(many[key] >= count for key, count in few.items())
    assert [one.background(*training[3], v) for v in range(2)] == [other.background(*training[3], v) for v in range(2)]


def test_another_image_is_another_bank():
    one, other = BackgroundBank(size=9), BackgroundBank(size=9)
    one.open(images([7]))
    other.open(images([8]))
    assert one.learned() != other.learned()


@pytest.mark.parametrize("settings", [{"size": 0}, {"size": 3, "max_reuse": 0}])
def test_a_bank_needs_backgrounds_and_uses(settings):
    with pytest.raises(ValueError, match="at least 1"):
        BackgroundBank(**settings)
