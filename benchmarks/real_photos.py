"""Do the parts that need no weights do on real photos what their tests say of drawn ones? Prints a Markdown table.

Give what you have: `--photos`, a folder of photos at any depth; `--masks`, a folder with `images` and `masks` (PNG
files of labels, 0 for the background and 255 for unknown, as PASCAL VOC has them); `--alia`, the folder of ALIA's own
lists of iWildCam.
"""

import argparse
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from aga_lightning.augment.base import Detection
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.grey import is_grey
from aga_lightning.augment.placement import Placement
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.datasets.iwildcam import IWildCam
from aga_lightning.explain import energy_inside_mask
from aga_lightning.images.boxes import bounding_box, mask_overlap
from aga_lightning.images.finding import find_images
from aga_lightning.images.perceptual_hash import as_hashes, distances, perceptual_hash
from aga_lightning.images.reading import read_image, verify_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample

Pixels = npt.NDArray[np.uint8]
Row = tuple[str, str, str]

COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "as a JPEG of quality 50": lambda image: jpeg(image, 50),
    "at half the size": lambda image: np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)),
    "at twice the size": lambda image: np.asarray(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_AREA)),
    "12 levels brighter": lambda image: np.clip(image.astype(int) + 12, 0, 255).astype(np.uint8),
}
CASTS = {"neutral": (1, 1, 1), "purple": (1.08, 0.92, 1.12), "blue": (0.95, 0.98, 1.15), "sepia": (1.08, 1.0, 0.84)}


def jpeg(image: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def night(image: Pixels, cast: str) -> Pixels:
    """What an infrared camera would make of a photo: grey, dark and noisy, with a cast and two banners."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) * 0.5
    grey += np.random.default_rng(1).normal(0, 3, grey.shape).astype(np.float32)
    frame = np.clip(np.round(grey[..., None] * np.array(CASTS[cast])), 0, 255).astype(np.uint8)
    frame[-len(frame) // 14 :], frame[: len(frame) // 20] = (20, 20, 90), (230, 200, 20)
    return jpeg(frame, 90)


def of_photos(folder: Path) -> Iterator[Row]:
    """Reading, hashes and the light of photos."""
    paths = find_images(folder)
    photos = [np.asarray(read_image(path)) for path in paths]
    remarks = [remark for path in paths for remark in verify_image(path, whole=True)]
    yield "photos read, and remarks on their pixels", f"{len(photos)}, {len(remarks)}", "all, few"
    hashes = as_hashes([perceptual_hash(photo) for photo in photos])
    for name, change in COPIES.items():
        bits = [distances(perceptual_hash(change(photo)), hashes[[i]])[0] for i, photo in enumerate(photos)]
        yield f"bits of the hash by which a copy {name} differs", f"at most {max(bits)}", "at most 5"
    others = np.stack([distances(int(one), hashes) for one in hashes])[~np.eye(len(photos), dtype=bool)]
    yield "bits by which two photos differ", f"{others.min()} to {others.max()}", "12 and more, but for copies"
    grey = [path.name for path, photo in zip(paths, photos, strict=True) if is_grey(photo)]
    yield "photos that are grey", ", ".join(grey) or "none", "look at them"
    large = [photo for photo in photos[::5] if min(photo.shape[:2]) > 150]
    for cast in CASTS:
        share = np.mean([is_grey(night(photo, cast)) for photo in large])
        yield f"infrared frames ({cast}) that are grey", f"{share:.1%}", "90% and more"


def of_masks(folder: Path) -> Iterator[Row]:
    """Cutting out, merging and pointing, by true masks."""
    overlaps, areas, energies = [], [], []
    for path in sorted((folder / "masks").glob("*.png")):
        image = np.asarray(read_image(next((folder / "images").glob(f"{path.stem}.*"))))
        labels = np.asarray(Image.open(path))
        known = (labels > 0) & (labels < 255)
        if not known.any():
            continue
        mask = labels == np.bincount(labels[known]).argmax()
        sample = Sample(image, ImageRecord(path, 0, "a", "a"), "")
        (cut,) = GrabCut().segment([sample], [[Detection(bounding_box(mask) or (0, 0, 1, 1), 1.0)]])
        overlaps.append(0.0 if cut is None else mask_overlap(cut.mask & (labels < 255), mask))
        merging, placement = Merging(edge="feathered"), Placement(True, 10, 0.9, (0.05, 0))
        areas.append(merging.merge(image, mask, np.ascontiguousarray(image[::-1]), placement)[1].sum() / mask.sum())
        inside = torch.from_numpy(mask)[None]
        energies.append(energy_inside_mask(inside.float(), inside).item())
    yield "overlap of GrabCut's masks, by true boxes, with the true ones", f"{np.mean(overlaps):.2f}", "0.7 and more"
    yield "area of a subject merged at 0.9 of its size", f"{np.median(areas):.2f} of the true one", "0.81"
    yield "energy of a map that is the mask itself, inside it", f"{min(energies):.2f}", "1"


def of_alia(folder: Path) -> Iterator[Row]:
    """The published counts of ALIA's lists."""
    data = IWildCam(str(folder), csvs=str(folder), extra=True)
    yield "remarks on ALIA's lists", "; ".join(data.remarks()) or "none", "none"
    yield "training images, with those of `extra`", f"{len(data.records('train')):,}", f"{6052 + 2224:,}"


def main() -> None:
    """Print what was found beside what is expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    checks = {"photos": of_photos, "masks": of_masks, "alia": of_alia}
    for name in checks:
        parser.add_argument(f"--{name}", type=Path)
    given = vars(parser.parse_args())
    print("| what | found | expected |\n|---|---|---|")
    for name, check in checks.items():
        if given[name] is not None:
            for row in check(given[name]):
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
