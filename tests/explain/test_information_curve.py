"""Curves of single images and of sets: how they are drawn and aggregated."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from saliency.metrics import pic as reference
from scipy.interpolate import interp1d

from aga_lightning.explain.information_curve import SKIPS, ImageCurves, aggregate, curve_through
from aga_lightning.explain.per_image import Skip

POINTS = 20


def image_curves(skips, ids=None, seed=0):
    """Random curves of one kind; of skipped images, none."""
    curves = torch.rand(len(skips), POINTS + 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    curves[torch.tensor(skips) != Skip.USED] = torch.nan
    return ImageCurves(
        ids=torch.arange(len(skips)) if ids is None else torch.tensor(ids),
        curves={"sic": curves},
        areas={"sic": torch.trapezoid(curves, dx=1 / POINTS)},
        skips={"sic": torch.tensor(skips, dtype=torch.int8)},
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*2 * [st.sampled_from([0.0, 0.1, 0.25, 0.6, 0.61, 1.0])]), max_size=8), st.integers(1, 40))
def test_a_curve_is_what_scipy_interpolates_in_the_authors_order_of_points(measured, points):
    x, y = np.array(measured, dtype=float).reshape(-1, 2).T
    curve = interp1d(x=[*x, 0.0, 1.0], y=[*y, 0.0, 1.0])
    expected = [float(curve(at)) for at in np.linspace(0, 1, points, endpoint=False)] + [1.0]
    assert curve_through(x, y, points).tolist() == expected


@pytest.mark.parametrize("method", ["median", "mean"])
@pytest.mark.parametrize("images", [1, 4, 5])
def test_aggregates_are_the_authors(monkeypatch, method, images):
    if not hasattr(np, "trapz"):  # NumPy 2 took the name away
        monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)
    curves = image_curves([Skip.USED] * images + [Skip.LOW_PREDICTION, Skip.NOT_FINITE, Skip.NOT_FINITE])
    x = np.linspace(0, 1, POINTS + 1)
    rows = curves.curves["sic"][:images].numpy()
    expected = reference.aggregate_individual_pic_results(
        [reference.PicMetricResult(x, row, [], [], [], 0.0) for row in rows], method
    )
    result = aggregate(curves.of("sic"), method)
    assert np.allclose(result.x, expected.curve_x, atol=1e-15)
    assert np.array_equal(result.y, expected.curve_y)
    assert result.area == pytest.approx(expected.auc, abs=1e-12)
    assert result.used == images
    assert result.skipped[Skip.NOT_FINITE] == 2
    assert result.skipped[Skip.LOW_PREDICTION] == 1
    assert sum(result.skipped.values()) == 3


@pytest.mark.parametrize("skips", [[], [Skip.LOW_PREDICTION, Skip.NO_INFORMATION_GAP]])
@pytest.mark.parametrize("method", ["median", "mean"])
def test_no_usable_image_is_no_area_and_no_warning(skips, method):
    result = aggregate(image_curves(skips).of("sic"), method)
    assert np.isnan(result.area)
    assert result.y.isnan().all()
    assert result.used == 0
    assert list(result.skipped) == list(SKIPS)
    assert sum(result.skipped.values()) == len(skips)


def test_an_unknown_aggregation_is_named():
    with pytest.raises(ValueError, match="mode"):
        aggregate(image_curves([Skip.USED]).of("sic"), "mode")
