"""Insertion and deletion, beside RISE's published definition written out one image and one step at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from tiny.photos import crops
from torch import nn

from aga_lightning.explain.insertion import deletion_curve, insertion_curve, ranks, rise_blur
from aga_lightning.explain.prediction import Pixels, probabilities

SIDE, CLASSES = 20, 5
BOTH = pytest.mark.parametrize("curve", [insertion_curve, deletion_curve])


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def smooth(count, side, seed=0):
    """Maps like Grad-CAM's: coarse and rectified, with large areas of equal values."""
    coarse = noise(count, 1, 5, 5, seed=seed).relu()
    return nn.functional.interpolate(coarse, (side, side), mode="bilinear").squeeze(1)


@pytest.fixture(scope="module")
def predict():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, CLASSES))
    net[-1].weight.data *= 8
    return probabilities(net)


@pytest.fixture(scope="module")
def photos():
    pixels = torch.from_numpy(crops(4, 32)).permute(0, 3, 1, 2).contiguous()
    return Pixels((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)).normalised(pixels)


def dense_kernel():
    """RISE's gkern(11, 5): a 2-d filter for each channel."""
    point = np.zeros((11, 11))
    point[5, 5] = 1
    kernel = np.zeros((3, 3, 11, 11))
    kernel[[0, 1, 2], [0, 1, 2]] = gaussian_filter(point, 5)
    return torch.from_numpy(kernel.astype("float32"))


def published(mode, predict, image, attribution, step, order="numpy", target=None):
    """RISE's CausalMetric, for one image (1, 3, H, W): scores and area."""
    count = attribution.numel()
    if target is None:
        target = int(predict(image)[0].argmax())
    if order == "numpy":
        salient = np.flip(np.argsort(attribution.numpy().reshape(1, count), axis=1), axis=-1)[0]
    else:
        salient = sorted(range(count), key=lambda pixel: -attribution.flatten()[pixel].item())
    if mode is deletion_curve:
        now, finish = image.clone(), torch.zeros_like(image)
    else:
        now, finish = nn.functional.conv2d(image, dense_kernel(), padding=5), image.clone()
    scores = []
    steps = (count + step - 1) // step
    for index in range(steps + 1):
        scores.append(predict(now)[0, target].item())
        coords = torch.tensor(np.array(salient[step * index : step * (index + 1)], dtype=np.int64))
        now.view(3, count)[:, coords] = finish.view(3, count)[:, coords]
    scores = np.array(scores)
    return scores, (scores.sum() - scores[0] / 2 - scores[-1] / 2) / (len(scores) - 1)


def compare(curve, predict, images, maps, step, **options):
    ours = curve(images, maps, predict, step=step, **options)
    targets = options.get("targets")
    for index in range(len(images)):
        target = None if targets is None else int(targets[index])
        scores, area = published(
            curve, predict, images[index : index + 1], maps[index], step, options.get("order", "stable"), target
        )
        np.testing.assert_allclose(ours.scores[index], scores, atol=1e-5)
        assert ours.areas[index].item() == pytest.approx(area, abs=1e-5)
    return ours


@BOTH
@pytest.mark.parametrize("order", ["stable", "numpy"])
@pytest.mark.parametrize("step", [100, 37])  # 37 does not divide 400
@pytest.mark.parametrize("batch_size", [3, 64])
def test_equals_the_published_definition(predict, curve, order, step, batch_size):
    images = noise(3, 3, SIDE, SIDE)
    maps = torch.cat([smooth(2, SIDE), noise(1, SIDE, SIDE, seed=1)])
    ours = compare(curve, predict, images, maps, step, order=order, batch_size=batch_size)
    assert ours.targets.equal(predict(images).argmax(dim=1))
    assert (ours.scores.std(dim=1) > 1e-3).all(), "flat curves compare nothing"


@BOTH
@pytest.mark.parametrize("order", ["stable", "numpy"])
def test_equals_the_published_definition_on_photos(predict, photos, curve, order):
    compare(curve, predict, photos, smooth(len(photos), 32), 61, order=order)


@BOTH
def test_the_class_may_be_another_than_the_predicted_one(predict, curve):
    images, targets = noise(3, 3, SIDE, SIDE), torch.tensor([4, 0, 2])
    ours = compare(curve, predict, images, smooth(3, SIDE), 80, targets=targets)
    assert ours.targets.equal(targets)
    torch.testing.assert_close(
        ours.scores[:, -1 if curve is insertion_curve else 0], predict(images).gather(1, targets[:, None])[:, 0]
    )


def test_the_orders_differ_on_rectified_maps():
    maps = smooth(2, SIDE)
    assert not ranks(maps, "stable").equal(ranks(maps, "numpy"))


@BOTH
def test_the_default_is_28_steps(predict, curve):
    ours = curve(noise(1, 3, 30, 30), noise(1, 30, 30), predict)
    assert len(ours.fractions) == 29
    assert ours.fractions[1].item() == pytest.approx(33 / 900)  # 900 / 28 is 32.1
    assert (ours.fractions[0], ours.fractions[-1]) == (0, 1)


def test_two_short_blurs_are_the_dense_one():
    images = noise(2, 3, SIDE, SIDE)
    dense = nn.functional.conv2d(images, dense_kernel(), padding=5)
    torch.testing.assert_close(rise_blur(images), dense)
    assert rise_blur(noise(1, 1, 6, 9)).shape == (1, 1, 6, 9)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(rise_blur(images), dense)


@BOTH
def test_substrates(predict, curve):
    """Each one, seen where no pixel of the image is there; the other end is the image."""
    images, maps = noise(2, 3, SIDE, SIDE), smooth(2, SIDE)
    end = 0 if curve is insertion_curve else -1
    colour = torch.tensor([1.0, -2.0, 0.5])
    cases = {
        "blur": rise_blur(images),
        "mean": torch.zeros_like(images),
        1.5: torch.full_like(images, 1.5),
        colour: colour.view(1, 3, 1, 1).expand_as(images),
        torch.Tensor.neg: -images,
    }
    for substrate, expected in cases.items():
        ours = curve(images, maps, predict, substrate=substrate)
        wanted = predict(expected).gather(1, ours.targets[:, None])[:, 0]
        torch.testing.assert_close(ours.scores[:, end], wanted)


@BOTH
def test_the_model_is_asked_as_seldom_as_can_be(predict, curve):
    asked = []

    def watched(images):
        asked.append((len(images), images.is_contiguous(memory_format=torch.channels_last)))
        return predict(images)

    images = noise(3, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    curve(images, smooth(3, SIDE), watched, step=40, batch_size=16)
    assert asked == [(3, True), (16, True), (14, True)], "3 originals, then 10 steps of each"


@BOTH
def test_maps_that_are_not_finite_give_nan_and_cost_nothing(predict, curve):
    images, maps = noise(4, 3, SIDE, SIDE), smooth(4, SIDE)
    expected = curve(images, maps, predict)
    maps[1, 3, 3], maps[2, 0, 0] = torch.nan, torch.inf
    asked = []
    ours = curve(images, maps, lambda batch: (asked.append(len(batch)), predict(batch))[1], step=100)
    assert sum(asked) == 4 + 2 * 4
    ours = curve(images, maps, predict)
    assert ours.scores.isnan().all(dim=1).tolist() == ours.areas.isnan().tolist() == [False, True, True, False]
    torch.testing.assert_close(ours.scores[[0, 3]], expected.scores[[0, 3]])
    assert ours.targets.equal(expected.targets)
    torch.testing.assert_close(ours.mean, expected.scores[[0, 3]].mean(dim=0))
    for order in ("stable", "numpy"):
        none = curve(images, torch.full_like(maps, torch.nan), predict, order=order)
        assert none.scores.isnan().all() and none.areas.isnan().all() and none.mean.isnan().all()


@BOTH
def test_images_and_maps_from_inference_mode(predict, curve):
    expected = curve(noise(2, 3, SIDE, SIDE), smooth(2, SIDE), predict)
    with torch.inference_mode():
        images, maps = noise(2, 3, SIDE, SIDE), smooth(2, SIDE)
        inside = curve(images, maps, predict)
    for ours in (inside, curve(images, maps, predict)):
        assert ours.scores.equal(expected.scores) and ours.areas.equal(expected.areas)


@BOTH
def test_no_images_no_curves(curve):
    ours = curve(torch.empty(0, 3, 8, 8), torch.empty(0, 8, 8), lambda images: pytest.fail("asked"), step=16)
    assert [tuple(tensor.shape) for tensor in (ours.fractions, ours.scores, ours.areas)] == [(5,), (0, 5), (0,)]
    assert ours.targets.shape == (0,) and ours.targets.dtype == torch.int64


def test_a_constant_map_reveals_row_by_row():
    images = torch.zeros(1, 1, 4, 4)
    images[0, 0, :2] = 1

    def share(batch):
        inside = batch.mean(dim=(1, 2, 3))
        return torch.stack([inside, 1 - inside], dim=1)

    ours = insertion_curve(images, torch.full((1, 4, 4), 0.3), share, torch.tensor([0]), step=4, substrate="mean")
    assert ours.scores[0].tolist() == [0, 0.25, 0.5, 0.5, 0.5]


@BOTH
def test_a_model_of_one_class_is_always_sure(curve):
    ours = curve(noise(2, 3, 8, 8), noise(2, 8, 8), lambda images: torch.ones(len(images), 1))
    assert ours.areas.tolist() == [1, 1]


@BOTH
def test_grey_images_and_images_that_want_gradients(curve):
    images = noise(2, 1, 9, 7).requires_grad_()
    ours = curve(images, noise(2, 9, 7), lambda batch: torch.stack([batch.mean((1, 2, 3)), batch.std((1, 2, 3))], 1))
    assert ours.scores.shape == (2, len(ours.fractions)) and not ours.scores.requires_grad
    assert images.grad is None


def subject_share(mask):
    """A toy: how much of the subject can be seen, in images that are 1 everywhere and 0 where nothing is."""

    def predict(images):
        seen = (images[:, 0] * mask).sum(dim=(1, 2)) / mask.sum()
        return torch.stack([seen, 1 - seen], dim=1)

    return predict


@given(
    mask=st.lists(st.booleans(), min_size=48, max_size=48).filter(lambda mask: 0 < sum(mask) < 48),
    step=st.integers(1, 50),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_true_map_is_best_and_the_reversed_one_worst(mask, step, seed):
    mask = torch.tensor(mask).view(6, 8).float()
    maps = torch.stack([mask, noise(6, 8, seed=seed), -mask])
    images, targets = torch.ones(3, 1, 6, 8), torch.zeros(3, dtype=torch.int64)
    inserted = insertion_curve(images, maps, subject_share(mask), targets, step, substrate="mean")
    deleted = deletion_curve(images, maps, subject_share(mask), targets, step)
    assert ((inserted.areas >= -1e-6) & (inserted.areas <= 1 + 1e-6)).all()
    assert (inserted.areas.diff() <= 1e-6).all() and (deleted.areas.diff() >= -1e-6).all()
    assert (inserted.scores.diff(dim=1) >= -1e-6).all()
    # What is revealed is what the other removes.
    torch.testing.assert_close(inserted.scores, 1 - deleted.scores)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": torch.zeros(2, 3, 8, 8, dtype=torch.uint8)}, "normalised images.*uint8"),
        ({"images": torch.zeros(3, 8, 8)}, r"\(N, C, H, W\).*\(3, 8, 8\)"),
        ({"attributions": torch.zeros(2, 7, 7)}, r"\(2, 7, 7\) and \(2, 3, 8, 8\); enlarge"),
        ({"attributions": torch.zeros(1, 8, 8)}, r"\(1, 8, 8\) and \(2, 3, 8, 8\)"),
        ({"attributions": torch.zeros(2, 8, 8, dtype=torch.int64)}, "floating point, not torch.int64"),
        ({"targets": torch.zeros(3, dtype=torch.int64)}, r"int64 \(2,\).*\(3,\)"),
        ({"targets": torch.zeros(2)}, "int64.*float32"),
        ({"targets": torch.tensor([0, CLASSES])}, r"0\.\.4, not 0\.\.5"),
        ({"targets": torch.tensor([-1, 0])}, "Target -1 is out of range"),
        ({"step": 0}, "not 0 and 64"),
        ({"batch_size": 0}, "not None and 0"),
        ({"order": "random"}, "'random'; choose one of stable, numpy"),
        ({"substrate": "noise"}, "'noise'; choose blur, mean"),
        ({"substrate": torch.zeros(4)}, r"3 channels, not \(4,\)"),
        ({"substrate": lambda images: images[:, :1]}, r"\(2, 3, 8, 8\), but made \(2, 1, 8, 8\)"),
        ({"predict": lambda images: torch.ones(len(images))}, r"not \(2,\) of 2"),
    ],
)
@BOTH
def test_what_does_not_fit_is_named(predict, curve, change, words):
    arguments = {"images": noise(2, 3, 8, 8), "attributions": noise(2, 8, 8), "predict": predict}
    with pytest.raises(ValueError, match=words):
        curve(**(arguments | change))
