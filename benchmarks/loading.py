"""The cost of augmentations: to read in training, to merge and keep, and to generate. Prints a Markdown table.

Three questions, each answered beside a well-known reference, in turns and in one process:

1. An epoch over originals and stored augmentations through AGADataModule, against torchvision's ImageFolder over the
   same files with the same transform (`--workers` loader processes).
2. Merging, encoding and keeping one augmented image of 500 x 375 pixels, against encoding it alone. Subject, mask and
   background are in memory; the time to keep it contains the disk's flush.
3. Generating with two loader processes, against one.

Everything runs on one thread in each process, as in a loader's worker. `--folder` chooses the disk to measure.
"""

import io
import itertools
import os
import shutil
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cv2
import numpy as np
import torch
from measuring import SIZE, blob, drawn, head, parser, row, seconds, write_photo
from PIL import Image as PillowImage
from PIL import ImageOps
from torch.utils.data import DataLoader
from torchvision import datasets

from aga_lightning.augment.compositing import Edge, Merging
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.store import Shelf
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.images.codec import encode_jpeg
from aga_lightning.images.finding import find_images
from aga_lightning.images.pixels import Image
from aga_lightning.images.reading import read_image
from aga_lightning.training.datamodule import AGADataModule

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
AREAS = (0.07, 0.16, 0.27, 0.40)


class Row(NamedTuple):
    """A line of the table: the measured work, its reference, and the seconds of both, turn by turn."""

    what: str
    against: str
    ours: Sequence[float]
    theirs: Sequence[float]

    def __str__(self) -> str:
        """The medians, and the median and quartiles of the turns' ratios."""
        ours, theirs = np.median(self.ours), np.median(self.theirs)
        low, middle, high = np.quantile(np.divide(self.ours, self.theirs), [0.25, 0.5, 0.75])
        times = (f"{ours * 1e3:.2f}", f"{theirs * 1e3:.2f}", f"{1 / ours:.0f}")
        return row(self.what, self.against, *times, f"{middle:.2f}", f"{low:.2f}-{high:.2f}")


def draw_photos(folder: Path) -> Path:
    for number in range(96):
        write_photo(folder / f"class {number % 4}" / f"{number}.jpg", 320, 240, number, number + 1000)
    return folder


def data_module(photos: Path, cache: Path, workers: int, degree: int) -> AGADataModule:
    dataset = ImageFolder(str(photos), superclasses="object", val_fraction=0.01, test_fraction=0)
    return AGADataModule(
        dataset, AGA(), degree=degree, cache_dir=str(cache), image_size=128, batch_size=32, num_workers=workers
    )


def generate(data: AGADataModule, workers: int) -> None:
    """Fill the store as the verb augment does on one device."""
    fill(data.collection, workers=workers)


def mirror(data: AGADataModule, folder: Path) -> Path:
    """The files of an epoch, copied into one folder a class."""
    augmented = [(data.train_records[record], path) for (record, _), path in data.augmented.items()]
    for number, (record, path) in enumerate([*((record, record.path) for record in data.train_records), *augmented]):
        place = folder / record.class_name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path or record.path, place / f"{number}.jpg")
    return folder


def reading(photos: Path, folder: Path, workers: Sequence[int], degree: int, repeats: int) -> Iterator[Row]:
    generate(data_module(photos, folder / "cache", 0, degree), 2)
    for count in workers:
        data = data_module(photos, folder / "cache", count, degree)
        plain = datasets.ImageFolder(mirror(data, folder / f"plain-{count}"), data.train_transform)
        theirs = DataLoader(plain, batch_size=32, shuffle=True, num_workers=count, persistent_workers=count > 0)
        loaders = [data.train_dataloader(), theirs]
        images = len(plain)
        assert sum(len(labels) for _, labels in loaders[0]) == sum(len(labels) for _, labels in loaders[1]) == images
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range(repeats):
            for side in (0, 1) if turn % 2 == 0 else (1, 0):
                times[side].append(seconds(partial(deque, loaders[side], maxlen=0)) / images)
        name = f"read: {images} originals and stored augmentations, {count} workers"
        yield Row(name, "ImageFolder over the same files", *times)


def merging(photos: Sequence[Image], folder: Path, repeats: int) -> Iterator[Row]:
    shelf = Shelf(folder / "augmented", folder / "index")
    width, height = SIZE
    number = itertools.count()
    edges: tuple[Edge, ...] = ("hard", "feathered")
    total = []
    for edge, area in itertools.product(edges, AREAS):
        part = Merging(edge=edge)
        masks = [blob(width, height, area, seed) for seed in range(len(photos))]
        steps = []
        for turn, index in itertools.product(range(repeats), range(len(photos))):
            placement = part.draw(np.random.default_rng([turn, index]))
            background = photos[(index + 1) % len(photos)]
            key = str(next(number))
            start = time.perf_counter()
            image, _ = part.merge(photos[index], masks[index], background, placement)
            merged = time.perf_counter()
            data = encode_jpeg(image)
            encoded = time.perf_counter()
            shelf.put(key, {"caption": "a beach at dusk, with no one there"}, data, f"class/{key}.jpg")
            kept = time.perf_counter()
            bare = seconds(partial(write_and_flush, folder / f"{next(number)}.jpg", data))
            pillow = seconds(partial(PillowImage.fromarray(image).save, io.BytesIO(), "JPEG", quality=95))
            steps.append((merged - start, encoded - merged, kept - encoded, bare, pillow))
        merge, encode, keep, _, _ = np.array(steps).T
        name = f"{edge} edge, subject on {area:.0%}"
        yield Row(f"merge, encode and keep: {name}", "encode", merge + encode + keep, encode)
        yield Row(f"... of which merge: {name}", "encode", merge, encode)
        total.append(steps)
    _, encode, keep, bare, pillow = np.concatenate(total).T
    yield Row("... of which keep: all of these", "encode", keep, encode)
    yield Row("keep: all of these", "write and flush, nothing else", keep, bare)
    yield Row("encode: all of these", "Pillow, quality 95 and 4:2:0", encode, pillow)


def write_and_flush(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def generating(photos: Path, folder: Path, repeats: int) -> Row:
    """Seconds an image with two workers and with one, each time into an empty store."""
    few = folder / "few"
    for path in find_images(photos)[:: max(1, len(find_images(photos)) // 40)][:40]:
        (few / "thing").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, few / "thing" / path.name)
    times: dict[int, list[float]] = {1: [], 2: []}
    for turn, workers in itertools.product(range(repeats), (1, 2)):
        data = data_module(few, folder / f"cache-{turn}-{workers}", 0, 1)
        images = len(data.collection.requests)
        times[workers].append(seconds(partial(generate, data, workers)) / images)
    return Row(f"generate {images} images, 2 workers", "1 worker", times[2], times[1])


def main() -> None:
    script = parser(__doc__)
    script.add_argument("--photos", type=Path, default=SHARED / "imagenet9-photos" / "train", help="class folders")
    script.add_argument("--large", type=Path, default=SHARED / "voc12" / "images", help="photos of about 500 x 375")
    script.add_argument("--folder", type=Path, help="where the files are written; by default the system's own place")
    script.add_argument("--workers", type=int, nargs="+", default=[0, 1], help="loader processes in training")
    script.add_argument("--degree", type=int, default=2, help="augmentations of each photo")
    script.add_argument("--repeats", type=int, default=15, help="turns of each side")
    options = script.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    warnings.filterwarnings("ignore", message=".* augmentations were rejected")

    print(head("what", "against", "ms", "ms against", "per second", "ratio", "quartiles"))
    with TemporaryDirectory(dir=options.folder) as place:
        folder = Path(place)
        photos = options.photos if options.photos.is_dir() else draw_photos(folder / "drawn")
        for line in reading(photos, folder, options.workers, options.degree, options.repeats):
            print(line, flush=True)
        if options.large.is_dir():
            large = [np.asarray(ImageOps.fit(read_image(path), SIZE)) for path in find_images(options.large)]
        else:
            large = [drawn(*SIZE, seed) for seed in range(12)]
        for line in merging(large, folder, options.repeats):
            print(line, flush=True)
        print(generating(photos, folder, max(1, options.repeats // 5)))


if __name__ == "__main__":
    main()
