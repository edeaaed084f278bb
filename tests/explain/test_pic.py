"""Performance information curves against the authors' package, image by image, and what becomes of bad input."""

import inspect

import numpy as np
import pytest
import torch
from saliency.metrics import pic as reference
from threadpoolctl import threadpool_limits
from tiny.photos import crops

from aga_lightning.explain import pic
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.information_curve import aggregate
from aga_lightning.explain.per_image import Skip
from aga_lightning.explain.pic import PIC_THRESHOLDS, image_curves, performance_information_curve


def synthetic(count=9, size=40):
    """Gradients, waves and noise, uint8 (N, 3, H, W)."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:size, :size] / size
    waves = [
        np.sin(k + (3 + k) * row + k * column * row) + np.cos((9 - k) * column - k * row) for k in range(3 * count)
    ]
    brightness = rng.permuted(np.tile(np.linspace(40, 215, count), (3, 1)), axis=1).T.reshape(count, 3, 1, 1)
    smooth = 15 * np.array(waves).reshape(count, 3, size, size) + brightness
    return torch.from_numpy((smooth + rng.integers(0, 25, smooth.shape)).clip(0, 255).astype(np.uint8))


def grey():
    return synthetic()[:, :1]


def photos(count=16, size=48):
    return torch.from_numpy(crops(count, size)).permute(0, 3, 1, 2)


class Likeness:
    """Probabilities by how much pixels look like each of some images, with one more class for "like none".

    The reconstructions of an image lose their likeness as they lose detail, so that curves rise somewhere. Of the first
    few classes, each breaks another rule for usable images: see `SKIPPED`.
    """

    def __init__(self, images, hidden):
        self.images = images.double().flatten(1)
        distances = (self.images - hidden.double().flatten(1)).abs().mean(1).clamp(min=5)
        self.reach, self.slope = 0.6 * distances, 6 / distances
        self.reach[1] *= 3  # still recognised when it is hidden
        self.reach[2] *= 0.3  # recognised, but not with confidence

    def __call__(self, pixels):
        distances = (pixels.double().flatten(1)[:, None] - self.images).abs().mean(2)
        logits = self.slope * (self.reach - distances)
        logits[:, 3] = torch.where(logits[:, 3] > -5, 4 - logits[:, 3] / 9, -9)  # the less alike, the better
        return torch.cat([logits, torch.zeros(len(logits), 1)], dim=1).softmax(1)


def as_the_authors(images):
    """(N, H, W, 3), or (N, H, W) where images are grey."""
    return images.permute(0, 2, 3, 1).squeeze(3).numpy()


def as_ours(arrays):
    return torch.from_numpy(arrays if arrays.ndim == 4 else arrays[..., None]).permute(0, 3, 1, 2)


def fully_hidden(images, masks):
    pairs = zip(as_the_authors(images), masks.numpy(), strict=True)
    return as_ours(np.stack([reference.create_blurred_image(image, mask) for image, mask in pairs]))


REASONS = {
    "prediction score on the original image is lower": Skip.LOW_PREDICTION,
    "entropy in the completely blurred image": Skip.NO_INFORMATION_GAP,
    "score on the completely blurred image": Skip.NO_PREDICTION_GAP,
}


def reference_result(image, attributions, mask, predict, target, kind, thresholds, monotone, points):
    """The authors' result of one image, or the rule that skips it."""

    def scores(batch):
        probabilities = predict(as_ours(batch))
        hits = probabilities.argmax(1) == target
        return (probabilities[:, target] if kind == "sic" else hits.double()).tolist()

    try:
        return reference.compute_pic_metric(image, attributions, mask, scores, thresholds, 0.8, monotone, points)
    except reference.ComputePicMetricError as error:
        return next(skip for words, skip in REASONS.items() if words in str(error))


def remembered(function, known):
    """The function, not called twice for the same arrays: its results do not depend on the model."""

    def once(*arrays, **named):
        arrays = (*arrays, *named.values())
        key = function.__name__, *((array.tobytes(), array.shape) for array in arrays)
        if key not in known:
            result = function(*arrays)
            # Where all is known of a grey image, the package returns it with an axis more.
            known[key] = result.reshape(arrays[0].shape) if isinstance(result, np.ndarray) else result
        return known[key]

    return once


@pytest.fixture
def authors(monkeypatch):
    """The authors' package, mended for numpy 2, and its linear algebra kept from spinning in threads."""
    if not hasattr(np, "trapz"):  # NumPy 2 took the name away
        monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)
    known = {}
    for name in ("create_blurred_image", "estimate_image_entropy"):
        monkeypatch.setattr(reference, name, remembered(getattr(reference, name), known))
    with threadpool_limits(1):
        yield


SKIPPED = {  # the first five images
    "sic": [Skip.LOW_PREDICTION, Skip.USED, Skip.LOW_PREDICTION, Skip.NO_PREDICTION_GAP, Skip.NO_INFORMATION_GAP],
    "aic": [Skip.LOW_PREDICTION, Skip.NO_PREDICTION_GAP, Skip.USED, Skip.NO_PREDICTION_GAP, Skip.NO_INFORMATION_GAP],
}


@pytest.mark.parametrize("source", [synthetic, grey, photos])
def test_curves_areas_and_skips_are_the_authors(authors, source):
    images = source()
    count, _, size, _ = images.shape
    rng = np.random.default_rng(1)
    masks = torch.from_numpy(rng.random((count, size, size)) < 0.01)
    masks[4] = True  # nothing is hidden
    predict = Likeness(images, fully_hidden(images, masks))
    targets = torch.arange(count)
    targets[0] = 5  # a wrong label
    attributions = torch.from_numpy(rng.random((count, 1, 6, 6), dtype=np.float32))
    attributions = torch.nn.functional.interpolate(attributions, size=(size, size), mode="bicubic")[:, 0]
    attributions[-1] = 1  # all alike
    attributions[::2] = (attributions[::2] - 0.5).relu()  # many alike

    for thresholds, monotone, points in (
        (PIC_THRESHOLDS, True, 1000),
        ((0.1, 0.4, 0.8, 1.0), True, 50),
        ((0.02, 0.3), False, 50),
    ):
        settings = {"thresholds": thresholds, "monotone": monotone, "points": points}
        curves = image_curves(images, attributions, predict, targets, random_masks=masks, **settings)
        for kind in ("sic", "aic"):
            rows = zip(as_the_authors(images), attributions.numpy(), masks.numpy(), targets.tolist(), strict=True)
            results = [
                reference_result(image, importance, mask, predict, target, kind, **settings)
                for image, importance, mask, target in rows
            ]
            reasons = [result if isinstance(result, Skip) else Skip.USED for result in results]
            assert curves.skips[kind].tolist() == reasons
            assert reasons[:5] == SKIPPED[kind]
            used = [row for row in range(count) if reasons[row] == Skip.USED]
            assert len(used) > count // 2
            for row in range(count):
                if row in used:
                    assert np.allclose(curves.curves[kind][row], results[row].curve_y, rtol=0, atol=1e-9)
                    assert float(curves.areas[kind][row]) == pytest.approx(results[row].auc, abs=1e-9)
                else:
                    assert curves.curves[kind][row].isnan().all()
                    assert curves.areas[kind][row].isnan()
            for method in ("median", "mean"):
                expected = reference.aggregate_individual_pic_results([results[row] for row in used], method)
                result = aggregate(curves.of(kind), method)
                assert np.allclose(result.y, expected.curve_y, rtol=0, atol=1e-9)
                assert result.area == pytest.approx(expected.auc, abs=1e-9)
                assert result.used == len(used)


class Case:
    """Images of which all can be used, with a model that knows them by their colours, and random attributions."""

    def __init__(self, count=4, size=16):
        self.images = synthetic(max(count, 1), size)[:count]
        generator = torch.Generator().manual_seed(0)
        self.attributions = torch.rand(count, size, size, generator=generator)
        self.targets = torch.zeros(count, dtype=torch.int64)
        self.seen = []

    def predict(self, pixels):
        """The more edges, the more of class 0."""
        self.seen.append(pixels)
        edges = pixels.double().diff(dim=3).abs().mean((1, 2, 3))
        return torch.stack([edges, 7 + 0 * edges], dim=1).mul(2).softmax(1)

    def curves(self, **settings):
        settings = {"min_prediction": 0.1, "thresholds": (0.1, 0.5)} | settings
        predict = settings.pop("predict", self.predict)
        return image_curves(self.images, self.attributions, predict, self.targets, **settings)


def test_one_pass_gives_both_curves_as_two_would():
    case = Case()
    settings = {"min_prediction": 0.1, "thresholds": (0.1, 0.5)}
    both = performance_information_curve(
        case.images, case.attributions, case.predict, case.targets, **settings, aggregation="mean"
    )
    for kind, curve in (("sic", both.sic), ("aic", both.aic)):
        alone = case.curves(kinds=(kind,))
        assert set(alone.curves) == set(alone.areas) == set(alone.skips) == {kind}
        assert both.images.curves[kind].equal(alone.curves[kind])
        assert curve.used == 4
        assert curve.area == aggregate(alone.of(kind), "mean").area


def test_the_thresholds_are_those_of_the_authors_notebook():
    assert PIC_THRESHOLDS == (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.10, 0.13, 0.21, 0.34, 0.5, 0.75)
    for function in (image_curves, performance_information_curve):
        defaults = {name: one.default for name, one in inspect.signature(function).parameters.items()}
        assert defaults["thresholds"] == PIC_THRESHOLDS
        assert (defaults["min_prediction"], defaults["monotone"], defaults["points"]) == (0.8, True, 1000)
        assert (defaults["triangulation"], defaults["batch_size"]) == ("exact", 64)


@pytest.mark.parametrize("function", [image_curves, performance_information_curve])
def test_every_setting_reaches_the_pass(monkeypatch, function):
    passes = []

    class Recorded(pic.Revealing):
        def __post_init__(self):
            super().__post_init__()
            passes.append(self)

    monkeypatch.setattr(pic, "Revealing", Recorded)
    case, executor, memory = Case(), pic.CallingThread(), InformationMemory()
    masks = torch.arange(4 * 16 * 16).reshape(4, 16, 16) % 50 == 0
    settings = {
        **{"thresholds": (0.2, 0.3, 0.9), "min_prediction": 0.25, "monotone": False, "points": 7, "batch_size": 3},
        **{"triangulation": "reduced", "executor": executor, "memory": memory},
    }
    tensors = {"ids": torch.tensor([8, 2, 5, 30]), "random_masks": masks}
    function(case.images, case.attributions, case.predict, case.targets, **settings, **tensors)
    (found,) = passes
    assert {name: getattr(found, name) for name in settings} == settings
    assert found.executor is executor and found.memory is memory and len(memory) == 4
    assert found.ids.equal(tensors["ids"]) and np.array_equal(found.random_masks, masks.numpy())
    assert np.array_equal(found.pixels, case.images.permute(0, 2, 3, 1).numpy())
    assert np.array_equal(found.maps, case.attributions.numpy()) and found.targets.equal(case.targets)
    assert found.kinds == ("sic", "aic") and found.predict == case.predict


def test_the_two_curves_are_summed_up_as_asked():
    case = Case()
    arguments = (case.images, case.attributions, case.predict, case.targets)
    settings = {"min_prediction": 0.1, "thresholds": (0.1, 0.5)}
    for asked, method in (({}, "median"), ({"aggregation": "mean"}, "mean")):
        found = performance_information_curve(*arguments, **settings, **asked)
        for kind, curve in (("sic", found.sic), ("aic", found.aic)):
            assert curve.y.equal(aggregate(found.images.of(kind), method).y)
    assert not aggregate(found.images.of("sic"), "mean").y.equal(found.images.of("sic").curves.median(dim=0).values)


def test_the_model_sees_pixels_in_batches_and_each_image_once():
    case = Case()
    case.curves(batch_size=3)
    assert all(pixels.dtype == torch.uint8 and pixels.is_contiguous() for pixels in case.seen)
    assert all(pixels.shape[1:] == (3, 16, 16) and len(pixels) <= 3 for pixels in case.seen)
    assert sum(len(pixels) for pixels in case.seen) == 4 * (1 + 1 + 2)


def test_the_hidden_image_is_decided_by_the_id():
    case = Case()
    curves = case.curves(ids=torch.tensor([8, 2, 5, 30]))
    case.images, case.attributions = case.images.flip(0), case.attributions.flip(0)
    turned = case.curves(ids=torch.tensor([30, 5, 2, 8]))
    assert turned.curves["sic"].flip(0).equal(curves.curves["sic"])
    assert not case.curves(ids=torch.tensor([31, 5, 2, 8])).curves["sic"][0].equal(turned.curves["sic"][0])
    assert turned.ids.tolist() == [30, 5, 2, 8]
    assert case.curves().ids.tolist() == [0, 1, 2, 3]


def test_constant_attributions_reveal_everything_at_once():
    case = Case()
    case.attributions[:] = 3
    assert case.curves().areas["sic"].tolist() == pytest.approx([0.5] * 4)


def test_a_model_of_one_class_has_nothing_to_win():
    curves = Case().curves(predict=lambda pixels: torch.ones(len(pixels), 1))
    for kind in ("sic", "aic"):
        assert curves.skips[kind].tolist() == [Skip.NO_PREDICTION_GAP] * 4


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_attributions_that_are_not_finite_skip_their_image_alone(value):
    case = Case()
    expected = case.curves()
    case.attributions[2, 3, 4] = value
    curves = case.curves()
    for kind in ("sic", "aic"):
        assert curves.skips[kind].tolist() == [0, 0, Skip.NOT_FINITE, 0]
        assert curves.areas[kind].isnan().tolist() == [False, False, True, False]
        assert curves.curves[kind][3].equal(expected.curves[kind][3])


@pytest.mark.parametrize("call", [0, 1, 2])  # on the originals, on the hidden images, on the revealed ones
def test_probabilities_that_are_not_finite_skip_their_image_alone(call):
    case, calls = Case(), []

    def predict(pixels):
        probabilities = case.predict(pixels)
        if len(calls) == call:
            probabilities[1, 1] = torch.nan
        calls.append(len(pixels))
        return probabilities

    curves = case.curves(predict=predict)
    row = 0 if call == 2 else 1  # of two thresholds each, the second of the first image
    for kind in ("sic", "aic"):
        assert curves.skips[kind].tolist() == [Skip.NOT_FINITE if each == row else Skip.USED for each in range(4)]
        assert curves.areas[kind].isnan().tolist() == [each == row for each in range(4)]


def test_no_images_are_no_curves():
    case = Case(count=0)
    curves = case.curves(points=10)
    assert curves.curves["aic"].shape == (0, 11)
    assert curves.areas["sic"].shape == curves.skips["sic"].shape == curves.ids.shape == (0,)
    assert np.isnan(aggregate(curves.of("sic")).area)
    assert not case.seen


def test_attributions_of_any_number_format_and_with_gradients():
    case = Case()
    case.attributions = (case.attributions * 16).round() / 16
    expected = case.curves().curves["sic"]
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        case.attributions = case.attributions.to(dtype).requires_grad_()
        assert case.curves().curves["sic"].equal(expected)


def test_the_borders_of_what_is_allowed():
    case = Case()
    assert case.curves(thresholds=(0.0, 1.0), points=1, batch_size=1).curves["sic"].shape == (4, 2)
    assert case.curves(thresholds=(0.5,), ids=torch.zeros(4, dtype=torch.int32)).ids.dtype == torch.int64
    case.images = case.images[:, :1]
    assert case.curves(kinds=("aic",)).skips["aic"].tolist() == [Skip.USED] * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": torch.zeros(4, 3, 16, 16)}, "uint8.*float32"),
        ({"images": torch.zeros(3, 16, 16, dtype=torch.uint8)}, r"\(3, 16, 16\)"),
        ({"images": torch.zeros(4, 3, 16, 0, dtype=torch.uint8)}, r"\(4, 3, 16, 0\)"),
        ({"targets": torch.full((4,), -1)}, "targets.*at least 0"),
        ({"targets": torch.zeros(4, dtype=torch.bool)}, "targets.*bool"),
        ({"targets": torch.zeros(4, dtype=torch.complex64)}, "targets.*complex64"),
        ({"ids": torch.arange(5)}, "ids must be 4"),
        ({"thresholds": (-0.1, 0.5)}, r"0\.\.1"),
        ({"kinds": ()}, "kinds"),
        ({"images": torch.zeros(4, 2, 16, 16, dtype=torch.uint8)}, r"\(4, 2, 16, 16\)"),
        ({"attributions": torch.zeros(4, 8, 16)}, r"\(4, 16, 16\).*\(4, 8, 16\)"),
        ({"attributions": torch.zeros(4, 16, 16, dtype=torch.int64)}, "floating point.*int64"),
        ({"targets": torch.zeros(3, dtype=torch.int64)}, "targets must be 4"),
        ({"targets": torch.zeros(4)}, "targets.*float32"),
        ({"targets": torch.full((4,), 2)}, r"targets up to 2, not \(4, 2\)"),
        ({"ids": torch.tensor([0, 1, 2, -3])}, "ids.*at least 0"),
        ({"random_masks": torch.zeros(4, 8, 8, dtype=torch.bool)}, r"\(4, 16, 16\).*\(4, 8, 8\)"),
        ({"random_masks": torch.zeros(4, 16, 16)}, "boolean.*float32"),
        ({"thresholds": ()}, "at least one"),
        ({"thresholds": (0.5, 0.1)}, "ascending"),
        ({"thresholds": (0.5, 1.1)}, r"0\.\.1"),
        ({"points": 0}, "at least 1"),
        ({"batch_size": 0}, "at least 1"),
        ({"kinds": ("pic",)}, "pic"),
        ({"triangulation": "fast"}, "fast"),
    ],
)
def test_other_input_is_named(changes, message):
    case = Case()
    arguments = {"images": case.images, "attributions": case.attributions, "targets": case.targets} | changes
    with pytest.raises(ValueError, match=message):
        image_curves(predict=case.predict, min_prediction=0.1, **arguments)
