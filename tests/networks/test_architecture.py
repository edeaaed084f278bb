import pytest

from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.networks.architecture import Architecture, architecture_in

SETTINGS = {"backbone": "resnet18", "stem": "small", "width": 8, "num_classes": 3}


@pytest.mark.parametrize("name", ["resnet18", "timm/test_vit.r160_in1k", "os.abort"])
def test_the_architecture_is_read_and_nothing_else(name):
    told = {"hyper_parameters": SETTINGS | {"backbone": name, "optimizer": {"class_path": "os.abort"}}}
    assert architecture_in(told, "best.ckpt") == Architecture(name, "small", 8, 3)


def test_the_tag_of_weights_makes_no_other_architecture():
    plain, tagged, other = (Architecture(name, "imagenet", 64, 3) for name in ("timm/a", "timm/a.b", "own.A"))
    assert plain.bare == tagged.bare == plain and other.bare == other


@pytest.mark.parametrize(
    "settings",
    [
        None,
        {},
        SETTINGS | {"backbone": ["x"]},
        SETTINGS | {"width": "8"},
        SETTINGS | {"stem": {}},
        SETTINGS | {"num_classes": 0},
    ],
)
def test_settings_of_something_else_are_refused(settings):
    with pytest.raises(CheckpointError, match=r"best\.ckpt is no checkpoint of an ImageClassifier"):
        architecture_in({"hyper_parameters": settings}, "best.ckpt")
