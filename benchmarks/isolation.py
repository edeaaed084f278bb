"""The quality of subjects that are isolated without weights. Prints a Markdown table.

Pictures with known masks: photos of PASCAL VOC 2012 (`--voc`, a folder of `images` and `masks`), FieldGuide drawings
(`--fieldguide N` a species), or any class folders with masks (`--images`, and `--masks` with the same names in PNG).
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from measuring import head, parser, row

from aga_lightning.augment.base import Detector, Draft, Gate, Segmenter
from aga_lightning.augment.detectors.embedded import CentrePrior, DatasetBoxes, SaliencyBox
from aga_lightning.augment.gates.embedded import MaskSanity, SaliencyAgreement
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.datasets.fieldguide import FieldGuide
from aga_lightning.images.boxes import bounding_box, mask_overlap
from aga_lightning.images.formats import open_image
from aga_lightning.images.pixels import Mask
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample

GOOD = 0.6
"""Intersection over union from which a mask counts as good."""


class Case(NamedTuple):
    """A picture, its true mask, and the pixels that do not count (VOC's borders)."""

    sample: Sample
    truth: Mask
    ignored: Mask


class Result(NamedTuple):
    """The result of one case."""

    iou: float
    precision: float
    recall: float
    score: float
    accepted: bool


def case(image: Path, truth: Mask, ignored: Mask | None = None) -> Case:
    box = bounding_box(truth)
    record = ImageRecord(image, 0, "subject", "subject", box)
    sample = Sample(np.asarray(read_image(image)), record, image.name, box)
    return Case(sample, truth, np.zeros_like(truth) if ignored is None else ignored)


def voc_photos(folder: Path, subject: str) -> Iterator[Case]:
    for path in sorted((folder / "masks").glob("*.png")):
        with open_image(path) as image:
            labels = np.asarray(image)
        objects = (labels > 0) & (labels < 255)
        largest = labels == np.bincount(labels[objects]).argmax()
        truth = largest if subject == "largest" else objects
        yield case(folder / "images" / f"{path.stem}.jpg", truth, labels == 255)


def fieldguide_drawings(per_class: int, size: int) -> Iterator[Case]:
    with TemporaryDirectory() as folder:
        drawings = FieldGuide(
            folder, size=size, train_per_class=per_class, val_per_class=1, test_per_class=1, ood_per_class=per_class
        )
        drawings.prepare()
        for record in [*drawings.records("train"), *drawings.ood_records()["new_habitats"]]:
            assert record.mask_path is not None
            yield case(record.path, np.asarray(read_image(record.mask_path))[..., 0] > 0)


def folder_pictures(images: Path, masks: Path) -> Iterator[Case]:
    for path in sorted(masks.rglob("*.png")):
        image = next((images / path.relative_to(masks)).parent.glob(f"{path.stem}.*"))
        yield case(image, np.asarray(read_image(path))[..., 0] > 0)


def isolate(case: Case, detector: Detector, segmenter: Segmenter, gates: Sequence[Gate]) -> Result:
    [subject] = segmenter.segment([case.sample], detector.detect([case.sample]))
    accepted = all(gate.objection(Draft(case.sample, subject)) is None for gate in gates)
    if subject is None:
        return Result(0, 0, 0, 0, accepted)
    found, truth = subject.mask & ~case.ignored, case.truth & ~case.ignored
    hits = int(np.count_nonzero(found & truth))
    precision = hits / max(1, int(np.count_nonzero(found)))
    recall = hits / max(1, int(np.count_nonzero(truth)))
    return Result(mask_overlap(found, truth), precision, recall, subject.score, accepted)


def ranking(results: Sequence[Result]) -> float:
    """The probability that a good mask has a higher score than a bad one."""
    good = np.array([result.score for result in results if result.iou >= GOOD])
    bad = np.array([result.score for result in results if result.iou < GOOD])
    return float(((good[:, None] > bad) + 0.5 * (good[:, None] == bad)).mean()) if len(good) and len(bad) else np.nan


def report(name: str, cases: Sequence[Case], sizes: Sequence[int]) -> None:
    methods: dict[str, tuple[Detector, list[Gate]]] = {
        "true box": (DatasetBoxes(), [MaskSanity()]),
        "centre": (CentrePrior(), [MaskSanity()]),
        "saliency": (SaliencyBox(), [MaskSanity()]),
        "saliency, agreement": (SaliencyBox(), [MaskSanity(), SaliencyAgreement()]),
    }
    for size in sizes:
        for method, (detector, gates) in methods.items():
            start = time.perf_counter()
            results = [isolate(case, detector, GrabCut(size=size), gates) for case in cases]
            milliseconds = round((time.perf_counter() - start) / len(cases) * 1000)
            kept = [result for result in results if result.accepted]
            for gate, chosen in (("none", results), ("accepted", kept)):
                measured = np.array([result[:3] for result in chosen]).reshape(-1, 3)
                iou, precision, recall = measured.mean(0) if len(chosen) else [np.nan] * 3
                middle = float(np.median(measured[:, 0])) if len(chosen) else np.nan
                good = float((measured[:, 0] >= GOOD).mean()) if len(chosen) else np.nan
                share = f"{len(chosen)}/{len(cases)}"
                numbers = (f"{number:.3f}" for number in (iou, middle, precision, recall, good, ranking(results)))
                print(row(name, method, size, gate, share, *numbers, milliseconds))


def main() -> None:
    script = parser(__doc__)
    script.add_argument("--voc", type=Path, help="folder with images/*.jpg and masks/*.png of VOC 2012")
    script.add_argument("--subject", choices=["largest", "all"], default="largest", help="which VOC objects are sought")
    script.add_argument("--fieldguide", type=int, default=0, metavar="N", help="N drawings a species, twice")
    script.add_argument("--drawing-size", type=int, default=64, help="pixels of a side of the drawings")
    script.add_argument("--images", type=Path, help="class folders of pictures")
    script.add_argument("--masks", type=Path, help="their masks, same names, PNG, non-zero is subject")
    script.add_argument("--sizes", type=int, nargs="+", default=[128, 192, 256, 384], help="working sizes of GrabCut")
    options = script.parse_args()
    if bool(options.images) != bool(options.masks):
        script.error("--images and --masks go together")

    titles = ("pictures", "box", "size", "gate", "kept", "IoU", "median", "precision", "recall", f"IoU >= {GOOD}")
    print(head(*titles, "score ranks good first", "ms"))
    if options.voc:
        report(f"VOC, {options.subject}", list(voc_photos(options.voc, options.subject)), options.sizes)
    if options.fieldguide:
        report("FieldGuide", list(fieldguide_drawings(options.fieldguide, options.drawing_size)), options.sizes)
    if options.images:
        report(options.images.name, list(folder_pictures(options.images, options.masks)), options.sizes)


if __name__ == "__main__":
    main()
