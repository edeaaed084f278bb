import copy
import inspect
from dataclasses import replace

import PIL.Image
import pytest
import torch

from aga_lightning.augment.detectors.zero_shot import GroundingDINO, ZeroShotDetector

# Of a score and of a pixel, when a batch has another size (measured: 5e-7 and 1.3e-4).
SCORES, PIXELS = 1e-5, 1e-2


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    from tiny.grounding_dino import save_grounding_dino, save_mm_grounding_dino
    from tiny.owlv2 import save_owlv2

    root = tmp_path_factory.mktemp("zero_shot")
    return {
        "grounding_dino": save_grounding_dino(root / "grounding_dino"),
        "mm_grounding_dino": save_mm_grounding_dino(root / "mm_grounding_dino"),
        "owlv2": save_owlv2(root / "owlv2"),
    }


@pytest.fixture(scope="module", params=["grounding_dino", "mm_grounding_dino", "owlv2"])
def detector(checkpoints, request):
    prompt = "a photo of a {superclass}" if request.param == "owlv2" else "{superclass}."
    return ZeroShotDetector(
        weights=str(checkpoints[request.param]), threshold=0.0, text_threshold=0.0, prompt=prompt, device="cpu"
    )


@pytest.fixture(scope="module")
def grounding_dino(checkpoints):
    return GroundingDINO(weights=str(checkpoints["grounding_dino"]), threshold=0.0, text_threshold=0.0, device="cpu")


def test_alone_and_in_mixed_company_the_same_is_found_in_the_order_of_the_samples(detector, mixed):
    together = detector.detect(mixed)
    assert together == [detector.detect([sample])[0] for sample in mixed]
    assert len({tuple(found) for found in together}) == len(mixed)


@torch.inference_mode()
def test_batches_of_another_size_differ_by_rounding_and_of_the_same_size_not_at_all(detector, photo):
    images = [photo(seed=seed).image for seed in range(4)]
    batch = detector.look_for("bird.", images)
    for (boxes, scores), image in zip(batch, images, strict=True):
        [(alone_boxes, alone_scores)] = detector.look_for("bird.", [image])
        assert (scores - alone_scores).abs().max() < SCORES and (boxes - alone_boxes).abs().max() < PIXELS
    other = detector.look_for("bird.", [images[3], images[1], images[0], images[2]])
    assert torch.equal(other[1][1], batch[1][1]) and torch.equal(other[1][0], batch[1][0])


def test_long_superclasses_and_extreme_sizes_stop_nothing(detector, photo):
    detector.detect(
        [photo(superclass="a very long_name " * 40), photo(1, 1), photo(300, 4), photo(3, 40), photo(1, 500)]
    )


def test_not_a_number_is_nothing_found(detector, photo):
    broken = copy.copy(detector)
    for parameter in broken.model[1].parameters():
        parameter.data.fill_(torch.nan)
    assert broken.detect([photo(), photo()]) == [[], []]


def test_it_is_the_pipeline_of_transformers(grounding_dino, photo):
    from transformers import pipeline

    [found] = grounding_dino.detect([photo()])
    ask = pipeline("zero-shot-object-detection", model=grounding_dino.weights, device="cpu")
    expected = ask(PIL.Image.fromarray(photo().image), candidate_labels=["bird."], threshold=0.0)
    best = max(expected, key=lambda answer: answer["score"])
    assert found[0].score == pytest.approx(best["score"], abs=1e-4)
    assert found[0].box == pytest.approx([best["box"][side] for side in ("xmin", "ymin", "xmax", "ymax")], abs=1)


def test_boxes_that_answer_to_no_word_are_dropped(checkpoints, photo):
    def found(name, text_threshold):
        settings = {"threshold": 0, "text_threshold": text_threshold, "prompt": "a {superclass}.", "device": "cpu"}
        return ZeroShotDetector(weights=str(checkpoints[name]), **settings).detect([photo()])[0]

    assert len(found("mm_grounding_dino", found("mm_grounding_dino", 0)[4].score)) < 5
    assert found("owlv2", 0) == found("owlv2", 0.99)


def test_a_missing_dot_is_added_for_grounding_dino(grounding_dino, photo):
    samples = [photo(), photo(seed=1)]
    bare = replace(grounding_dino, prompt="{superclass}")
    assert bare.detect(samples) == grounding_dino.detect(samples)


@pytest.mark.parametrize(
    "settings", [{"threshold": 1.5}, {"text_threshold": -1}, {"prompt": "{name}"}, {"batch_size": 0}]
)
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        GroundingDINO(**settings)


def test_the_named_default_has_the_settings_of_the_general_one_and_the_papers_thresholds():
    general = inspect.signature(ZeroShotDetector).parameters
    named = inspect.signature(GroundingDINO).parameters
    assert list(general) == list(named)
    assert all(general[name] == named[name] for name in general if name != "weights")
    detector = GroundingDINO()
    assert (detector.threshold, detector.text_threshold, detector.query("Bird")) == (0.35, 0.25, "bird.")
