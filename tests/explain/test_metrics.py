"""The measures as metrics: what the functions say, whatever the batches and on however many ranks."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny.explained import on_two_ranks
from torch import nn
from torchmetrics import MetricCollection

from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.information_curve import aggregate
from aga_lightning.explain.insertion import deletion_curve, insertion_curve
from aga_lightning.explain.localisation import energy_inside_mask, pointing_game
from aga_lightning.explain.metrics import (
    DeletionAUC,
    EnergyInsideMask,
    InsertionAUC,
    PerformanceInformationCurve,
    PointingGame,
)
from aga_lightning.explain.per_image import Skip, common
from aga_lightning.explain.pic import image_curves

IMAGES, SIDE = 7, 16
THRESHOLDS = (0.05, 0.2, 0.5)


class Contrast(nn.Module):
    """Class 0 is what has contrast, which blurred and hidden images lose: it is sure of the first images."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.1))

    def forward(self, images):
        images = images / 255 if images.dtype == torch.uint8 else images
        contrast = (images.diff(dim=2).abs().mean(dim=(1, 2, 3)) / self.level).clamp(max=1)
        return torch.stack([contrast, 1 - contrast], dim=1)


def example():
    """Pixels, normalised images, attributions, masks, targets and ids; image 2 has no usable map, image 5 no mask."""
    generator = torch.Generator().manual_seed(0)
    contrast = torch.linspace(1, 0.2, IMAGES).view(-1, 1, 1, 1)
    pixels = (128 + 127 * contrast * (torch.rand(IMAGES, 3, SIDE, SIDE, generator=generator) * 2 - 1)).to(torch.uint8)
    attributions = torch.rand(IMAGES, SIDE, SIDE, generator=generator)
    attributions[2, 3, 3] = torch.nan
    masks = torch.rand(IMAGES, SIDE, SIDE, generator=generator) < 0.4
    masks[5] = False
    targets = torch.zeros(IMAGES, dtype=torch.int64)
    return pixels, pixels / 255, attributions, masks, targets, torch.arange(IMAGES) * 10


def metrics():
    return {
        "insertion": InsertionAUC(Contrast(), step=30),
        "deletion": DeletionAUC(Contrast(), step=30),
        "energy": EnergyInsideMask(),
        "pointing": PointingGame(tolerance=1),
        "pic": PerformanceInformationCurve(Contrast(), THRESHOLDS, points=50),
    }


def update(all_metrics, rows):
    pixels, images, attributions, masks, targets, ids = (tensor[rows] for tensor in example())
    for name in ("insertion", "deletion"):
        all_metrics[name].update(images, attributions, targets, ids)
    for name in ("energy", "pointing"):
        all_metrics[name].update(attributions, masks, ids)
    all_metrics["pic"].update(pixels, attributions, targets, ids)


def said(all_metrics):
    """All that the metrics say, as plain tensors."""
    pic = all_metrics["pic"]
    values = {name: metric.compute() for name, metric in all_metrics.items() if name != "pic"} | pic.compute()
    for name in ("insertion", "deletion", "energy", "pointing"):
        per_image = all_metrics[name].per_image()
        values |= {f"{name}_{field}": getattr(per_image, field) for field in ("ids", "values", "skips", "x", "curves")}
    for name in ("insertion", "deletion"):
        curves = all_metrics[name].curves()
        values |= {f"{name}_fractions": curves.fractions, f"{name}_scores": curves.scores, f"{name}_mean": curves.mean}
    values["pic_ids"] = pic.image_curves().ids
    for kind in pic.kinds:
        curve = pic.information_curve(kind)
        values |= {f"{kind}_y": curve.y, f"{kind}_skips": pic.image_curves().skips[kind]}
    return values


@pytest.fixture(scope="module")
def alone():
    """What one process says that sees all images at once."""
    whole = metrics()
    update(whole, slice(None))
    return said(whole)


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], equal_nan=True, msg=lambda text, name=name: f"{name}: {text}")


def test_they_say_what_the_functions_say(alone):
    pixels, images, attributions, masks, targets, ids = example()
    for name, curve in (("insertion", insertion_curve), ("deletion", deletion_curve)):
        expected = curve(images, attributions, Contrast(), targets, step=30)
        torch.testing.assert_close(alone[f"{name}_values"], expected.areas, equal_nan=True)
        torch.testing.assert_close(alone[f"{name}_scores"], expected.scores, equal_nan=True)
        assert alone[f"{name}_fractions"].equal(expected.fractions) and alone[f"{name}_x"].equal(expected.fractions)
        torch.testing.assert_close(alone[f"{name}_curves"], expected.scores, equal_nan=True)
        torch.testing.assert_close(alone[name], expected.areas.nanmean())
        torch.testing.assert_close(alone[f"{name}_mean"], expected.scores.nanmean(dim=0))
    for name, expected in (
        ("energy", energy_inside_mask(attributions, masks)),
        ("pointing", pointing_game(attributions, masks, 1)),
    ):
        torch.testing.assert_close(alone[f"{name}_values"], expected, equal_nan=True)
        expected_skips = [0, 0, Skip.NOT_FINITE, 0, 0, Skip.NO_SUBJECT, 0]
        assert alone[f"{name}_skips"].tolist() == expected_skips
        torch.testing.assert_close(alone[name], expected.nanmean())
    found = image_curves(pixels, attributions, Contrast(), targets, ids, thresholds=THRESHOLDS, points=50)
    for kind in ("sic", "aic"):
        expected = aggregate(found.of(kind))
        assert alone[kind].item() == pytest.approx(expected.area, abs=1e-6)
        torch.testing.assert_close(alone[f"{kind}_y"], expected.y, atol=1e-6, rtol=0)
        assert 0 < expected.used < IMAGES, "the example has used and skipped images"
        assert alone[f"{kind}_used"] == expected.used
        counts = {
            skip: int(alone[f"{kind}_skipped_{skip.name.lower()}"])
            for skip in expected.skipped
            if skip != Skip.NOT_COMMON
        }
        assert counts == {skip: count for skip, count in expected.skipped.items() if skip != Skip.NOT_COMMON}
        assert alone[f"{kind}_skips"].equal(found.skips[kind])


@pytest.mark.parametrize("shares", [[[0, 1, 2], [3], [4, 5, 6]], [[6, 4], [5], [], [3, 2, 1, 0], [6, 0]]])
def test_batches_do_not_matter(alone, shares):
    """In any order, with an empty batch, and with images that come twice."""
    batched = metrics()
    for rows in shares:
        update(batched, rows)
    assert_same(said(batched), alone)


def test_two_ranks_say_what_one_process_says(tmp_path, alone):
    """With uneven shares, one image on both, then all images on one rank, then none at all."""
    on_two_ranks(tmp_path, Path(__file__), f"speak({str(tmp_path)!r})")
    for rank in range(2):
        uneven, one_sided, nothing, own = torch.load(tmp_path / f"{rank}.pt")
        assert_same(uneven, alone)
        assert_same(one_sided, alone)
        assert all(nothing[name].isnan() for name in ("insertion", "deletion", "energy", "pointing", "sic", "aic"))
        assert nothing["sic_used"] == 0 and nothing["pic_ids"].shape == (0,)
        assert own == [5, 3][rank], "afterwards a rank has its own images again"


SHARES = [([[0, 3, 6], [1, 4]], [[5, 2, 0]]), ([], [[0, 1, 2, 3], [4, 5, 6]]), ([], [])]


def speak(folder):
    rank = int(os.environ["LOCAL_RANK"])
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    results = []
    for shares in SHARES:
        ours = metrics()
        for rows in shares[rank]:
            update(ours, rows)
        results.append(said(ours))
        if shares is SHARES[0]:
            own = len(ours["energy"].flat("ids"))
    torch.save([*results, own], f"{folder}/{rank}.pt")


@pytest.mark.parametrize("name", ["insertion", "deletion", "pic"])
def test_the_model_is_no_part_of_the_metric(name):
    metric = metrics()[name]
    update(metrics() | {name: metric}, [0, 1])
    assert not list(metric.modules())[1:] and not list(metric.parameters()) and not metric.state_dict()
    metric.half().to("cpu")
    assert metric._predict[0].level.dtype == torch.float32


def test_pickled_and_cloned_metrics_go_on(alone):
    threads = ThreadPoolExecutor(1)
    originals = metrics()
    originals["pic"] = PerformanceInformationCurve(
        Contrast(), THRESHOLDS, points=50, executor=threads, memory=InformationMemory()
    )
    update(originals, [0, 1, 2])
    pickled = pickle.loads(pickle.dumps(originals))
    cloned = {name: metric.clone() for name, metric in originals.items()}
    for copy in (pickled, cloned):
        update(copy, [3, 4, 5, 6])
        assert_same(said(copy), alone)
    threads.shutdown()


def test_a_collection_does_not_take_them_for_one():
    """Their first batch is such that both say 1."""
    attributions, masks = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8, dtype=torch.bool)
    attributions[0, 0, 0], masks[0, 0, 0] = 1, True
    inside = MetricCollection({"energy": EnergyInsideMask(), "pointing": PointingGame()})
    inside.update(attributions, masks)
    inside.update(attributions + 0.1, masks)
    assert inside.compute()["pointing"] == 1 and inside.compute()["energy"] < 1
    sure = Contrast()
    causal = MetricCollection({"insertion": InsertionAUC(sure, substrate="mean"), "deletion": DeletionAUC(sure)})
    causal.update(torch.zeros(1, 1, 8, 8), attributions)
    causal.update(torch.rand(1, 1, 8, 8), attributions)
    assert causal.compute()["insertion"] != causal.compute()["deletion"]


def test_which_way_is_better():
    ways = {name: metric.higher_is_better for name, metric in metrics().items()}
    assert ways == {"insertion": True, "deletion": False, "energy": True, "pointing": True, "pic": True}
    assert not any(metric.is_differentiable or metric.full_state_update for metric in metrics().values())


def test_the_predicted_class_where_no_target_is_given():
    _, images, attributions, *_ = example()
    metric = InsertionAUC(Contrast())
    metric.update(images, attributions)
    assert metric.curves().targets.equal(Contrast()(images).argmax(dim=1))
    np.testing.assert_allclose(metric.curves().areas, insertion_curve(images, attributions, Contrast()).areas)


def test_images_of_two_sizes_have_a_mean_area_and_no_common_curve():
    metric, areas = DeletionAUC(Contrast()), []
    for side in (8, 12):
        images, attributions = torch.rand(1, 3, side, side), torch.rand(1, side, side)
        metric.update(images, attributions)
        areas.append(deletion_curve(images, attributions, Contrast()).areas)
    torch.testing.assert_close(metric.compute(), torch.cat(areas).mean())
    with pytest.raises(ValueError, match=r"\[64, 144\] pixels"):
        metric.curves()


def test_one_kind_alone_and_the_mean_of_curves():
    pixels, _, attributions, _, targets, ids = example()
    metric = PerformanceInformationCurve(Contrast(), THRESHOLDS, points=50, kinds=["aic"], aggregation="mean")
    metric.update(pixels, attributions, targets, ids)
    found = image_curves(pixels, attributions, Contrast(), targets, ids, thresholds=THRESHOLDS, points=50)
    assert not any(name.startswith("sic") for name in metric.compute())
    assert metric.compute()["aic"].item() == pytest.approx(aggregate(found.of("aic"), "mean").area, abs=1e-6)


def test_images_without_ids_count_but_cannot_be_compared():
    pixels, _, attributions, _, targets, _ = example()
    metric = PerformanceInformationCurve(Contrast(), THRESHOLDS, points=50)
    metric.update(pixels, attributions, targets)
    assert len(metric.image_curves().ids) == IMAGES
    with pytest.raises(ValueError, match="give each image its own"):
        common(metric.image_curves().of("sic"), metric.image_curves().of("sic"))


def test_every_setting_of_the_curves_reaches_them(monkeypatch):
    asked = []

    def curves(*tensors, **settings):
        asked.append(settings)
        return image_curves(*tensors, **settings)

    monkeypatch.setattr("aga_lightning.explain.metrics.image_curves", curves)
    memory = InformationMemory()
    settings = {"thresholds": (0.2, 0.6), "min_prediction": 0.3, "monotone": False, "points": 9, "batch_size": 2}
    settings |= {"triangulation": "reduced", "memory": memory, "kinds": ("aic",)}
    metric = PerformanceInformationCurve(Contrast(), **settings)
    metric.update(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.rand(1, 8, 8), torch.tensor([0]))
    assert {name: asked[0][name] for name in settings} == settings
