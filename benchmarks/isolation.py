"""How well subjects are isolated: overlap with known masks, and processor time a picture. Prints a Markdown table.

    python benchmarks/isolation.py --folders ecssd voc12 --weights u2netp.onnx --fieldguide 4

A folder has images/ and masks/ with PNG files of the same names: bright is subject, or, in files with a palette, each
label above 0 is an object and 255 unknown, as PASCAL VOC has them. `--fieldguide N` adds N drawings a species, twice.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from measuring import head, parser, row
from PIL import Image as PillowImage

from aga_lightning.augment.base import Detector, Draft, Gate, Segmenter, Subject
from aga_lightning.augment.detectors.embedded import DatasetBoxes, SaliencyBox
from aga_lightning.augment.gates.embedded import MaskSanity, SaliencyAgreement
from aga_lightning.augment.segmenters.best_mask import BestMask
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.augment.segmenters.salient_object import SalientObject
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


class Method(NamedTuple):
    """A way to isolate the subject, and the gates of which the table shows what they accept."""

    detector: Detector | None
    segmenter: Segmenter
    gates: Sequence[Gate] = ()


def methods(weights: str) -> Mapping[str, Method]:
    """The methods by their names in the table."""
    return {
        "saliency box, GrabCut": Method(SaliencyBox(), GrabCut(size=256), [SaliencyAgreement()]),
        "SalientObject": Method(None, SalientObject(weights=weights), [MaskSanity()]),
        "SalientObject, largest part": Method(None, SalientObject(weights=weights, subjects="largest")),
        "true box, GrabCut": Method(DatasetBoxes(), GrabCut(size=256)),
        "BestMask, no box": Method(None, BestMask(weights=weights)),
        "BestMask, true box": Method(DatasetBoxes(), BestMask(weights=weights)),
    }


def case(image: Path, truth: Mask, ignored: Mask | None = None) -> Case:
    box = bounding_box(truth)
    sample = Sample(np.asarray(read_image(image)), ImageRecord(image, 0, "subject", "subject", box), image.name, box)
    return Case(sample, truth, np.zeros_like(truth) if ignored is None else ignored)


def folder_cases(folder: Path, objects: str, every: int) -> Iterator[Case]:
    for path in sorted((folder / "masks").glob("*.png"))[::every]:
        image = next((folder / "images").glob(f"{path.stem}.*"))
        with open_image(path) as mask:
            has_labels, labels = mask.mode == "P", np.asarray(mask if mask.mode == "P" else mask.convert("L"))
        known = (labels > 0) & (labels < 255)
        if not has_labels:
            yield case(image, labels > 127)
        elif objects == "all":
            yield case(image, known, labels == 255)
        else:
            yield case(image, labels == np.bincount(labels[known]).argmax(), labels == 255)


def fieldguide_cases(per_class: int, size: int) -> Iterator[Case]:
    with TemporaryDirectory() as folder:
        drawings = FieldGuide(
            folder, size=size, train_per_class=per_class, val_per_class=1, test_per_class=1, ood_per_class=per_class
        )
        drawings.prepare()
        for record in [*drawings.records("train"), *drawings.ood_records()["new_habitats"]]:
            assert record.mask_path is not None
            yield case(record.path, np.asarray(read_image(record.mask_path))[..., 0] > 0)


def isolate(case: Case, method: Method) -> Subject | None:
    """What the method finds."""
    boxes = [[]] if method.detector is None else method.detector.detect([case.sample])
    [subject] = method.segmenter.segment([case.sample], boxes)
    return subject


def overlap(case: Case, subject: Subject | None) -> float:
    """Intersection over union with the true mask; 0 where nothing was found."""
    return 0.0 if subject is None else mask_overlap(subject.mask & ~case.ignored, case.truth & ~case.ignored)


def report(pictures: str, cases: Sequence[Case], weights: str) -> None:
    """Print a row a method, and one for what each of its gates accepts."""
    for name, method in methods(weights).items():
        isolate(cases[0], method)  # loads what has to be loaded
        start = time.process_time()
        found = [isolate(one, method) for one in cases]
        milliseconds = round((time.process_time() - start) / len(cases) * 1000)
        ious = np.array([overlap(one, subject) for one, subject in zip(cases, found, strict=True)])
        print(row(pictures, name, *measured(ious, len(cases)), milliseconds), flush=True)
        for gate in method.gates:
            drafts = [Draft(one.sample, subject) for one, subject in zip(cases, found, strict=True)]
            accepted = ious[[gate.objection(draft) is None for draft in drafts]]
            print(row(pictures, f"... accepted by {type(gate).__name__}", *measured(accepted, len(cases)), ""))


def measured(ious: np.ndarray, count: int) -> list[str]:
    """How many masks there are, their mean and median overlap, and the share of good ones."""
    numbers = (ious.mean(), np.median(ious), (ious >= GOOD).mean()) if len(ious) else [np.nan] * 3
    return [f"{len(ious)} of {count}", *(f"{number:.3f}" for number in numbers)]


def sheet(cases: Sequence[Case], weights: str, cell: int = 240) -> PillowImage.Image:
    """Pictures, and beside each what SalientObject cuts out of it on magenta, four pairs a row."""
    page = PillowImage.new("RGB", (8 * cell, -(-len(cases) // 4) * cell), "white")
    method = methods(weights)["SalientObject"]
    for index, one in enumerate(cases):
        subject = isolate(one, method)
        mask = np.zeros_like(one.truth) if subject is None else subject.mask
        cut = np.where(mask[..., None], one.sample.image, np.uint8([255, 0, 255]))
        for side, pixels in enumerate((one.sample.image, cut)):
            thumbnail = PillowImage.fromarray(pixels)
            thumbnail.thumbnail((cell - 4, cell - 4))
            page.paste(thumbnail, ((index % 4 * 2 + side) * cell, index // 4 * cell))
    return page


def main() -> None:
    script = parser(__doc__)
    script.add_argument("--folders", type=Path, nargs="*", default=[], help="folders with images/ and masks/*.png")
    script.add_argument("--weights", default="u2netp", help="u2netp, u2net, isnet, or an .onnx file")
    script.add_argument("--objects", choices=["largest", "all"], default="largest", help="which labels are the subject")
    script.add_argument("--every", type=int, default=1, metavar="N", help="every N-th picture of a folder alone")
    script.add_argument("--fieldguide", type=int, default=0, metavar="N", help="N drawings a species, twice")
    script.add_argument("--drawing-size", type=int, default=64, help="pixels of a side of the drawings")
    script.add_argument("--sheet", type=Path, metavar="PNG", help="write cut-outs of the first folder's first pictures")
    options = script.parse_args()

    print(head("pictures", "method", "kept", "mean IoU", "median", f"IoU >= {GOOD}", "CPU ms"))
    by_name = {folder.name: list(folder_cases(folder, options.objects, options.every)) for folder in options.folders}
    if options.fieldguide:
        by_name["FieldGuide"] = list(fieldguide_cases(options.fieldguide, options.drawing_size))
    for name, cases in by_name.items():
        report(name, cases, options.weights)
    if options.sheet:
        sheet(next(iter(by_name.values()))[:12], options.weights).save(options.sheet)


if __name__ == "__main__":
    main()
