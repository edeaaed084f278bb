"""An ImageNet, ImageNet-V2 and ImageNet-Sketch of a few small files, in their authors' layouts: drawn animals."""

import csv
import hashlib
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image

# By WordNet id: the index among the 1000, the colour, and the width of the body and its height as shares of the image.
CLASSES = {
    "n01592084": (19, (230, 230, 230), 0.30, 0.30),
    "n01601694": (20, (90, 60, 40), 0.30, 0.24),
    "n01664065": (33, (60, 130, 90), 0.44, 0.26),
    "n01669191": (37, (190, 150, 40), 0.34, 0.22),
    "n01735189": (57, (40, 160, 60), 0.60, 0.10),
    "n01751748": (65, (60, 200, 210), 0.60, 0.08),
    "n01773157": (72, (240, 220, 40), 0.20, 0.34),
    "n01776313": (78, (150, 30, 30), 0.18, 0.18),
    "n01796340": (81, (250, 250, 255), 0.36, 0.28),
    "n01798484": (83, (170, 110, 60), 0.36, 0.36),
}
"""The ten of ImageNet10."""
OTHERS = {
    "n01440764": (0, (120, 140, 60), 0.50, 0.18),
    "n01443537": (1, (250, 120, 30), 0.40, 0.24),
    "n01484850": (2, (110, 120, 130), 0.60, 0.16),
    "n01773797": (74, (150, 90, 60), 0.22, 0.30),  # another garden spider
    "n02012849": (134, (180, 180, 190), 0.22, 0.50),  # crane, the bird
    "n03126707": (517, (250, 200, 30), 0.16, 0.60),  # crane, the machine
}
"""Classes that are not among the ten."""

Layout = Literal["folders", "kaggle", "devkit"]


def write_imagenet(
    folder: Path, layout: Layout = "folders", train_per_class: int = 4, val_per_class: int = 2, others: int = 3
) -> Path:
    """Write ImageNet into a folder; its root.

    "kaggle" and "devkit" put all validation images into one folder, with the labels in a list or in the development
    kit. The first training image of the first class is a JPEG of four inks and that of the second a PNG, as some of the
    real ones are, all of them called .JPEG.
    """
    home = folder / "ILSVRC" / "Data" / "CLS-LOC" if layout == "kaggle" else folder
    classes = CLASSES | dict(list(OTHERS.items())[:others])
    for number, wordnet_id in enumerate(classes):
        for image in range(train_per_class):
            name = f"{wordnet_id}_{(7 * image + number) ** 2 + 2}.JPEG"
            picture = draw(f"train {image}", wordnet_id)
            _save(picture, home / "train" / wordnet_id / name, odd=number if image == 0 else None)
    shown = sorted(
        (hashlib.sha256(f"{wordnet_id} {image}".encode()).digest(), wordnet_id)
        for wordnet_id in classes
        for image in range(val_per_class)
    )  # as theirs, in no order of classes
    labels = {f"ILSVRC2012_val_{number:08}": wordnet_id for number, (_, wordnet_id) in enumerate(shown, 1)}
    for name, wordnet_id in labels.items():
        place = home / "val" / wordnet_id if layout == "folders" else home / "val"
        _save(draw(name, wordnet_id), place / f"{name}.JPEG")
    if layout == "kaggle":
        _write_kaggle(folder, labels)
    if layout == "devkit":
        _write_devkit(folder / "ILSVRC2012_devkit_t12" / "data", sorted(classes), list(labels.values()))
    return folder


def write_v2(folder: Path, per_class: int = 2, name: str = "imagenetv2-matched-frequency-format-val") -> Path:
    """Write ImageNet-V2, with three classes beside the ten, into a folder; return the folder of its classes."""
    for wordnet_id, (index, *_) in (CLASSES | dict(list(OTHERS.items())[:3])).items():
        for image in range(per_class):
            digest = hashlib.sha1(f"{wordnet_id} {image}".encode()).hexdigest()
            _save(draw(f"v2 {image}", wordnet_id), folder / name / str(index) / f"{digest}.jpeg")
    return folder / name


def write_sketch(folder: Path, per_class: int = 2) -> Path:
    """Write ImageNet-Sketch, with three classes beside the ten, into a folder; return the folder of its classes."""
    for wordnet_id in CLASSES | dict(list(OTHERS.items())[:3]):
        for image in range(per_class):
            picture = draw(f"sketch {image}", wordnet_id, sketch=True)
            _save(picture, folder / "sketch" / wordnet_id / f"sketch_{image}.JPEG")
    return folder / "sketch"


def draw(name: str, wordnet_id: str, sketch: bool = False, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A body of the class before noise, or its outline on paper: (height, width, 3) uint8."""
    _, colour, wide, high = (CLASSES | OTHERS)[wordnet_id]
    rng = np.random.default_rng([*f"{name} {wordnet_id}".encode()])
    width, height = size
    if sketch:
        picture = np.full((height, width, 3), 250, np.uint8)
    else:
        picture = rng.integers(60, 110, (height, width, 3)).astype(np.uint8)
        picture[..., 2] += 60
    centre = tuple(round(side * rng.uniform(0.45, 0.55)) for side in size)
    axes = round(width * wide / 2), round(height * high / 2) + 2
    cv2.ellipse(
        picture, centre, axes, rng.uniform(-15, 15), 0, 360, (40, 40, 40) if sketch else colour, 1 - 2 * (not sketch)
    )
    return picture


def _save(picture: np.ndarray, path: Path, odd: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(picture)
    if odd == 0:
        image = image.convert("CMYK")
    image.save(path, format="PNG" if odd == 1 else "JPEG", quality=95)


def _write_kaggle(folder: Path, labels: dict[str, str]) -> None:
    """The list of Kaggle, in its random order; a class may have several boxes."""
    with open(folder / "LOC_val_solution.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ImageId", "PredictionString"])
        for number, name in enumerate(sorted(labels, key=lambda name: name[::-1])):
            writer.writerow([name, f"{labels[name]} 10 12 50 40 " * (1 + number % 2)])


def _write_devkit(folder: Path, wordnet_ids: list[str], truth: list[str]) -> None:
    """The development kit: its numbers do not follow the ids, and classes made up of others have numbers too."""
    from scipy.io import savemat

    folder.mkdir(parents=True)
    numbers = {wordnet_id: number for number, wordnet_id in enumerate(wordnet_ids[::-1], 1)}
    rows = [(number, wordnet_id, "some, words", "what it is", 0) for wordnet_id, number in numbers.items()]
    rows += [(len(rows) + 1, "n01503061", "bird", "warm-blooded", 3)]
    fields = [(name, object) for name in ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")]
    savemat(folder / "meta.mat", {"synsets": np.array(rows, dtype=fields).reshape(-1, 1)})
    lines = "".join(f"{numbers[wordnet_id]}\n" for wordnet_id in truth)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(lines)
