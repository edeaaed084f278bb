"""AIC, SIC and insertion of a pre-trained network on photos, beside the code that their authors have published.

    python benchmarks/agreement.py --photos imagenet9-photos            EfficientNet-Lite0, see lite0.py
    python benchmarks/agreement.py --photos PATH --net module.function  another: a function without arguments

PATH is a folder of photos of ImageNet's classes, whose file names begin with the WordNet id (n02123045_tabby.jpg).
The attributions are those of Grad-CAM for the true class. The authors' package `saliency` is called once for SIC and
once for AIC, as its interface demands; what it reconstructs and encodes is remembered between the two. Insertion is
RISE's CausalMetric, written out. A photo that AIC or SIC skips has to be skipped by both sides.
"""

import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from lite0 import PIXELS, SIDE, labels_of, read_photos
from measuring import head, parser, row
from saliency.metrics import pic as reference
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from aga_lightning.explain.grad_cam import grad_cam
from aga_lightning.explain.information_curve import KINDS
from aga_lightning.explain.insertion import insertion_curve
from aga_lightning.explain.pic import PIC_THRESHOLDS, image_curves
from aga_lightning.explain.prediction import Predict, probabilities
from aga_lightning.explain.reconstruction import random_mask
from aga_lightning.images.finding import find_images

AT_ONCE = 10  # photos of a task
STEPS = 28  # of insertion
Areas = dict[str, tuple[float, float]]
"""By measure our area and the reference's; NaN where a side skips the photo."""


def main() -> None:
    """Print a row for each measure."""
    script = parser(__doc__)
    script.add_argument("--photos", type=Path, required=True, help="a folder of photos")
    script.add_argument("--net", default="lite0.efficientnet_lite0", help="a function that gives the network")
    script.add_argument("--side", type=int, default=SIDE, help="pixels of a side")
    script.add_argument("--count", type=int, help="photos to use, the first ones by name; all if left out")
    script.add_argument("--processes", type=int, default=2)
    options = script.parse_args()

    paths = find_images(options.photos)[: options.count]
    parts = [paths[first : first + AT_ONCE] for first in range(0, len(paths), AT_ONCE)]
    found: list[Areas] = []
    right = 0
    # Interrupted, it prints what it has.
    with suppress(KeyboardInterrupt), ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        for areas, hits in pool.map(partial(compare, options.net, options.side), parts):
            found += areas
            right += hits
            print(f"{len(found)} of {len(paths)}", end="\r", flush=True)
    print(
        f"\n{options.net} on {len(found)} photos, {options.side} px, {100 * right / len(found):.0f} % of them right\n"
    )
    titles = ("photos that both use", "that one side uses", "largest difference of a photo's area")
    print(head("measure", *titles, "ours, mean area", "the reference's"))
    for measure in found[0]:
        ours, theirs = np.array([areas[measure] for areas in found]).T
        used = ~np.isnan(ours) & ~np.isnan(theirs)
        alone = int((np.isnan(ours) != np.isnan(theirs)).sum())
        differences = np.abs(ours - theirs)[used]
        areas = (f"{side[used].mean():.6f}" if used.any() else "" for side in (ours, theirs))
        print(row(measure, used.sum(), alone, f"{differences.max(initial=0):.1e}", *areas))


def compare(net: str, side: int, paths: list[Path]) -> tuple[list[Areas], int]:
    """Our areas and the reference's of a few photos; how many of these the network gets right."""
    torch.set_num_threads(1)
    module, name = net.rsplit(".", 1)
    model: nn.Module = getattr(importlib.import_module(module), name)()
    pixels, labels = read_photos(paths, side), labels_of(paths)
    images = PIXELS.normalised(pixels)
    maps = grad_cam(model, images, labels, relu=False)
    masks = torch.stack([torch.from_numpy(random_mask(side, side, number)) for number in range(len(paths))])
    of_pixels, of_images = probabilities(model, PIXELS), probabilities(model)
    ours = image_curves(pixels, maps, of_pixels, labels, random_masks=masks)
    inserted = insertion_curve(images, maps, of_images, labels, order="numpy").areas
    areas: list[Areas] = []
    for number, label in enumerate(labels.tolist()):
        photo = pixels[number].permute(1, 2, 0).numpy(), maps[number].numpy(), masks[number].numpy()
        theirs = {kind: area for kind, area in information(of_pixels, *photo, label)}
        theirs["insertion"] = insertion(of_images, images[number], maps[number], label)
        mine = {kind: float(ours.areas[kind][number]) for kind in KINDS} | {"insertion": float(inserted[number])}
        areas.append({measure: (mine[measure], theirs[measure]) for measure in theirs})
    return areas, int((of_pixels(pixels).argmax(1) == labels).sum())


def information(
    predict: Predict, image: np.ndarray, attribution: np.ndarray, mask: np.ndarray, label: int
) -> Iterator[tuple[str, float]]:
    """The areas of AIC and SIC by the authors' package; NaN where it skips the photo."""
    for kind in KINDS:
        try:
            curve = reference.compute_pic_metric(image, attribution, mask, asked(predict, label, kind), PIC_THRESHOLDS)
            yield kind, float(curve.auc)
        except reference.ComputePicMetricError:
            yield kind, float("nan")
    for memo in (reference.create_blurred_image, reference.estimate_image_entropy):
        memo.clear()


def asked(predict: Predict, label: int, kind: str) -> Callable[[np.ndarray], list[float]]:
    """The prediction for pixels (B, H, W, 3), as the package asks for it."""

    def ask(batch: np.ndarray) -> list[float]:
        found = predict(torch.from_numpy(batch).permute(0, 3, 1, 2))
        return [float(each[label]) if kind == "sic" else float(each.argmax() == label) for each in found]

    return ask


def insertion(predict: Predict, image: Tensor, attribution: Tensor, label: int) -> float:
    """The area of insertion as RISE's CausalMetric has it, a step at a time, from a blurred image to the whole one."""
    point = np.zeros((11, 11))
    point[5, 5] = 1
    kernel = torch.from_numpy(gaussian_filter(point, 5)).float().expand(3, 1, 11, 11)
    start = nn.functional.conv2d(image[None], kernel, padding=5, groups=3)[0].flatten(1)
    order = np.flip(np.argsort(attribution.numpy().reshape(1, -1), axis=1), axis=-1)[0].copy()
    step = -(-len(order) // STEPS)
    scores = []
    for shown in range(0, len(order) + step, step):
        start[:, order[max(0, shown - step) : shown]] = image.flatten(1)[:, order[max(0, shown - step) : shown]]
        scores.append(float(predict(start.view_as(image)[None])[0, label]))
    scores_array = np.array(scores)
    return float((scores_array.sum() - scores_array[0] / 2 - scores_array[-1] / 2) / (len(scores) - 1))


class Remembered:
    """A function of arrays that remembers its results.

    Args:
        function: What it calls.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        self.function, self.results = function, dict[tuple[bytes, ...], object]()

    def __call__(self, *arrays: np.ndarray, **named: np.ndarray) -> object:
        """The function's result."""
        key = tuple(array.tobytes() for array in (*arrays, *named.values()))
        if key not in self.results:
            self.results[key] = self.function(*arrays, **named)
        return self.results[key]

    def clear(self) -> None:
        """Forget the results."""
        self.results.clear()


reference.create_blurred_image = Remembered(reference.create_blurred_image)
reference.estimate_image_entropy = Remembered(reference.estimate_image_entropy)
if not hasattr(np, "trapz"):
    np.trapz = np.trapezoid  # type: ignore[attr-defined] # NumPy 2 has renamed it; the reference asks for the old name

if __name__ == "__main__":
    main()
