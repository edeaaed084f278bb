"""An iWildCam of a few small frames, in the layouts of WILDS and ALIA: drawn animals before each camera's own view."""

import csv
import gzip
import uuid
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

COLUMNS = (
    "split", "location_remapped", "location", "sequence_remapped", "seq_id", "y", "category_id", "datetime",
    "filename", "image_id",
)  # fmt: skip
SIZE = 160, 120
TOP, BOTTOM = 2, 10
"""Rows of the camera's banners, which the recipe alia_iwildcam cuts off."""

# By number in WILDS: category, published name, coat, and length of the body in pixels.
ANIMALS = {
    24: (71, "bos taurus", (110, 60, 30), 34),
    32: (90, "loxodonta africana", (125, 120, 118), 44),
    36: (96, "aepyceros melampus", (190, 110, 50), 24),
    48: (111, "equus quagga", (235, 235, 230), 30),
    49: (112, "giraffa camelopardalis", (225, 170, 80), 26),
    52: (115, "madoqua guentheri", (150, 125, 95), 15),
}
CLASSES = (0, *ANIMALS)
SPLITS = {"train": (1, 2, 3, 4), "val": (5, 6), "test": (7, 287), "id_val": (1, 2), "id_test": (3, 4)}
"""Locations of the splits of WILDS; those of id_val and id_test also train."""
ALIA = {
    "train": ("train", (1, 2, 3, 4)),
    "val": ("id_test", (4, 10, 11)),
    "test": ("test", (287, 288)),
    "train_extra": ("test", (24, 25)),
}
"""For each list of ALIA the split of WILDS that it was taken from, and the locations; val has one that trains."""


def write_wilds(folder: Path, images: bool = True) -> Path:
    """Write iwildcam_v2.0 into a folder.

    Each location has each class of ALIA by day and by night, and one frame of class 1. Of all 56 classes, the last has
    the name of class 53, as two published ones share theirs.
    """
    root = folder / "iwildcam_v2.0"
    root.mkdir(parents=True)
    rows = []
    for split, locations in SPLITS.items():
        for location in locations:
            frames = [*product(CLASSES, (False, True)), (1, False)]
            rows += [_row(split, location, y, night, number) for number, (y, night) in enumerate(frames)]
    with open(root / "metadata.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", *COLUMNS])
        writer.writerows([index, *row] for index, row in enumerate(rows))
    names = {0: "empty", 53: "mazama temama", 54: "motorcycle", 55: "mazama temama"}
    with open(root / "categories.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["y", "category_id", "name"])
        for y in range(56):
            category, name = ANIMALS[y][:2] if y in ANIMALS else (1000 + y, names.get(y, f"species {y}"))
            writer.writerow([y, category, name])
        writer.writerow([99999, 243, "didelphis sp"])
    if images:
        _draw_all(rows, root / "train")
    return root


def write_alia(folder: Path, images: bool = True, packed: bool = False, below: str = "train") -> Path:
    """Write the four lists of ALIA and their images."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (split, locations) in ALIA.items():
        frames = product(locations, CLASSES, (False, True))
        rows = [_row(split, location, y, night, 0, name) for location, y, night in frames]
        # The real lists have lost none, one or two index columns on their way.
        indices = {"train": ["", "Unnamed: 0"], "val": ["Unnamed: 0"], "test": ["", "Unnamed: 0"]}.get(name, [])
        path = folder / f"{name}_subset.csv"
        with gzip.open(f"{path}.gz", "wt", newline="") if packed else open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*indices, *COLUMNS])
            writer.writerows([*[index] * len(indices), *row] for index, row in enumerate(rows))
        if images:
            _draw_all(rows, folder / below)
    return folder


def draw_frame(location: int, y: int, night: bool, seed: int) -> np.ndarray:
    """A frame, (height, width, 3) uint8: the location's own view, by night in grey, an animal on it, two banners."""
    frame = _view(location)
    rng = np.random.default_rng(seed)
    if y in ANIMALS:
        _draw_animal(frame, rng, *ANIMALS[y][2:])
    elif y != 0:
        cv2.circle(frame, (80, 80), 8, (90, 60, 40), -1)
    if night:  # infrared light reaches the animal better than what is behind it
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) * 0.3
        subject = np.abs(frame.astype(np.int16) - _view(location)).max(axis=2) > 0
        grey[subject] = 110 + grey[subject]
        frame = cv2.cvtColor(grey.astype(np.uint8), cv2.COLOR_GRAY2RGB)
    noise = rng.normal(0, 3, frame.shape[:2])[..., None]
    frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
    frame[:TOP] = frame[-BOTTOM:] = 0
    cv2.putText(frame, f"CAM{location:03}", (4, SIZE[1] - 2), cv2.FONT_HERSHEY_PLAIN, 0.6, (255, 255, 255))
    return frame


def _view(location: int) -> np.ndarray:
    """What a camera sees without an animal: sky, hills, grass and some trees."""
    rng = np.random.default_rng(location)
    width, height = SIZE
    horizon = int(rng.integers(35, 55))
    grass = rng.integers((70, 85, 30), (130, 125, 60))
    view = np.empty((height, width, 3), np.uint8)
    view[:horizon] = rng.integers((120, 150, 180), (190, 205, 230))
    view[horizon:] = grass
    texture = cv2.GaussianBlur(rng.normal(0, 40, (height, width)), (0, 0), 2)[..., None]
    view = np.clip(view + texture * (np.arange(height) >= horizon)[:, None, None], 0, 255).astype(np.uint8)
    for x in rng.integers(0, width, 4).tolist():
        top = horizon - int(rng.integers(5, 25))
        cv2.line(view, (x, top), (x, horizon + 8), (60, 45, 30), 3)
        cv2.circle(view, (x, top), int(rng.integers(7, 13)), (45, 75, 35), -1)
    return view


def _draw_animal(frame, rng, coat, length):
    """An ellipse on four legs, on the grass near the middle."""
    length = round(length * rng.uniform(0.9, 1.2))
    x, ground = int(rng.integers(60, 100)), int(rng.integers(92, 102))
    depth, legs = max(4, length // 4), max(6, length // 2)
    for offset in (-0.4, -0.25, 0.25, 0.4):
        foot = x + round(offset * length)
        cv2.line(frame, (foot, ground - legs - depth), (foot, ground), coat, max(2, length // 9))
    cv2.ellipse(frame, (x, ground - legs - depth), (length // 2, depth), 0, 0, 360, coat, -1)


def _row(split, location, y, night, number, salt=""):
    """A row of a list; its image's name is the same each time."""
    name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{salt} {split} {location} {y} {night} {number}"))
    category = ANIMALS[y][0] if y in ANIMALS else y
    hour = 2 if night else 14
    sequence = location * 1000 + number
    when = f"2013-01-20 {hour:02}:34:{y:02}.000"
    return [split, location, location + 100, sequence, f"sequence-{sequence}", y, category, when, f"{name}.jpg", name]


def _draw_all(rows, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        _, location, _, _, _, y, _, when, filename, name = row
        frame = draw_frame(location, y, " 02:" in when, uuid.UUID(name).int % 2**32)
        Image.fromarray(frame).save(folder / filename, quality=92)
