"""What is measured of single images: what the pure functions say, whatever the batches and ranks, and why not."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import nn

from aga_lightning.callbacks.evaluation_sample import Examples
from aga_lightning.callbacks.measuring import (
    CONSTANT,
    MEASURES,
    NO_MASK,
    NO_POSITIVE,
    NO_SUBJECT,
    EvaluationProtocol,
    gathered,
    joined,
    measure,
    without_curves,
)
from aga_lightning.explain.attribution import attribute
from aga_lightning.explain.information import InformationMemory
from aga_lightning.explain.insertion import deletion_curve, insertion_curve
from aga_lightning.explain.localisation import energy_inside_mask, pointing_game
from aga_lightning.explain.pic import Skip, image_curves
from aga_lightning.explain.prediction import Pixels, probabilities

SIZE = 16
PIXELS = Pixels((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
PROTOCOL = EvaluationProtocol(min_prediction=0.0, thresholds=(0.05, 0.2, 0.5), steps=8, batch_size=2)
NOT_FINITE, LOW = Skip.NOT_FINITE.reason, Skip.LOW_PREDICTION.reason


def network(classes=3, channels=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, classes),
    ).eval()


def photos(count=5, channels=3, pixels=PIXELS, masks="upper half"):
    generator = torch.Generator().manual_seed(1)
    noise = torch.randint(256, (count, channels, SIZE, SIZE), dtype=torch.uint8, generator=generator)
    images = pixels.normalised(noise)
    upper = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    upper[: SIZE // 2] = True
    return Examples(
        torch.arange(10, 10 + count),
        images,
        torch.arange(count) % 3,
        (upper if masks else None,) * count,
        tuple(f"{number}.png" for number in range(count)),
    )


def some(examples, places):
    return Examples(
        examples.ids[places],
        examples.images[places],
        examples.labels[places],
        tuple(examples.masks[place] for place in places),
        tuple(examples.names[place] for place in places),
    )


def agree(first, second):
    assert first.ids.equal(second.ids)
    assert first.names == second.names
    assert first.labels.equal(second.labels) and first.predicted.equal(second.predicted)
    torch.testing.assert_close(first.probabilities, second.probabilities)
    assert first.scores.keys() == second.scores.keys()
    for name, scores in first.scores.items():
        assert scores.reasons == second.scores[name].reasons
        for field in ("values", "x", "curves"):
            torch.testing.assert_close(getattr(scores, field), getattr(second.scores[name], field), equal_nan=True)


@pytest.mark.parametrize(
    ("target", "rectify", "settings"),
    [("label", False, {}), ("predicted", True, {"method": "gradient_x_input"}), ("label", True, {"layer": "0"})],
)
def test_the_numbers_are_those_of_the_pure_functions(target, rectify, settings):
    examples, model = photos(), network()
    protocol = replace(PROTOCOL, target=target, rectify=rectify, **settings)
    measured = measure(model, [examples], PIXELS, protocol)

    predict = probabilities(model)
    answers = predict(examples.images)
    targets = examples.labels if target == "label" else answers.argmax(dim=1)
    method = protocol.method
    more = {"layer": protocol.layer, "relu": rectify} if method == "grad_cam" else {}
    maps = attribute(model, examples.images, targets, method, **more)
    maps = maps.clamp(min=0) if rectify else maps
    step = SIZE * SIZE // 8
    ours = measured.scores
    curves = image_curves(
        PIXELS.pixels(examples.images),
        maps,
        probabilities(model, PIXELS),
        targets,
        ids=examples.ids,
        thresholds=(0.05, 0.2, 0.5),
        min_prediction=0.0,
    )
    for kind in ("aic", "sic"):
        torch.testing.assert_close(ours[kind].values, curves.areas[kind], equal_nan=True)
        torch.testing.assert_close(ours[kind].curves.double(), curves.curves[kind], equal_nan=True)
        assert ours[kind].used.equal(curves.used(kind))
    assert ours["sic"].used.any()
    for name, curve in (("insertion", insertion_curve), ("deletion", deletion_curve)):
        found = curve(examples.images, maps, predict, targets, step=step)
        torch.testing.assert_close(ours[name].values, found.areas.double())
        torch.testing.assert_close(ours[name].curves, found.scores)
        assert ours[name].x.equal(found.fractions) and len(found.fractions) == 9
    masks = torch.stack(list(examples.masks))
    assert ours["energy_inside_mask"].values.float().equal(energy_inside_mask(maps, masks))
    assert ours["pointing_game"].values.float().equal(pointing_game(maps, masks))
    assert measured.predicted.equal(answers.argmax(dim=1))
    torch.testing.assert_close(measured.probabilities, answers.gather(1, targets[:, None])[:, 0])


def test_batches_threads_and_memory_change_nothing():
    examples, model, memory = photos(), network(), InformationMemory()
    whole = measure(model, [examples], PIXELS, PROTOCOL)
    with ThreadPoolExecutor(2) as executor:
        parts = [some(examples, places) for places in ([3, 0], [4], [1, 2])]
        for _ in range(2):
            agree(measure(model, parts, PIXELS, PROTOCOL, executor, memory), whole)
    assert len(memory) == 5


def test_parts_are_put_in_order_and_empty_ones_do_no_harm():
    examples, model = photos(), network()
    whole = measure(model, [examples], PIXELS, PROTOCOL)
    parts = [measure(model, [some(examples, places)], PIXELS, PROTOCOL) for places in ([1, 3], [0, 2, 4])]
    agree(joined([*parts, measure(model, [], PIXELS, PROTOCOL)], PROTOCOL), whole)
    assert gathered(whole, PROTOCOL, ranks=1) is whole


def test_no_images_give_empty_scores():
    nothing = measure(network(), [], PIXELS, PROTOCOL)
    assert len(nothing.ids) == 0 and tuple(nothing.scores) == MEASURES
    assert all(len(scores.values) == 0 and not scores.used.any() for scores in nothing.scores.values())


def test_only_what_is_asked_for_is_measured():
    protocol = replace(PROTOCOL, measures=("deletion", "aic"))
    measured = measure(network(), [photos(masks=None)], PIXELS, protocol)
    assert tuple(measured.scores) == ("deletion", "aic")


def test_without_curves_the_values_stay():
    whole = measure(network(), [photos()], PIXELS, PROTOCOL)
    bare = without_curves(whole)
    for name, scores in bare.scores.items():
        torch.testing.assert_close(scores.values, whole.scores[name].values, rtol=0, atol=0, equal_nan=True)
        assert scores.reasons == whole.scores[name].reasons
        assert scores.curves.shape == (5, 0) and scores.curves.untyped_storage().nbytes() == 0


def test_an_image_that_is_not_finite_is_skipped_alone():
    examples = photos()
    examples.images[2, 0, 0, 0] = torch.nan
    measured = measure(network(), [examples], PIXELS, PROTOCOL)
    for name in MEASURES:
        assert measured.scores[name].reasons[2] == NOT_FINITE, name
        assert measured.scores[name].values[2].isnan()
    assert measured.scores["insertion"].used.tolist() == [True, True, False, True, True]


def test_a_model_that_says_nan_is_never_an_error():
    model = network()
    nn.init.constant_(model[-1].weight, torch.nan)
    measured = measure(model, [photos()], PIXELS, PROTOCOL)
    assert {reason for scores in measured.scores.values() for reason in scores.reasons} == {NOT_FINITE}


def test_a_model_of_one_class_has_no_information_curve():
    examples = replace(photos(), labels=torch.zeros(5, dtype=torch.int64))
    measured = measure(network(classes=1), [examples], PIXELS, PROTOCOL)
    assert set(measured.scores["sic"].reasons) == {Skip.NO_PREDICTION_GAP.reason}
    assert measured.scores["insertion"].values.tolist() == [1.0] * 5
    assert measured.scores["deletion"].values.tolist() == [1.0] * 5


def test_images_that_the_model_gets_wrong_are_skipped_by_aic_alone():
    examples, model = photos(), network()
    wrong = (probabilities(model)(examples.images).argmax(dim=1) + 1) % 3
    measured = measure(model, [replace(examples, labels=wrong)], PIXELS, PROTOCOL)
    assert not measured.scores["aic"].used.any()
    assert measured.scores["insertion"].used.all()
    strict = measure(model, [replace(examples, labels=wrong)], PIXELS, replace(PROTOCOL, min_prediction=0.99))
    assert set(strict.scores["sic"].reasons) == {LOW}


def test_a_constant_map_says_nothing_of_where_the_subject_is():
    model = network()
    nn.init.zeros_(model[-1].weight)  # no gradient: Grad-CAM is zero throughout
    measured = measure(model, [photos()], PIXELS, PROTOCOL)
    assert set(measured.scores["energy_inside_mask"].reasons) == {NO_POSITIVE}
    assert set(measured.scores["pointing_game"].reasons) == {CONSTANT}
    assert measured.scores["deletion"].used.all()


def test_images_without_a_mask_or_a_subject_are_left_out_by_these_measures_alone():
    examples = photos()
    upper, nothing = examples.masks[0], torch.zeros(SIZE, SIZE, dtype=torch.bool)
    measured = measure(network(), [replace(examples, masks=(upper, None, nothing, upper, None))], PIXELS, PROTOCOL)
    reasons = measured.scores["pointing_game"].reasons
    assert reasons == ("", NO_MASK, NO_SUBJECT, "", NO_MASK)
    assert measured.scores["pointing_game"].used.tolist() == [True, False, False, True, False]
    assert measured.scores["energy_inside_mask"].reasons[1:3] == (NO_MASK, NO_SUBJECT)
    assert measured.scores["insertion"].used.all()


def test_grey_images_are_measured_too():
    grey = Pixels((0.5,), (0.25,))
    measured = measure(network(channels=1), [photos(channels=1, pixels=grey)], grey, PROTOCOL)
    assert measured.scores["sic"].used.any() and measured.scores["insertion"].used.all()


def test_an_unknown_layer_is_an_error():
    with pytest.raises(ValueError, match="layer9"):
        measure(network(), [photos()], PIXELS, replace(PROTOCOL, layer="layer9"))
