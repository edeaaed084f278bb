from hypothesis import given
from hypothesis import strategies as st

from aga_lightning.datasets.splits import groups_three_ways, hold_out, three_ways

names = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=30)
seeds = st.integers(0, 2**32)


def held(some, count, seed):
    return {name for name, out in zip(some, hold_out(some, count, seed), strict=True) if out}


@given(names, st.integers(0, 30), seeds, st.randoms())
def test_neither_the_order_nor_a_second_call_matters(some, count, seed, random):
    shuffled = random.sample(some, len(some))
    assert held(some, count, seed) == held(shuffled, count, seed) == held(some, count, seed)


@given(names, st.integers(0, 30), seeds)
def test_whoever_is_held_out_stays_so_when_more_are(some, count, seed):
    assert held(some, count, seed) <= held(some, count + 1, seed)


@given(names.filter(bool), st.integers(0, 30), seeds)
def test_a_new_image_takes_at_most_one_place(some, count, seed):
    *before, new = some
    leavers = held(before, count, seed) - held(some, count, seed)
    joiners = held(some, count, seed) - held(before, count, seed)
    assert len(leavers) <= 1 and joiners <= {new}


def test_a_split_made_today_is_the_same_tomorrow():
    wrens = [f"wren/{number:03}.png" for number in range(8)]
    assert held(wrens, 3, 0) == {"wren/002.png", "wren/003.png", "wren/007.png"}
    assert held(wrens, 3, 1) == {"wren/004.png", "wren/005.png", "wren/007.png"}


def test_the_seed_decides_and_no_place_is_favoured():
    some = [f"{number}.png" for number in range(10)]
    counts = [0] * 10
    for seed in range(1000):
        for place, out in enumerate(hold_out(some, 2, seed)):
            counts[place] += out
    assert all(150 < count < 250 for count in counts)


@given(names.filter(bool), seeds, st.sampled_from([0.0, 0.2]))
def test_three_ways_share_no_image_and_the_smallest_class_trains(some, seed, test_fraction):
    parts = three_ways(some, 0.3, test_fraction, seed)
    least = {"train": 1, "val": len(some) > 1, "test": len(some) > 2 and test_fraction > 0}
    assert all(parts.count(part) >= number for part, number in least.items())
    assert test_fraction or "test" not in parts
    validates = {name for name, part in zip(some, parts, strict=True) if part == "val"}
    assert validates == held(some, len(validates), seed)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("uvwxyz")), min_size=1, max_size=40),
    seeds,
    st.sampled_from([0.0, 0.2]),
    st.randoms(),
)
def test_groups_are_whole_and_each_class_trains(images, seed, test_fraction, random):
    parts = groups_three_ways(images, 0.2, test_fraction, seed)
    assert set(parts) == {group for _, group in images}
    assert {label for label, group in images if parts[group] == "train"} == {label for label, _ in images}
    assert test_fraction or "test" not in parts.values()
    assert groups_three_ways(random.sample(images, len(images)), 0.2, test_fraction, seed) == parts


def test_groups_come_near_their_shares_and_the_smallest_does_if_all_are_too_large():
    images = [("owl", f"{number % 20}") for number in range(200)]
    parts = groups_three_ways(images, 0.2, 0.1, 0)
    assert [sum(part == split for part in parts.values()) for split in ("train", "val", "test")] == [14, 4, 2]
    few = [("owl", group) for group, count in {"a": 50, "b": 40, "c": 60}.items() for _ in range(count)]
    assert groups_three_ways(few, 0.1, 0.1, 0) == {"b": "val", "a": "test", "c": "train"}
