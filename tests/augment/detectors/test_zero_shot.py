import copy
import inspect
import pickle
import shutil

import PIL.Image
import pytest
import torch
from safetensors.torch import load_file, save_file

from aga_lightning.augment.detectors.zero_shot import GroundingDINO, ZeroShotDetector
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.pretrained import PretrainedError

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


def with_settings(detector, **settings):
    """The same detector, with the model it has loaded."""
    other = copy.copy(detector)
    other._model = detector.model
    vars(other).update(settings)
    return other


def test_alone_and_in_mixed_company_the_same_is_found_in_the_order_of_the_samples(detector, mixed):
    together = detector.detect(mixed)
    assert together == with_settings(detector, batch_size=1).detect(mixed)
    assert together[::-1] == detector.detect(mixed[::-1])
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


def test_boxes_lie_in_the_image_and_come_best_first(detector, mixed):
    for sample, found in zip(mixed, detector.detect(mixed), strict=True):
        height, width = sample.image.shape[:2]
        assert found and [d.score for d in found] == sorted((d.score for d in found), reverse=True)
        for left, top, right, bottom in (d.box for d in found):
            assert 0 <= left < right <= width and 0 <= top < bottom <= height


def test_threshold_and_best_box_are_heeded(detector, photo):
    [found] = detector.detect([photo()])
    assert with_settings(detector, boxes="best").detect([photo()]) == [found[:1]]
    middle = (found[0].score + found[-1].score) / 2
    above = with_settings(detector, threshold=middle).detect([photo()])[0]
    assert above == [d for d in found if d.score > middle] and 0 < len(above) < len(found)
    assert with_settings(detector, threshold=found[0].score + 1e-4).detect([photo()]) == [[]]


def test_the_superclass_decides_what_is_looked_for(detector, photo):
    bird, dog, again = detector.detect([photo(), photo(superclass="dog"), photo(superclass="BIRD")])
    assert bird == again and bird != dog


def test_long_superclasses_and_extreme_sizes_stop_nothing(detector, photo):
    detector.detect(
        [photo(superclass="a very long_name " * 40), photo(1, 1), photo(300, 4), photo(3, 40), photo(1, 500)]
    )


def test_not_a_number_is_nothing_found(detector, photo):
    broken = with_settings(detector)
    broken._model = (detector.model[0], copy.deepcopy(detector.model[1]))
    for parameter in broken._model[1].parameters():
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
    scores = [
        d.score
        for d in ZeroShotDetector(
            weights=str(checkpoints["mm_grounding_dino"]), threshold=0, text_threshold=0, device="cpu"
        ).detect([photo()])[0]
    ]
    strict = ZeroShotDetector(
        weights=str(checkpoints["mm_grounding_dino"]), threshold=0, text_threshold=scores[4], device="cpu"
    ).detect([photo()])[0]
    assert len(strict) < 5
    everything = ZeroShotDetector(
        weights=str(checkpoints["owlv2"]), threshold=0, text_threshold=0, prompt="a {superclass}", device="cpu"
    ).detect([photo()])
    assert everything == ZeroShotDetector(
        weights=str(checkpoints["owlv2"]), threshold=0, text_threshold=0.99, prompt="a {superclass}", device="cpu"
    ).detect([photo()])


def test_a_missing_dot_is_added_for_grounding_dino(grounding_dino, photo):
    samples = [photo(), photo(seed=1)]
    assert with_settings(grounding_dino, prompt="{superclass}").detect(samples) == grounding_dino.detect(samples)


def test_half_precision_runs(checkpoints, photo):
    for dtype in ("bfloat16", "float16"):
        detector = GroundingDINO(
            weights=str(checkpoints["grounding_dino"]), threshold=0.0, text_threshold=0.0, dtype=dtype, device="cpu"
        )
        assert detector.detect([photo()])[0] and detector.model[1].dtype == getattr(torch, dtype)


def test_weights_that_cannot_be_loaded_are_explained(offline, tmp_path):
    with pytest.raises(PretrainedError, match=r"org/missing cannot be loaded .*hf download org/missing"):
        GroundingDINO(weights="org/missing").load()
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(PretrainedError, match="is it a zero-shot object detector of transformers"):
        GroundingDINO(weights=str(tmp_path)).load()


def test_a_checkpoint_that_lacks_tensors_is_refused(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints["grounding_dino"], tmp_path / "partial")
    tensors = load_file(folder / "model.safetensors")
    lost = next(name for name in tensors if "text_projection.weight" in name)
    save_file(
        {name: tensor for name, tensor in tensors.items() if name != lost},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(PretrainedError, match=r"lacks 1 tensors .*text_projection\.weight"):
        GroundingDINO(weights=str(folder)).load()


@pytest.mark.parametrize(
    "settings", [{"threshold": 1.5}, {"text_threshold": -1}, {"prompt": "{name}"}, {"batch_size": 0}]
)
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        GroundingDINO(**settings)


def test_the_key_holds_the_weights_and_settings_and_not_the_place_or_the_batch_size(checkpoints, tmp_path):
    folder = checkpoints["grounding_dino"]
    moved = shutil.copytree(folder, tmp_path / "moved")
    key = fingerprint(GroundingDINO(weights=str(folder)))
    assert key == fingerprint(GroundingDINO(weights=str(moved), batch_size=3, device="cpu"))
    others = [
        GroundingDINO(weights=str(checkpoints["mm_grounding_dino"])),
        GroundingDINO(weights=str(folder), threshold=0.3),
        GroundingDINO(weights=str(folder), prompt="a {superclass}."),
        GroundingDINO(weights=str(folder), boxes="best"),
        GroundingDINO(),
        GroundingDINO(revision="v2"),
    ]
    assert len({key, *map(fingerprint, others)}) == 7


def test_a_pickled_detector_loads_its_model_itself(grounding_dino, photo):
    found = grounding_dino.detect([photo()])
    other = pickle.loads(pickle.dumps(grounding_dino))
    assert other._model is None and other.detect([photo()]) == found


def test_the_named_default_has_the_settings_of_the_general_one_and_the_papers_thresholds():
    general = inspect.signature(ZeroShotDetector).parameters
    named = inspect.signature(GroundingDINO).parameters
    assert list(general) == list(named)
    assert all(general[name] == named[name] for name in general if name != "weights")
    detector = GroundingDINO()
    assert (detector.threshold, detector.text_threshold, detector.query("Bird")) == (0.35, 0.25, "bird.")
