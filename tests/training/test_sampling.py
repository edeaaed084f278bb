from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.training.sampling import ORIGINAL, MergingBatches, MixingPolicy, MixingSampler


def sampler(originals=5, degree=2, policy=None, epoch=0, seed=0, length=None):
    augmented = [(index, variant) for index in range(originals) for variant in range(degree)]
    return MixingSampler(originals, augmented, policy or MixingPolicy(), lambda: epoch, seed, length)


def items(picks):
    return Counter((pick.record, pick.variant) for pick in picks)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(originals=st.integers(1, 20), degree=st.integers(0, 4), epoch=st.integers(0, 9), seed=st.integers(0, 99))
def test_appending_shows_everything_once(originals, degree, epoch, seed):
    drawn = sampler(originals, degree, epoch=epoch, seed=seed)
    everything = {(index, variant): 1 for index in range(originals) for variant in range(ORIGINAL, degree)}
    assert items(drawn) == everything
    assert len(drawn) == len(everything)


def test_the_order_depends_on_seed_and_epoch_alone():
    assert list(sampler()) == list(sampler())
    assert list(sampler()) != list(sampler(epoch=1))
    assert list(sampler()) != list(sampler(seed=1))
    seeds = [pick.seed for pick in sampler()]
    assert len(set(seeds)) == len(seeds)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(length=st.integers(1, 60), degree=st.integers(0, 3))
def test_a_fixed_length_repeats_whole_passes(length, degree):
    drawn = items(sampler(4, degree, length=length))
    assert sum(drawn.values()) == length
    assert max(drawn.values()) - min(drawn.get(item, 0) for item in items(sampler(4, degree))) <= 1


def test_each_pass_of_an_epoch_has_an_order_of_its_own():
    drawn = list(sampler(40, 0, length=120))
    passes = [drawn[start : start + 40] for start in (0, 40, 80)]
    assert all(sorted(pick.record for pick in one) == list(range(40)) for one in passes)
    assert len({tuple(pick.record for pick in one) for one in passes}) == 3
    assert len({pick.seed for pick in drawn}) == 120


@pytest.mark.parametrize(
    ("picks", "batch_size", "drop_last", "sizes"),
    [
        (16, 5, False, [5, 5, 6]),
        (16, 5, True, [5, 5, 5]),
        (17, 5, False, [5, 5, 5, 2]),
        (15, 5, False, [5, 5, 5]),
        (6, 5, False, [6]),
        (1, 5, False, [1]),
        (3, 1, False, [1, 1, 1]),
    ],
)
def test_a_last_batch_of_one_joins_the_one_before(picks, batch_size, drop_last, sizes):
    drawn = sampler(picks, 0)
    batches = MergingBatches(drawn, batch_size, drop_last)
    assert [len(batch) for batch in batches] == sizes
    assert len(batches) == len(sizes)
    assert [pick for batch in batches for pick in batch] == list(drawn)[: sum(sizes)]


def test_replacing_keeps_the_epoch_as_long_as_the_originals():
    drawn = list(sampler(400, 3, MixingPolicy(replace_probability=0.3)))
    assert len(drawn) == 400
    assert sorted(pick.record for pick in drawn) == list(range(400))
    swapped = sum(pick.variant != ORIGINAL for pick in drawn)
    assert 80 < swapped < 160  # 120 +- 4.4 standard deviations


def test_an_image_whose_augmentations_were_rejected_stays_itself():
    drawn = MixingSampler(3, [(1, 0), (1, 2)], MixingPolicy(replace_probability=1.0), lambda: 0, 0, length=300)
    by_record = {index: {pick.variant for pick in drawn if pick.record == index} for index in range(3)}
    assert by_record == {0: {ORIGINAL}, 1: {0, 2}, 2: {ORIGINAL}}


@pytest.mark.parametrize(
    ("schedule", "expected"), [("constant", [0.8, 0.8, 0.8, 0.8, 0.0]), ("linear", [0.8, 0.6, 0.4, 0.2, 0.0])]
)
def test_schedules(schedule, expected):
    policy = MixingPolicy(0.8, schedule, real_only_epochs=1, max_epochs=5)
    assert [policy.probability(epoch) for epoch in range(5)] == pytest.approx(expected)


def test_the_cosine_schedule_starts_full_and_passes_its_half_midway():
    policy = MixingPolicy(0.8, "cosine", max_epochs=10)
    assert policy.probability(0) == pytest.approx(0.8)
    assert policy.probability(5) == pytest.approx(0.4)
    probabilities = [policy.probability(epoch) for epoch in range(10)]
    assert probabilities == sorted(probabilities, reverse=True)


def test_real_only_epochs_show_originals_at_the_same_number_of_steps():
    policy = MixingPolicy(real_only_epochs=2, max_epochs=5)
    assert {pick.variant for pick in sampler(policy=policy, epoch=3)} == {ORIGINAL}
    assert len({pick.variant for pick in sampler(policy=policy, epoch=2)}) == 3
    assert len(list(sampler(policy=policy, epoch=3))) == len(sampler(policy=policy, epoch=2))


@pytest.mark.parametrize("wrong", [{"real_only_epochs": 1}, {"schedule": "linear"}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="max_epochs"):
        MixingPolicy(**wrong)
