import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.models import get_model_weights

from aga_lightning.augment.detectors import closed_set
from aga_lightning.augment.detectors.closed_set import SUPERCLASSES, TorchvisionDetector
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.networks.weights_files import WeightsError


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    from tiny.torchvision_detector import ARCHITECTURE, CATEGORIES, save_torchvision_detector

    file = save_torchvision_detector(tmp_path_factory.mktemp("torchvision") / "tiny.pth")

    def make(weights=str(file), **settings):
        settings = {"categories": CATEGORIES, "threshold": 0.0, "device": "cpu", **settings}
        return TorchvisionDetector(weights=weights, architecture=ARCHITECTURE, **settings)

    return make


@pytest.fixture(scope="module")
def detector(make):
    return make()


def test_alone_and_in_mixed_company_the_same_is_found_in_the_order_of_the_samples(detector, mixed):
    together = detector.detect(mixed)
    assert together == [detector.detect([sample])[0] for sample in mixed]
    assert len({tuple(found) for found in together}) == len(mixed)


def test_it_is_torchvisions_answer_for_the_category(detector, photo):
    pixels = torch.from_numpy(np.ascontiguousarray(photo().image.transpose(2, 0, 1))) / 255
    with torch.inference_mode():
        [answer] = detector.model([pixels])
    for superclass, number in {"bird": 1, "dog": 2}.items():
        expected = answer["scores"][answer["labels"] == number]
        [[best, *_]] = detector.detect([photo(superclass=superclass)])
        assert best.score == pytest.approx(expected.max().item(), abs=1e-4)


def test_superclasses_find_their_categories_and_unknown_ones_nothing(detector, photo):
    bird, dog, puppy, both, none, background = (
        detector.detect([photo(superclass=name)])[0]
        for name in ("bird", "Dog", "puppy", "animal", "background", "fungus")
    )
    assert puppy == dog != bird and none == background == []
    assert both[0] in (bird[0], dog[0]) and both not in (bird, dog)


def test_own_labels_go_in_front_of_those_built_in(detector, photo):
    own = replace(detector, labels={"Flying_thing": ["bird"], "puppy": ["bird"]})
    [bird] = detector.detect([photo()])
    assert own.detect([photo(superclass="flying-thing"), photo(superclass="puppy")]) == [bird, bird]


def test_the_built_in_superclasses_name_categories_of_coco():
    for architecture in ("fasterrcnn_resnet50_fpn_v2", "retinanet_resnet50_fpn_v2"):
        categories = get_model_weights(architecture)["DEFAULT"].meta["categories"]
        assert {name for names in SUPERCLASSES.values() for name in names} <= set(categories)
        assert not set(SUPERCLASSES) & set(categories)


def test_weights_that_do_not_fit_are_explained(make, detector, tmp_path):
    with pytest.raises(
        WeightsError, match=r"is \(18, 672, 1, 1\), not \(546.*ssdlite320_mobilenet_v3_large of 91 categories"
    ):
        make(categories=None).load()
    other = TorchvisionDetector(
        weights=detector.weights, architecture="retinanet_resnet50_fpn", categories=["background", "bird"]
    )
    with pytest.raises(WeightsError, match=r"is missing.*is it a retinanet_resnet50_fpn of 2 categories"):
        other.load()
    with pytest.raises(WeightsError, match=r"COCO_V9"):
        make("COCO_V9").load()


def test_weights_that_cannot_be_downloaded_are_explained(monkeypatch):
    def offline(*arguments, **settings):
        raise OSError("no network")

    monkeypatch.setattr(closed_set, "get_model", offline)
    with pytest.raises(PretrainedError, match=r"retinanet_resnet50_fpn:COCO_V1 .*no network.* fetch https://"):
        TorchvisionDetector(architecture="retinanet_resnet50_fpn").load()


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": 1},
        {"boxes": "some"},
        {"architecture": "resnet50"},
        {"labels": {"bird": ["birb"]}},
        {"categories": ["background", "bird"]},
    ],
)
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(ValueError, match=f"^{next(iter(settings))} .*give"):
        TorchvisionDetector(**settings)


def test_the_key_holds_the_weights_and_not_their_place_or_the_batch_size(make, detector, tmp_path):
    moved = shutil.copy(detector.weights, tmp_path)
    assert fingerprint(detector) == fingerprint(make(moved))
    assert TorchvisionDetector().setting("weights") == "fasterrcnn_resnet50_fpn_v2:COCO_V1"
    assert fingerprint(TorchvisionDetector(weights="DEFAULT")) == fingerprint(TorchvisionDetector(weights="COCO_V1"))
