"""How well a salient-object network cuts out the subjects of photos, at their full size. Prints a Markdown table."""

import time
from pathlib import Path

import numpy as np
from measuring import head, parser, row
from PIL import Image

from aga_lightning.augment.segmenters.salient_object import SalientObject
from aga_lightning.images.boxes import mask_overlap
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample


def cut_out(sample: Sample, segmenter: SalientObject) -> np.ndarray:
    """The mask of a photo; empty where nothing stands out."""
    [subject] = segmenter.segment([sample], [[]])
    return np.zeros(sample.image.shape[:2], np.bool_) if subject is None else subject.mask


def sheet(samples: list[Sample], masks: list[np.ndarray], cell: int = 240) -> Image.Image:
    """Photos, and beside each what was cut out of it on magenta, four pairs a row."""
    rows = -(-len(samples) // 4)
    page = Image.new("RGB", (8 * cell, rows * cell), "white")
    for index, (sample, mask) in enumerate(zip(samples, masks, strict=True)):
        cut = np.where(mask[..., None], sample.image, np.uint8([255, 0, 255]))
        for side, pixels in enumerate((sample.image, cut)):
            thumbnail = Image.fromarray(pixels)
            thumbnail.thumbnail((cell - 4, cell - 4))
            page.paste(thumbnail, ((index % 4 * 2 + side) * cell, index // 4 * cell))
    return page


def main() -> None:
    script = parser(__doc__)
    script.add_argument("weights", help="u2netp, u2net, isnet, or an .onnx file")
    script.add_argument("folder", type=Path, help="folder with images/* and masks/*.png of the same names")
    script.add_argument("--every", type=int, default=1, metavar="N", help="every N-th photo alone")
    script.add_argument("--sheet", type=Path, metavar="PNG", help="write the cut-outs of the first 12 photos")
    options = script.parse_args()

    truths = sorted((options.folder / "masks").glob("*.png"))[:: options.every]
    samples = []
    for path in truths:
        image = next((options.folder / "images").glob(f"{path.stem}.*"))
        samples.append(Sample(np.asarray(read_image(image)), ImageRecord(image, 0, "a", "a"), path.stem))
    print(head("subjects", "photos", "mean IoU", "median", "IoU >= 0.6", "ms"))
    for subjects in ("union", "largest"):
        segmenter = SalientObject(weights=options.weights, subjects=subjects)
        start = time.perf_counter()
        masks = [cut_out(sample, segmenter) for sample in samples]
        milliseconds = round((time.perf_counter() - start) / len(samples) * 1000)
        pairs = zip(truths, masks, strict=True)
        ious = np.array([mask_overlap(np.asarray(read_image(path))[..., 0] > 127, mask) for path, mask in pairs])
        numbers = (f"{number:.3f}" for number in (ious.mean(), np.median(ious), (ious >= 0.6).mean()))
        print(row(subjects, len(ious), *numbers, milliseconds))
        if options.sheet and subjects == "union":
            sheet(samples[:12], masks[:12]).save(options.sheet)


if __name__ == "__main__":
    main()
