import json
import shutil
import sys
from dataclasses import replace

import PIL.Image
import pytest

from aga_lightning.augment.detectors.bert_adapter import quietly
from aga_lightning.augment.detectors.groundingdino_checkpoint import GroundingDINOCheckpoint
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.networks.weights_files import WeightsError

pytest.importorskip("groundingdino", reason="needs the extra groundingdino", exc_type=ImportError)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    from tiny.groundingdino_checkpoint import save_groundingdino_checkpoint

    return save_groundingdino_checkpoint(tmp_path_factory.mktemp("groundingdino"))


def of(weights, config, text_encoder, **settings):
    return GroundingDINOCheckpoint(weights=str(weights), config=str(config), text_encoder=str(text_encoder), **settings)


@pytest.fixture(scope="module")
def detector(files):
    return of(*files, threshold=0.0, text_threshold=0.0, size=128, device="cpu")


def test_alone_and_in_mixed_company_the_same_is_found_in_the_order_of_the_samples(detector, mixed):
    together = detector.detect(mixed[1:3])
    assert together == [detector.detect([sample])[0] for sample in mixed[1:3]]
    assert len({tuple(found) for found in together}) == 2


def test_it_finds_what_the_authors_own_program_finds(detector, photo):
    [found] = detector.detect([photo()])
    prepare, model = detector.model
    with quietly():
        from groundingdino.util.inference import Model, predict

        pixels = prepare(PIL.Image.fromarray(photo().image), None)[0]
        boxes, scores, _ = predict(model, pixels, "Bird", 0.0, 0.0, device="cpu")
    expected = Model.post_process_result(source_h=60, source_w=90, boxes=boxes, logits=scores)
    best = sorted(zip(expected.confidence.tolist(), expected.xyxy.tolist(), strict=True), reverse=True)[:3]
    assert [detection.score for detection in found[:3]] == pytest.approx([score for score, _ in best], abs=1e-4)
    inside = [tuple(detection.box) for detection in found]
    for left, top, right, bottom in (box for _, box in best):
        box = max(left, 0), max(top, 0), min(right, 90), min(bottom, 60)
        assert any(other == pytest.approx(box, abs=0.2) for other in inside)


def test_the_prompt_and_the_threshold_of_its_words_are_heeded(detector, photo):
    [found] = detector.detect([photo()])
    assert replace(detector, text_threshold=0.9999999).detect([photo()]) == [[]]
    assert replace(detector, prompt="{superclass}").detect([photo()]) == [found]
    assert replace(detector, prompt="..").detect([photo()]) == [[]]


def test_a_checkpoint_of_another_model_is_refused_and_not_half_loaded(detector, files, tmp_path):
    weights, config, text_encoder = files
    settings = json.loads(config.read_text())
    (tmp_path / "more.json").write_text(json.dumps({**settings, "enc_layers": 2}))
    (tmp_path / "wider.json").write_text(json.dumps({**settings, "dim_feedforward": 128}))
    for name, reason in {"more": "transformer.*is missing", "wider": ", not "}.items():
        other = of(weights, tmp_path / f"{name}.json", text_encoder, device="cpu")
        with pytest.raises(WeightsError, match=f"{reason}.*give the `config` that belongs"):
            other.load()


def test_files_that_are_not_there_are_named(files, offline, tmp_path):
    weights, config, text_encoder = files
    with pytest.raises(WeightsError, match=r"no file .*nowhere\.pth"):
        of("nowhere.pth", config, text_encoder).load()
    with pytest.raises(PretrainedError, match=r"nowhere\.json cannot be loaded as a configuration"):
        of(weights, "nowhere.json", text_encoder).load()
    with pytest.raises(PretrainedError, match=r"org/bert cannot be loaded as a folder with BERT"):
        of(weights, config, "org/bert").load()
    (tmp_path / "code.py").write_text("import os\n")
    with pytest.raises(PretrainedError, match=r"code\.py cannot be .*line 1 is no assignment"):
        of(weights, tmp_path / "code.py", text_encoder).load()


def test_without_the_extra_the_remedy_is_named(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "groundingdino.config", None)
    with pytest.raises(PretrainedError, match=r'pip install "aga-lightning\[groundingdino\]"'):
        GroundingDINOCheckpoint(weights=str(files[0])).load()


@pytest.mark.parametrize("settings", [{"threshold": 1}, {"text_threshold": -1}, {"size": 8}, {"prompt": "{x}"}])
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        GroundingDINOCheckpoint(weights="a.pth", **settings)


def test_the_key_holds_the_files_and_not_their_places_or_the_batch_size(files, tmp_path):
    weights, config, text_encoder = files
    key = fingerprint(of(*files))
    moved = (
        shutil.copy(weights, tmp_path),
        shutil.copy(config, tmp_path),
        shutil.copytree(text_encoder, tmp_path / "bert"),
    )
    assert key == fingerprint(of(*moved, batch_size=2, device="cpu"))
    (tmp_path / config.name).write_text("{}")
    others = [
        of(*moved),
        GroundingDINOCheckpoint(weights=str(weights), config=str(config)),
        GroundingDINOCheckpoint(weights=str(weights), text_encoder=str(text_encoder)),
        of(*files, size=640),
    ]
    assert len({key, *map(fingerprint, others)}) == 5
