import pytest

from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.networks.architecture import Architecture, architecture_in

SETTINGS = {"backbone": "resnet18", "stem": "small", "width": 8, "num_classes": 3}


def test_the_architecture_is_read_and_nothing_else():
    assert architecture_in(
        {"hyper_parameters": SETTINGS | {"optimizer": {"class_path": "os.abort"}}}, "best.ckpt"
    ) == Architecture("resnet18", "small", 8, 3)


@pytest.mark.parametrize(
    "settings",
    [
        None,
        {},
        SETTINGS | {"backbone": "os.abort"},
        SETTINGS | {"backbone": ["x"]},
        SETTINGS | {"width": "8"},
        SETTINGS | {"stem": {}},
        SETTINGS | {"num_classes": 0},
    ],
)
def test_settings_of_something_else_are_refused(settings):
    with pytest.raises(CheckpointError, match=r"best\.ckpt is no checkpoint of an ImageClassifier"):
        architecture_in({"hyper_parameters": settings}, "best.ckpt")
