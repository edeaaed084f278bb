"""What is measured of single images: what the pure functions say, whatever the batches and ranks, and why not."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import nn

from aga_lightning.callbacks.evaluation_sample import Examples
from aga_lightning.callbacks.faithfulness import Faithfulness
from aga_lightning.callbacks.measuring import MEASURES
from aga_lightning.explain.attribution import attribute
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.insertion import deletion_curve, insertion_curve
from aga_lightning.explain.localisation import energy_inside_mask, pointing_game
from aga_lightning.explain.per_image import Skip
from aga_lightning.explain.pic import image_curves
from aga_lightning.explain.prediction import Pixels, probabilities

SIZE = 16
PIXELS = Pixels((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


def settings(**others):
    usual = {"min_prediction": 0.0, "thresholds": [0.05, 0.2, 0.5], "steps": 8, "batch_size": 2}
    return Faithfulness(**(usual | others))


def network(classes=3, channels=3):
    torch.manual_seed(0)
    first = nn.Conv2d(channels, 6, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, classes)).eval()


def photos(count=5, channels=3, pixels=PIXELS, **others):
    generator = torch.Generator().manual_seed(1)
    noise = torch.randint(256, (count, channels, SIZE, SIZE), dtype=torch.uint8, generator=generator)
    upper = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    upper[: SIZE // 2] = True
    ids, labels = torch.arange(10, 10 + count), torch.arange(count) % 3
    return replace(Examples(ids, pixels.normalised(noise), labels, (upper,) * count), **others)


def some(examples, places):
    masks = tuple(examples.masks[place] for place in places)
    return Examples(examples.ids[places], examples.images[places], examples.labels[places], masks)


def agree(first, second):
    for one, other in zip(first.answers, second.answers, strict=True):
        torch.testing.assert_close(one, other)
    assert first.scores.keys() == second.scores.keys()
    for name, scores in first.scores.items():
        for field in ("ids", "values", "skips", "x", "curves"):
            ours, theirs = getattr(scores, field), getattr(second.scores[name], field)
            torch.testing.assert_close(ours, theirs, equal_nan=True)


@pytest.mark.parametrize(
    ("target", "rectify", "others"),
    [("label", False, {}), ("predicted", True, {"method": "gradient_x_input"}), ("label", True, {"layer": "0"})],
)
def test_the_numbers_are_those_of_the_pure_functions(target, rectify, others):
    examples, model = photos(), network()
    asked = settings(target=target, rectify=rectify, **others)
    measured = asked.measure(model, [examples], PIXELS)

    predict = probabilities(model)
    said = predict(examples.images)
    targets = examples.labels if target == "label" else said.argmax(dim=1)
    more = {"layer": asked.layer, "relu": rectify} if asked.method == "grad_cam" else {}
    maps = attribute(model, examples.images, targets, asked.method, **more)
    maps = maps.clamp(min=0) if rectify else maps
    ours = measured.scores
    how = {"ids": examples.ids, "thresholds": (0.05, 0.2, 0.5), "min_prediction": 0.0}
    pixels = PIXELS.pixels(examples.images)
    curves = image_curves(pixels, maps, probabilities(model, PIXELS), targets, **how)
    for kind in ("aic", "sic"):
        torch.testing.assert_close(ours[kind].values, curves.areas[kind], rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(ours[kind].curves.double(), curves.curves[kind], equal_nan=True)
        assert ours[kind].used.equal(curves.used(kind))
    assert ours["sic"].used.any()
    for name, curve in (("insertion", insertion_curve), ("deletion", deletion_curve)):
        found = curve(examples.images, maps, predict, targets, step=SIZE * SIZE // 8)
        torch.testing.assert_close(ours[name].values, found.areas)
        torch.testing.assert_close(ours[name].curves, found.scores)
        assert ours[name].x.equal(found.fractions) and len(found.fractions) == 9
    masks = torch.stack(list(examples.masks))
    assert ours["energy_inside_mask"].values.equal(energy_inside_mask(maps, masks))
    assert ours["pointing_game"].values.equal(pointing_game(maps, masks))
    assert measured.answers.predicted.equal(said.argmax(dim=1))
    torch.testing.assert_close(measured.answers.confidences, said.gather(1, targets[:, None])[:, 0])


def test_batches_threads_and_memory_change_nothing():
    examples, model, memory = photos(), network(), InformationMemory()
    whole = settings().measure(model, [examples], PIXELS)
    with ThreadPoolExecutor(2) as executor:
        parts = [some(examples, places) for places in ([3, 0], [4], [1, 2])]
        for _ in range(2):
            agree(settings().measure(model, parts, PIXELS, executor, memory), whole)
    assert len(memory) == 5


def test_only_what_is_asked_for_is_measured_also_of_no_images():
    measured = settings(measures=["deletion", "aic"]).measure(network(), [photos()], PIXELS)
    assert tuple(measured.scores) == ("deletion", "aic")
    nothing = settings().measure(network(), [], PIXELS)
    assert len(nothing.answers.ids) == 0 and tuple(nothing.scores) == MEASURES
    assert all(len(scores.values) == 0 and not scores.used.any() for scores in nothing.scores.values())


def test_an_image_that_is_not_finite_is_skipped_alone():
    examples = photos()
    examples.images[2, 0, 0, 0] = torch.nan
    measured = settings().measure(network(), [examples], PIXELS)
    for name in MEASURES:
        assert measured.scores[name].skips[2] == Skip.NOT_FINITE, name
        assert measured.scores[name].values[2].isnan()
    assert measured.scores["insertion"].used.tolist() == [True, True, False, True, True]


def skips(model, examples, **others):
    measured = settings(**others).measure(model, [examples], PIXELS)
    return {name: set(scores.skips.tolist()) for name, scores in measured.scores.items()}


def test_a_model_that_says_nan_is_never_an_error():
    model = network()
    nn.init.constant_(model[-1].weight, torch.nan)
    assert skips(model, photos()) == {name: {Skip.NOT_FINITE} for name in MEASURES}


def test_a_model_of_one_class_has_no_information_curve():
    examples = photos(labels=torch.zeros(5, dtype=torch.int64))
    measured = settings().measure(network(classes=1), [examples], PIXELS)
    assert set(measured.scores["sic"].skips.tolist()) == {Skip.NO_PREDICTION_GAP}
    assert all(measured.scores[name].values.tolist() == [1.0] * 5 for name in ("insertion", "deletion"))


def test_images_that_the_model_gets_wrong_are_skipped_by_aic_alone():
    examples, model = photos(), network()
    wrong = replace(examples, labels=(probabilities(model)(examples.images).argmax(dim=1) + 1) % 3)
    found = skips(model, wrong)
    assert Skip.USED not in found["aic"] and found["insertion"] == {Skip.USED}
    assert skips(model, wrong, min_prediction=0.99)["sic"] == {Skip.LOW_PREDICTION}


def test_a_constant_map_says_nothing_of_where_the_subject_is():
    model = network()
    nn.init.zeros_(model[-1].weight)  # no gradient: Grad-CAM is zero throughout
    found = skips(model, photos())
    assert found["energy_inside_mask"] == {Skip.NO_POSITIVE} and found["pointing_game"] == {Skip.CONSTANT}
    assert found["deletion"] == {Skip.USED}


def test_images_without_a_mask_or_a_subject_are_left_out_by_these_measures_alone():
    upper, nothing = photos().masks[0], torch.zeros(SIZE, SIZE, dtype=torch.bool)
    examples = photos(masks=(upper, None, nothing, upper, None))
    measured = settings().measure(network(), [examples], PIXELS).scores
    expected = [Skip.USED, Skip.NO_MASK, Skip.NO_SUBJECT, Skip.USED, Skip.NO_MASK]
    assert measured["pointing_game"].skips.tolist() == expected
    assert measured["energy_inside_mask"].skips[1:3].tolist() == [Skip.NO_MASK, Skip.NO_SUBJECT]
    assert measured["insertion"].used.all()


def test_grey_images_are_measured_too():
    grey = Pixels((0.5,), (0.25,))
    measured = settings().measure(network(channels=1), [photos(channels=1, pixels=grey)], grey).scores
    assert measured["sic"].used.any() and measured["insertion"].used.all()


def test_an_unknown_layer_is_an_error():
    with pytest.raises(ValueError, match="layer9"):
        settings(layer="layer9").measure(network(), [photos()], PIXELS)
