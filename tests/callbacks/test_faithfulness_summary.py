"""Numbers of sets from numbers of images: over a model's own images, and over those that two models can use."""

import math

import pytest
import torch

from aga_lightning.callbacks.answers import Answers
from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL
from aga_lightning.callbacks.faithfulness_summary import COMMON, OWN, scalars, summarise
from aga_lightning.callbacks.measuring import Measured
from aga_lightning.explain.information_curve import aggregate
from aga_lightning.explain.per_image import PerImage, Skip, common

NAN = math.nan
LOW = Skip.LOW_PREDICTION.reason
X = torch.linspace(0, 1, 5, dtype=torch.float64)


def scores(values, skip=Skip.LOW_PREDICTION, points=5, seed=0):
    """Scores with random curves, NaN where the value is."""
    values = torch.tensor(values)
    curves = torch.rand(len(values), points, generator=torch.Generator().manual_seed(seed))
    curves[values.isnan()] = NAN
    skips = torch.where(values.isnan(), skip, Skip.USED).to(torch.int8)
    return PerImage(torch.arange(len(values)), values, skips, X[:points], curves)


def measured(**of_measures):
    numbers = next(iter(of_measures.values())).ids
    return Measured(Answers(numbers, numbers, numbers, torch.full((len(numbers),), 0.9)), of_measures)


def by_place(summaries):
    return {(summary.measure, summary.model, summary.images): summary for summary in summaries}


@pytest.mark.parametrize("aggregation", ["median", "mean"])
def test_information_curves_are_made_as_the_authors_make_them(aggregation):
    sic = scores([0.2, NAN, 0.4, 0.9])
    (summary,) = summarise("test", measured(sic=sic), aggregation=aggregation)
    expected = aggregate(sic, aggregation)
    assert summary.value == pytest.approx(expected.area, abs=1e-6)
    assert summary.y.tolist() == pytest.approx(expected.y.tolist(), abs=1e-6)
    assert (summary.used, summary.skipped) == (3, {LOW: 1})
    assert (summary.set, summary.model, summary.images) == ("test", THIS_MODEL, OWN)


def test_the_other_measures_are_means():
    deletion, pointing = scores([0.5, 0.1, NAN]), scores([1.0, 0.0, 1.0], points=0)
    found = by_place(summarise("test", measured(deletion=deletion, pointing_game=pointing), aggregation="median"))
    assert found["deletion", THIS_MODEL, OWN].value == pytest.approx(0.3)
    expected = deletion.curves[:2].mean(dim=0)
    torch.testing.assert_close(found["deletion", THIS_MODEL, OWN].y, expected)
    assert found["pointing_game", THIS_MODEL, OWN].value == pytest.approx(2 / 3)
    assert len(found["pointing_game", THIS_MODEL, OWN].y) == 0


def test_two_models_are_compared_on_the_images_that_both_can_use():
    ours, theirs = scores([0.2, NAN, 0.4, 0.9], seed=1), scores([0.3, 0.5, NAN, 0.7], seed=2)
    found = by_place(summarise("val", measured(aic=ours), measured(aic=theirs), "mean"))
    assert {place[1:] for place in found} == {
        (model, images) for model in (THIS_MODEL, BASELINE) for images in (OWN, COMMON)
    }
    assert [found["aic", model, COMMON].used for model in (THIS_MODEL, BASELINE)] == [2, 2]
    assert [found["aic", model, OWN].used for model in (THIS_MODEL, BASELINE)] == [3, 3]
    assert found["aic", THIS_MODEL, COMMON].skipped == {LOW: 1, Skip.NOT_COMMON.reason: 1}

    for model, images in zip((THIS_MODEL, BASELINE), common(ours, theirs), strict=True):
        expected = aggregate(images, "mean")
        assert found["aic", model, COMMON].value == pytest.approx(expected.area, abs=1e-6)
        skipped = {skip.reason: count for skip, count in expected.skipped.items() if count}
        assert found["aic", model, COMMON].skipped == skipped


def test_a_set_without_masks_has_no_measure_that_needs_them():
    nobody = scores([NAN, NAN], Skip.NO_MASK, points=0)
    partly = scores([NAN, NAN], torch.tensor([Skip.NO_MASK, Skip.NO_SUBJECT]), points=0)
    assert summarise("test", measured(pointing_game=nobody)) == []
    (summary,) = summarise("test", measured(pointing_game=partly))
    assert (summary.used, math.isnan(summary.value)) == (0, True)


def test_no_images_make_no_number():
    (summary,) = summarise("test", measured(aic=scores([])))
    assert (summary.used, summary.skipped) == (0, {})
    assert math.isnan(summary.value)
    assert scalars([summary]) == {"test/aic_used": 0.0}


def test_what_is_logged():
    ours = measured(
        aic=scores([0.2, NAN, 0.4]), insertion=scores([0.1, 0.2, 0.3]), pointing_game=scores([NAN] * 3, points=0)
    )
    theirs = measured(
        aic=scores([0.3, 0.5, NAN]), insertion=scores([0.2, 0.2, 0.2]), pointing_game=scores([1.0] * 3, points=0)
    )
    logged = scalars(summarise("ood/dusk", ours))
    assert logged.keys() == {
        f"ood/dusk/{name}" for name in ("aic", "aic_used", "insertion", "insertion_used", "pointing_game_used")
    }
    assert logged["ood/dusk/insertion"] == pytest.approx(0.2)
    assert (logged["ood/dusk/aic_used"], logged["ood/dusk/pointing_game_used"]) == (2, 0)

    compared = scalars(summarise("ood/dusk", ours, theirs))
    more = compared.keys() - logged.keys()
    assert more == {
        f"ood/dusk/{name}"
        for name in (
            *("aic_baseline", "aic_baseline_used", "aic_common", "aic_common_used", "aic_baseline_common"),
            *("insertion_baseline", "insertion_baseline_used", "pointing_game_common_used"),
            *("pointing_game_baseline", "pointing_game_baseline_used"),
        )
    }
    assert compared["ood/dusk/aic_common_used"] == 1
    assert {key: compared[key] for key in logged} == logged
