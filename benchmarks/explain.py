"""The speed of the measures of explain/, beside their references and beside the work that no implementation avoids.

    python benchmarks/explain.py --photos PATH                  all tables, on a CPU with one thread and with two
    python benchmarks/explain.py --photos PATH --threads 1
    python benchmarks/explain.py --photos PATH --device cuda    ours on a GPU; the reference's own work stays on the CPU

PATH is a folder of photos; the first ones, by name, are used. Everything runs in this one process, in turns of a few
photos for each side, with the linear algebra of NumPy and SciPy pinned to one thread on both sides: unpinned, the
reference slows down many times beside a busy core, and ratios would mean nothing.

*The reference* of the performance information curves is the authors' package `saliency`, called once for SIC and once
for AIC, as its interface demands. *The model* is a ResNet-18 that has memorised the photos, with one more class for
blurred photos, so that every photo can be used for both curves, and neither side may skip its work. *The bound* is the
work that no implementation of the definition can avoid: as many encodings and passes of the model, and nothing else.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torchvision
from captum.attr import LayerGradCam
from measuring import Clock, head, parser, row
from saliency.metrics import pic as reference
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torchvision.transforms.v2 import functional

from aga_lightning.explain.grad_cam import grad_cam
from aga_lightning.explain.information import InformationMemory, lossless_bytes, webp_version
from aga_lightning.explain.information_curve import KINDS, ImageCurves
from aga_lightning.explain.insertion import deletion_curve, insertion_curve
from aga_lightning.explain.pic import PIC_THRESHOLDS, image_curves
from aga_lightning.explain.prediction import Pixels, Predict, probabilities
from aga_lightning.explain.reconstruction import Triangulation, random_mask, reconstruct
from aga_lightning.images.finding import find_images
from aga_lightning.images.reading import read_image
from aga_lightning.training.transforms import IMAGENET_MEAN, IMAGENET_STD, UNCHANGED, build_transforms

SIDE = 224
BLOCK = 4  # photos a turn
BOUND = "encodings and passes alone"
STEP = 1792  # pixels a step of insertion and deletion, as in RISE's notebook for data sets
PIXELS = Pixels(IMAGENET_MEAN, IMAGENET_STD)

if not hasattr(np, "trapz"):
    np.trapz = np.trapezoid  # type: ignore[attr-defined] # NumPy 2 has renamed it; the reference asks for the old name


def main() -> None:
    """Print all tables."""
    script = parser(__doc__)
    script.add_argument("--photos", type=Path, required=True, help="a folder of photos")
    script.add_argument("--count", type=int, default=16, help="photos to use")
    script.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    script.add_argument("--device", default="cpu")
    options = script.parse_args()

    device = torch.device(options.device)
    with threadpool_limits(1, "blas"):
        pixels = read_photos(options.photos, options.count)
        torch.set_num_threads(max(options.threads))
        masks = torch.stack([torch.from_numpy(random_mask(SIDE, SIDE, seed)) for seed in range(len(pixels))])
        model = train(pixels).to(device)
        targets = torch.arange(len(pixels))
        maps = grad_cam(model, PIXELS.normalised(pixels).to(device), targets.to(device), relu=False).cpu()
        print(
            f"{len(pixels)} photos, {SIDE} px, ResNet-18 on {device}, "
            f"libwebp {webp_version()}, PyTorch {torch.__version__}"
        )
        for threads in options.threads:
            torch.set_num_threads(threads)
            time_curves(model, pixels, maps, masks, targets, threads)
        for threads in options.threads:
            torch.set_num_threads(threads)
            time_insertion(model, pixels, maps, targets, threads)
            time_grad_cam(model, pixels, threads)


def read_photos(folder: Path, count: int) -> Tensor:
    """The first photos of a folder, cut to squares: pixels (N, 3, SIDE, SIDE) uint8."""
    _, evaluate = build_transforms("torchvision", SIDE, normalised_by=UNCHANGED)
    paths = find_images(folder)[:count]
    return Pixels().pixels(torch.stack([evaluate(read_image(path)) for path in paths]))


def train(pixels: Tensor, steps: int = 60) -> nn.Module:
    """A ResNet-18 with a class for each photo and one for blurred photos; noise makes its training robust."""
    torch.manual_seed(0)
    images = torch.cat([pixels, functional.gaussian_blur(pixels, [61, 61], [10.0, 10.0])])
    labels = torch.cat([torch.arange(len(pixels)), torch.full((len(pixels),), len(pixels))])
    model = torchvision.models.resnet18(num_classes=len(pixels) + 1).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    normalised = PIXELS.normalised(images)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(normalised + 0.2 * torch.randn_like(normalised)), labels).backward()
        optimizer.step()
    # Statistics of a whole pass, so that evaluation normalises as training did.
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None
    with torch.no_grad():
        model(normalised)
    return model.eval()


def asked_one_by_one(predict: Predict, target: int, kind: str) -> Callable[[np.ndarray], list[float]]:
    """The prediction for a batch (B, H, W, 3) of pixels, in the form that the reference asks for."""

    def ask(batch: np.ndarray) -> list[float]:
        found = predict(torch.from_numpy(batch).permute(0, 3, 1, 2))
        return [float(row[target]) if kind == "sic" else float(row.argmax() == target) for row in found]

    return ask


def by_reference(predict: Predict, pixels: Tensor, maps: Tensor, masks: Tensor, targets: Tensor) -> np.ndarray:
    """Curves (2, N, points) of SIC and AIC by the package of the authors."""
    return np.array(
        [
            [
                reference.compute_pic_metric(
                    image.permute(1, 2, 0).numpy(),
                    attribution.numpy(),
                    mask.numpy(),
                    asked_one_by_one(predict, int(target), kind),
                    PIC_THRESHOLDS,
                ).curve_y
                for image, attribution, mask, target in zip(pixels, maps, masks, targets, strict=True)
            ]
            for kind in KINDS
        ]
    )


def by_ours(curves: ImageCurves) -> np.ndarray:
    """Curves (2, N, points) of SIC and AIC."""
    return np.stack([curves.curves[kind].numpy() for kind in KINDS])


def area(curves: np.ndarray) -> np.ndarray:
    """Areas below curves (..., points) over 0..1."""
    return torch.trapezoid(torch.from_numpy(curves), dx=1 / (curves.shape[-1] - 1)).numpy()


def differences(curves: np.ndarray, expected: np.ndarray) -> str:
    """Differences of areas from the expected ones: the largest of a photo, and that of the median curves."""
    photos = np.abs(area(curves) - area(expected)).max()
    medians = np.abs(area(np.median(curves, axis=1)) - area(np.median(expected, axis=1))).max()
    return f"{photos:.1e} | {medians:.1e}"


def time_curves(model: nn.Module, pixels: Tensor, maps: Tensor, masks: Tensor, targets: Tensor, threads: int) -> None:
    """AIC and SIC by the reference and by ours in all modes, and encodings and passes alone."""
    predict = probabilities(model, PIXELS)
    with ExitStack() as stack:
        pools = workers(threads, stack)
        modes: dict[str, tuple[Triangulation, Executor | None, InformationMemory | None]] = {}
        for name, pool in pools.items():
            modes[f"exact, {name}"] = ("exact", pool, None)
            modes[f"reduced, {name}"] = ("reduced", pool, None)
        first = next(iter(pools))
        for triangulation in ("exact", "reduced"):
            memory = InformationMemory()
            ask = partial(image_curves, triangulation=triangulation, memory=memory)
            ask(pixels, maps, predict, targets, random_masks=masks)  # another model, or an earlier epoch
            modes[f"{triangulation}, {first}, lengths kept"] = (triangulation, pools[first], memory)
        clocks = {name: Clock() for name in ("reference", *modes, BOUND)}
        found: dict[str, list[np.ndarray]] = {name: [] for name in ("reference", *modes)}
        for start in range(0, len(pixels), BLOCK):
            part = [tensor[start : start + BLOCK] for tensor in (pixels, maps, masks, targets)]
            with clocks["reference"].turn():
                found["reference"].append(by_reference(predict, *part))
            for name, (triangulation, pool, memory) in modes.items():
                with clocks[name].turn():
                    curves = image_curves(
                        part[0],
                        part[1],
                        predict,
                        part[3],
                        random_masks=part[2],
                        triangulation=triangulation,
                        executor=pool,
                        memory=memory,
                    )
                found[name].append(by_ours(curves))
            shown = revealed(part[0], part[1], part[2])
            with clocks[BOUND].turn():
                bound(predict, shown, pools[first])
    expected = np.concatenate(found["reference"], axis=1)
    print(f"\nPerformance information curves, SIC and AIC, {threads} thread(s); no photo is skipped by either side\n")
    titles = ("", "seconds a photo", "times as fast as the reference", "in its turns", "times the time of the last row")
    print(head(*titles, "difference of a photo's area", "of the set's"))
    for name, clock in clocks.items():
        ratios = [theirs / ours for theirs, ours in zip(clocks["reference"].turns, clock.turns, strict=True)]
        cells = [name, f"{clock.total / len(pixels):.2f}", f"{clocks['reference'].total / clock.total:.1f}"]
        cells += [f"{min(ratios):.1f}..{max(ratios):.1f}", f"{clock.total / clocks[BOUND].total:.2f}"]
        print(row(*cells, differences(np.concatenate(found[name], axis=1), expected) if name in found else " | "))
    if threads == 1:
        transposed = image_curves(
            pixels.transpose(2, 3).contiguous(),
            maps.transpose(1, 2).contiguous(),
            lambda turned: predict(turned.transpose(2, 3)),
            targets,
            random_masks=masks.transpose(1, 2).contiguous(),
        )
        print("\nThe exact mode on transposed photos, whose triangles are as good: difference of a photo's")
        print(f"area, and of the set's: {differences(by_ours(transposed), expected)}")


def workers(threads: int, stack: ExitStack) -> dict[str, Executor | None]:
    """Executors of the reconstructions and encodings, by name."""
    if threads == 1:
        return {"in turn": None}
    spawn = multiprocessing.get_context("spawn")
    processes = stack.enter_context(ProcessPoolExecutor(threads, spawn))
    list(processes.map(abs, range(threads)))  # started
    return {"threads": stack.enter_context(ThreadPoolExecutor(threads)), "processes": processes}


def revealed(pixels: Tensor, maps: Tensor, masks: Tensor) -> list[np.ndarray]:
    """All images (H, W, 3) in the definition: hidden, at each threshold, and whole."""
    shown = []
    for image, attribution, mask in zip(pixels, maps, masks, strict=True):
        whole = image.permute(1, 2, 0).numpy()
        known = [mask.numpy()] + [
            mask.numpy() | (attribution.numpy() >= np.quantile(attribution.numpy(), 1 - threshold))
            for threshold in PIC_THRESHOLDS
        ]
        shown += [reconstruct(whole, pixels_known) for pixels_known in known] + [whole]
    return shown


def bound(predict: Predict, shown: list[np.ndarray], pool: Executor | None) -> None:
    """Encode and classify these images, and nothing else."""
    lengths = (map if pool is None else pool.map)(lossless_bytes, shown)
    for start in range(0, len(shown), 64):
        predict(torch.from_numpy(np.stack(shown[start : start + 64])).permute(0, 3, 1, 2))
    list(lengths)


def time_insertion(model: nn.Module, pixels: Tensor, maps: Tensor, targets: Tensor, threads: int) -> None:
    """Insertion and deletion of three photos, beside the same number of images passed through the model."""
    predict = probabilities(model)
    device = next(model.parameters()).device
    images = PIXELS.normalised(pixels[:3]).to(device).contiguous(memory_format=torch.channels_last)
    steps = -(-SIDE * SIDE // STEP)
    clocks = {"insertion and deletion": Clock(), "passes alone": Clock()}
    asked = images.repeat(2 * steps, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    for turn in range(4):
        with clocks["insertion and deletion"].turn():
            for curve in (insertion_curve, deletion_curve):
                curve(images, maps[:3], predict, targets[:3], step=STEP)
        with clocks["passes alone"].turn():
            predict(images), predict(images)  # each curve asks about the originals once
            for start in range(0, len(asked), 64):
                predict(asked[start : start + 64])
        if turn == 0:  # warmed up
            for clock in clocks.values():
                clock.turns.clear()
    ratio = clocks["insertion and deletion"].total / clocks["passes alone"].total
    print(
        f"\nInsertion and deletion, {steps} steps, 3 photos, {threads} thread(s): {ratio:.3f} times their passes alone"
    )


def time_grad_cam(model: nn.Module, pixels: Tensor, threads: int, batch: int = 64) -> None:
    """Grad-CAM of a batch, beside captum's own call."""
    device = next(model.parameters()).device
    images = PIXELS.normalised(pixels[torch.arange(batch) % len(pixels)]).to(device)
    targets = torch.arange(batch, device=device) % len(pixels)
    clocks = {"ours": Clock(), "captum": Clock()}
    for turn in range(4):
        with clocks["ours"].turn():
            ours = grad_cam(model, images, targets)
        with clocks["captum"].turn():
            theirs = LayerGradCam(model, model.layer4).attribute(images, targets, relu_attributions=True)
        if turn == 0:
            for clock in clocks.values():
                clock.turns.clear()
    upsampled = nn.functional.interpolate(theirs.detach(), size=(SIDE, SIDE), mode="bilinear")[:, 0].cpu()
    difference = float((ours - upsampled).abs().max() / upsampled.abs().max())
    ratio = clocks["ours"].total / clocks["captum"].total
    print(
        f"Grad-CAM, batch of {batch}, {threads} thread(s): {ratio:.3f} times captum; "
        f"largest relative difference {difference:.1e}"
    )


if __name__ == "__main__":
    main()
