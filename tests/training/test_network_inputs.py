from types import SimpleNamespace

import pytest

from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.networks.network import Inputs
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.transforms import IMAGENET_MEAN, IMAGENET_STD

HALF = (0.5, 0.5, 0.5)


@pytest.fixture
def module(disc_folder, tmp_path):
    def module(**settings):
        return AGADataModule(ImageFolder(str(disc_folder)), None, cache_dir=str(tmp_path), num_workers=0, **settings)

    return module


@pytest.mark.parametrize(
    ("settings", "inputs", "size", "normalisation"),
    [
        ({}, Inputs(160, HALF, HALF), 160, (HALF, HALF)),
        ({"image_size": 96}, Inputs(160, HALF, HALF), 96, (HALF, HALF)),
        ({"mean": (0.1, 0.2, 0.3)}, Inputs(160, HALF, HALF), 160, ((0.1, 0.2, 0.3), HALF)),
        ({}, Inputs(), 224, (IMAGENET_MEAN, IMAGENET_STD)),
        ({"recipe": "alia_iwildcam"}, Inputs(None, HALF, HALF), 224, ((0.0,) * 3, (1.0,) * 3)),
    ],
    ids=["all of the network", "a size that is set", "a mean that is set", "a network that tells nothing", "no mean"],
)
def test_images_are_as_the_network_takes_them_unless_the_data_module_is_told(
    module, capsys, settings, inputs, size, normalisation
):
    data = module(**settings)
    data.follow(SimpleNamespace(inputs=inputs, backbone="mine"))
    assert (data.image_size, data.normalisation) == (size, normalisation)
    data.setup("validate")
    loader = data.val_dataloader()
    images, _ = next(iter(loader[0] if isinstance(loader, list) else loader))
    assert images.shape[1:] == (3, size, size)


def test_other_modules_change_nothing(module):
    data = module(image_size=32)
    data.follow(SimpleNamespace(inputs=(160, HALF, HALF)))
    data.follow(object())
    assert (data.image_size, data.normalisation) == (32, (IMAGENET_MEAN, IMAGENET_STD))
