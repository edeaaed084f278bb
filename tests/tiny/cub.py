"""A CUB-200-2011 of a few small files, in its authors' layout: coloured discs before noise."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

CLASSES = (
    "Black_footed_Albatross",
    "Laysan_Albatross",
    "Sooty_Albatross",
    "Groove_billed_Ani",
    "Crested_Auklet",
    "Least_Auklet",
    "Parakeet_Auklet",
    "Rhinoceros_Auklet",
    "Brewer_Blackbird",
    "Red_winged_Blackbird",
)
COLOURS = (
    (220, 200, 60), (200, 50, 50), (40, 160, 60), (230, 120, 30), (150, 40, 160),
    (240, 240, 240), (20, 20, 20), (60, 200, 200), (120, 80, 30), (250, 150, 180),
)  # fmt: skip


def write_cub(
    folder: Path,
    classes: int = 3,
    per_class: int = 8,
    size: tuple[int, int] = (64, 48),
    masks: str | None = "inside",
    first_grey: bool = True,
) -> Path:
    """Write CUB_200_2011 into a folder; its path.

    Of each class one of eight images, and the second in any case, is of the official test set. The folder of the
    masks lies "inside" CUB_200_2011 or "beside" it; None writes none.
    """
    root = folder / "CUB_200_2011"
    lists: dict[str, list[str]] = {
        "images": [], "image_class_labels": [], "train_test_split": [], "bounding_boxes": []
    }  # fmt: skip
    mask_root = root if masks == "inside" else folder
    for label in range(classes):
        name = f"{label + 1:03}.{CLASSES[label]}"
        for number in range(per_class):
            image_id = label * per_class + number + 1
            path = Path(name, f"{CLASSES[label].title()}_{number * 7 + 1:04}_{image_id}.jpg")
            picture, mask, box = draw(image_id, COLOURS[label], size)
            image = Image.fromarray(picture)
            _save(image.convert("L") if first_grey and image_id == 1 else image, root / "images" / path, quality=95)
            if masks:
                _save(Image.fromarray(mask), mask_root / "segmentations" / path.with_suffix(".png"))
            lists["images"].append(f"{image_id} {path.as_posix()}")
            lists["image_class_labels"].append(f"{image_id} {label + 1}")
            lists["train_test_split"].append(f"{image_id} {int(number % 8 != 1)}")
            lists["bounding_boxes"].append(f"{image_id} " + " ".join(f"{edge:.1f}" for edge in box))
    lists["classes"] = [f"{label + 1} {label + 1:03}.{CLASSES[label]}" for label in range(classes)]
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    return root


def draw(seed: int, colour: tuple[int, int, int], size: tuple[int, int]):
    """An image, its mask with the values of the annotators' shares, and its box: left, top, width and height."""
    rng = np.random.default_rng(seed)
    width, height = size
    picture = rng.integers(60, 110, (height, width, 3)).astype(np.uint8)
    picture[..., 2] += 60
    radius = round(min(size) * rng.uniform(0.25, 0.32))
    x, y = (round(side * rng.uniform(0.42, 0.58)) for side in size)
    cv2.circle(picture, (x, y), radius, colour, -1)
    mask = np.zeros((height, width), np.uint8)
    # Five annotators, the more generous the fewer: more than half of them have drawn the disc.
    for value, reach in ((51, 2), (102, 1), (153, 0), (204, -1), (255, -2)):
        cv2.circle(mask, (x, y), radius + reach, value, -1)
    return picture, mask, (x - radius, y - radius, 2 * radius + 1, 2 * radius + 1)


def _save(image: Image.Image, path: Path, **settings: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **settings)
