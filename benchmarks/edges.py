"""How close each edge of merging comes to a composite whose parts are known, on photos. Prints a Markdown table.

The subject of a photo, by its exact mask with an edge of 1 pixel's softness, is put in front of two scenes. The first
composite is the photo that a salient-object network sees; what it cuts out is merged, at its place, with the second
scene, and compared with the second composite. The error is the mean absolute difference in levels of 255 near the exact
outline: within 5 pixels of it, and within 2 pixels where both were reduced to 128 pixels, as for training.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, get_args

import cv2
import numpy as np
from measuring import head, parser, row
from PIL import Image as PillowImage

from aga_lightning.augment.base import Subject
from aga_lightning.augment.compositing import Edge, Merging, cover
from aga_lightning.augment.placement import Placement
from aga_lightning.augment.segmenters.salient_object import SalientObject
from aga_lightning.images.finding import find_images
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample

EDGES: tuple[Edge, ...] = get_args(Edge)


class Case(NamedTuple):
    """A photo, its exact mask, and the scenes that are put behind it."""

    image: Image
    truth: Mask
    scenes: list[Image]


def cases(folder: Path, scenes: Path, every: int) -> Iterator[Case]:
    behind = find_images(scenes)
    for index, path in enumerate(sorted((folder / "masks").glob("*.png"))[::every]):
        truth = np.asarray(read_image(path))[..., 0] > 127
        image = np.asarray(read_image(next((folder / "images").glob(f"{path.stem}.*"))))
        chosen = [behind[(7 * index + offset) % len(behind)] for offset in (0, len(behind) // 2)]
        yield Case(image, truth, [cover(np.asarray(read_image(one)), truth.shape[::-1]) for one in chosen])


def cut_out(image: Image, segmenter: SalientObject) -> Subject | None:
    [subject] = segmenter.segment([Sample(image, ImageRecord(Path("x"), 0, "a", "a"), "")], [[]])
    return subject


def reduced(pixels: np.ndarray, side: float) -> np.ndarray:
    """Pixels whose longer side is made `side` long; each is the mean of those that it stands for."""
    factor = side / max(pixels.shape[:2])
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def error(made: np.ndarray, reference: np.ndarray, truth: Mask, zone: float) -> float:
    """The mean absolute difference within `zone` pixels of the outline of a mask."""
    inside, outside = (cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, 5) for side in (truth, ~truth))
    near = inside + outside <= zone
    return float(np.abs(made.astype(np.float32) - reference)[near].mean())


def merged(edge: Edge, image: Image, background: Image, subject: Subject) -> Image:
    return Merging(edge=edge).merge(image, subject.mask, background, Placement(), subject.alpha)[0]


def errors(case: Case, segmenter: SalientObject) -> dict[tuple[str, Edge], float]:
    """The error of each edge, by the size of the photo and that at which it is judged; empty if nothing is cut out."""
    image, truth, scenes = case
    photo, reference = (Merging(edge="feathered").merge(image, truth, one, Placement())[0] for one in scenes)
    found = {}
    for part in (1.0, 0.5):
        side = part * max(truth.shape)
        seen, behind, wanted = (reduced(one, side) for one in (photo, scenes[1], reference))
        exact = reduced(truth.astype(np.float32), side)
        subject = cut_out(seen, segmenter)
        if subject is None:
            return {}
        for edge in EDGES:
            made = merged(edge, seen, behind, subject)
            size = "full" if part == 1 else "half"
            for name, judged, zone in (("as made", side, 5), ("128 px", 128, 2)):
                inside = reduced(exact, judged) >= 0.5
                pair = (reduced(one.astype(np.float32), judged) for one in (made, wanted))
                found[f"{size} | {name}", edge] = error(*pair, inside, zone)
    return found


def sheet(chosen: list[Case], segmenter: SalientObject, cell: int = 120, zoom: int = 3) -> PillowImage.Image:
    """The top of each subject: the photo, and its composite by each edge."""
    page = PillowImage.new("RGB", ((1 + len(EDGES)) * cell * zoom, len(chosen) * cell * zoom))
    for line, (image, _, (background, _)) in enumerate(chosen):
        subject = cut_out(image, segmenter)
        if subject is None:
            continue
        rows, columns = np.nonzero(subject.mask)
        top, middle = int(rows.min()), int(np.median(columns[rows <= rows.min() + 6]))
        left, top = max(0, middle - cell // 2), max(0, top - cell // 8)
        for place, pixels in enumerate([image, *(merged(edge, image, background, subject) for edge in EDGES)]):
            part = PillowImage.fromarray(np.ascontiguousarray(pixels[top : top + cell, left : left + cell]))
            enlarged = part.resize((part.width * zoom, part.height * zoom), PillowImage.Resampling.NEAREST)
            page.paste(enlarged, (place * cell * zoom, line * cell * zoom))
    return page


def main() -> None:
    script = parser(__doc__)
    script.add_argument("weights", help="u2netp, u2net, isnet, or an .onnx file")
    script.add_argument("folder", type=Path, help="folder with images/* and masks/*.png of the same names")
    script.add_argument("scenes", type=Path, help="folder of photos that are put behind the subjects")
    script.add_argument("--every", type=int, default=1, metavar="N", help="every N-th photo alone")
    script.add_argument("--sheet", type=Path, metavar="PNG", help="write the edges of the first 8 photos, enlarged")
    options = script.parse_args()
    segmenter = SalientObject(weights=options.weights)
    found = list(cases(options.folder, options.scenes, options.every))
    measured = [one for case in found if (one := errors(case, segmenter))]
    print(head("photo's size", "judged", "edge", "photos", "mean error", "median"))
    for key in sorted(measured[0], key=lambda key: key[0]):
        values = np.array([one[key] for one in measured])
        print(row(*key, len(values), f"{values.mean():.2f}", f"{np.median(values):.2f}"))
    if options.sheet:
        sheet(found[:8], segmenter).save(options.sheet)


if __name__ == "__main__":
    main()
