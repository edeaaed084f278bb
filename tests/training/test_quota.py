"""Quotas: at most so many augmentations of a class, many images once before one twice, by the seed alone."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.training.quota import choose, quotas, report_shortfall

CLASSES = ("lime", "plum")


def record(number, name, root="/data"):
    return ImageRecord(Path(root) / name / f"{number}.png", CLASSES.index(name), name, "fruit")


@st.composite
def stores(draw):
    """Records, and which of their three variants may enter: as augmentations, or with the original in their place."""
    records = [record(number, draw(st.sampled_from(CLASSES))) for number in range(draw(st.integers(0, 8)))]
    pairs = [(index, variant) for index in range(len(records)) for variant in range(3)]
    fates = draw(st.lists(st.sampled_from(["made", "made", "original", "left out"]), min_size=24, max_size=24))
    return records, {pair: fate == "made" for pair, fate in zip(pairs, fates, strict=False) if fate != "left out"}


limits = st.dictionaries(st.sampled_from(CLASSES), st.integers(0, 6))
seeds = st.integers(0, 5)


def by_class(pairs, records):
    return Counter(records[index].class_name for index, _ in pairs)


@given(stores(), limits, seeds)
def test_a_class_gets_its_quota_or_all_it_has(store, limits, seed):
    records, accepted = store
    kept = choose(accepted, records, limits, seed)
    there, had = by_class(accepted, records), by_class(kept, records)
    assert kept <= set(accepted)
    assert all(had[name] == min(there[name], limits.get(name, 100)) for name in CLASSES)


@given(stores(), limits, seeds)
def test_an_original_stands_in_only_where_augmentations_are_used_up(store, limits, seed):
    records, accepted = store
    kept = choose(accepted, records, limits, seed)
    filled = {records[index].class_name for index, variant in kept if not accepted[index, variant]}
    left_out = {records[pair[0]].class_name for pair, made in accepted.items() if made and pair not in kept}
    assert not filled & left_out


@given(stores(), limits, seeds)
def test_no_image_comes_again_before_each_has_come(store, limits, seed):
    records, accepted = store
    made = [pair for pair, is_made in accepted.items() if is_made]
    kept = choose(accepted, records, limits, seed) & set(made)
    had, there = Counter(index for index, _ in kept), Counter(index for index, _ in made)
    for one in there:
        for other in there:
            if records[one].class_name == records[other].class_name and had[one] > had[other] + 1:
                assert had[other] == there[other], "another image was passed over"


@given(stores(), limits, seeds, st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_place_of_the_images_changes_the_choice(store, limits, seed, random):
    records, accepted = store
    order = list(range(len(records)))
    random.shuffle(order)
    moved = [record(int(records[old].path.stem), records[old].class_name, root="/elsewhere") for old in order]
    pairs = [(new, variant) for new, old in enumerate(order) for variant in range(3) if (old, variant) in accepted]
    random.shuffle(pairs)
    again = choose({(new, v): accepted[order[new], v] for new, v in pairs}, moved, limits, seed)
    assert {(order[new], variant) for new, variant in again} == choose(accepted, records, limits, seed)


@given(stores(), seeds, st.integers(0, 6))
def test_a_larger_quota_keeps_what_a_smaller_one_chose(store, seed, few):
    records, accepted = store
    smaller, larger = (choose(accepted, records, dict.fromkeys(CLASSES, few + more), seed) for more in (0, 2))
    assert smaller <= larger


def test_the_seed_draws_images_and_variants_evenly():
    records = [record(number, "lime") for number in range(6)]
    accepted = {(index, variant): True for index in range(6) for variant in range(2)}
    chosen = Counter(pair for seed in range(600) for pair in choose(accepted, records, {"lime": 2}, seed))
    assert len(chosen) == 12
    assert all(60 <= count <= 140 for count in chosen.values()), "expected: 100 each"


def test_a_setting_is_a_number_for_all_classes_or_for_some():
    assert quotas(None, CLASSES) == {}
    assert quotas(3, CLASSES) == {"lime": 3, "plum": 3}
    assert quotas({"plum": 0}, CLASSES) == {"plum": 0}


def test_an_unknown_class_is_named_with_the_known_ones():
    with pytest.raises(DatasetError, match="augmented_per_class names 'fig', 'pear', but the classes are lime, plum"):
        quotas({"pear": 2, "lime": 1, "fig": 2}, CLASSES)


def test_the_shortfall_is_counted():
    records = [record(0, "lime"), record(1, "lime"), record(2, "plum")]
    accepted = {(0, 0): True, (1, 0): True, (2, 0): False}
    report_shortfall(accepted, records, {"lime": 2})
    message = r"2 of 2 classes lack 7 augmentations in all \(lime has 2 of 6; plum has 0 of 3\); a larger degree"
    with pytest.warns(UserWarning, match=message):
        report_shortfall(accepted, records, {"lime": 6, "plum": 3})
