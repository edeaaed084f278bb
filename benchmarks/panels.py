"""Where a pre-trained network looks in photos that may be shown: writes a sheet of `AttributionPanels` as a JPEG.

    python benchmarks/panels.py --out docs/panels.jpg

The photos come with scikit-image (chelsea and coffee: CC0; rocket: SpaceX, public domain) and scikit-learn (china.jpg
by danielbuechele: CC BY 2.0). The network is EfficientNet-Lite0, see lite0.py; the layer is found by Grad-CAM itself.
"""

import tempfile
from pathlib import Path

import skimage.data
import sklearn.datasets
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger
from lite0 import PIXELS, SIDE, efficientnet_lite0, read_photos
from measuring import parser
from PIL import Image
from timm.data import ImageNetInfo
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from aga_lightning import AttributionPanels

SCIKIT_IMAGE = Path(skimage.data.__file__).parent
SCIKIT_LEARN = Path(sklearn.datasets.__file__).parent / "images"
PHOTOS = {
    SCIKIT_IMAGE / "chelsea.png": 282,  # tiger cat
    SCIKIT_IMAGE / "coffee.png": 967,  # espresso
    SCIKIT_IMAGE / "rocket.jpg": 657,  # missile
    SCIKIT_LEARN / "china.jpg": 698,  # palace
}
QUALITY = 88


class Classifier(LightningModule):
    """EfficientNet-Lite0 as a module that is tested."""

    def __init__(self) -> None:
        super().__init__()
        self.net = efficientnet_lite0()

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W) to logits (N, 1000)."""
        logits: Tensor = self.net(images)
        return logits

    def test_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """Log the accuracy."""
        images, labels = batch
        self.log("accuracy", (self(images).argmax(1) == labels).float().mean())


def main() -> None:
    """Write the sheet."""
    script = parser(__doc__)
    script.add_argument("--out", type=Path, required=True, help="the JPEG to write")
    options = script.parse_args()
    pixels = read_photos(list(PHOTOS), SIDE)
    photos = TensorDataset(PIXELS.normalised(pixels), torch.tensor(list(PHOTOS.values())))
    info = ImageNetInfo()
    names = [info.index_to_description(index).split(",")[0] for index in range(1000)]
    panels = AttributionPanels(mean=PIXELS.mean, std=PIXELS.std, class_names=names, images=len(PHOTOS))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(accelerator="cpu", logger=CSVLogger(folder), callbacks=[panels])
        trainer.test(Classifier(), DataLoader(photos, batch_size=len(PHOTOS)))
        (sheet,) = Path(folder).rglob("attributions-*.png")
        with Image.open(sheet) as picture:
            picture.convert("RGB").save(options.out, quality=QUALITY)


if __name__ == "__main__":
    main()
