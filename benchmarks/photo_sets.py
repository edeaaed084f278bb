"""Out-of-distribution sets of photos of one's own: their subjects before other scenes, on grey, and painted over.

    python benchmarks/photo_sets.py --photos PHOTOS --scenes SCENES --weights u2net.onnx --out SETS

PHOTOS has val/<class>/ and test/<class>/, SCENES has train/ and test/ with photos of scenes at any depth. SETS, a new
folder, gets what configs/studies/photos.yaml reads:

- backgrounds: four fifths of the scenes in train/, for the painter;
- val_scenes/<class>: subjects of validation photos in front of the other fifth, to choose by;
- new_scenes/<class>: subjects of test photos in front of the scenes in test/, to judge by;
- grey/<class>: the same subjects on grey;
- background_only/<class>: the same photos, with the subject painted over.

Subjects stay where they stood, with a hard edge. Give weights of another network than the one that cuts out the
training photos: else the faults of its masks would be the same in training and in these sets.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measuring import head, parser, row
from PIL import Image as PillowImage

from aga_lightning.augment.base import Draft
from aga_lightning.augment.compositing import Placement, merge
from aga_lightning.augment.gates.embedded import MaskSanity
from aga_lightning.augment.painters.donors import fill_hole, hole_around, random_crop
from aga_lightning.augment.segmenters.salient_object import SalientObject
from aga_lightning.images.finding import find_images
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample

HELD_OUT = 5
"""One scene of so many is kept from the painter."""

WHOLE = MaskSanity(min_area=0.03, max_border=0.6, max_parts=5, allow_spanning=True)
"""Which subjects are used: a subject that stays where it stood may touch the frame."""

GREY = 128


def pictures(image: Image, mask: Mask, scene: Image, rng: np.random.Generator) -> dict[str, Image]:
    """The pictures of one photo by the name of their set."""
    height, width = mask.shape
    behind = {"scenes": random_crop(scene, (width, height), 0.8, rng), "grey": np.full_like(image, GREY)}
    merged = {name: merge(image, mask, background, Placement())[0] for name, background in behind.items()}
    return {**merged, "background_only": fill_hole(image, hole_around(mask, 0.06), rng)}


def make(photos: Path, scenes: Sequence[Path], segmenter: SalientObject, folders: dict[str, Path]) -> tuple[int, int]:
    """Write the pictures of each photo in class folders; returns the numbers of used and of all photos."""
    paths = find_images(photos)
    used = 0
    for number, path in enumerate(paths):
        rng = np.random.default_rng(number)
        image = np.asarray(read_image(path))
        sample = Sample(image, ImageRecord(path, 0, "a", "a"), path.name)
        [subject] = segmenter.segment([sample], [[]])
        if subject is None or WHOLE.objection(Draft(sample, subject)):
            continue
        used += 1
        scene = np.asarray(read_image(scenes[int(rng.integers(len(scenes)))]))
        found = pictures(image, subject.mask, scene, rng)
        for name, folder in folders.items():
            target = folder / path.parent.name / f"{path.stem}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            PillowImage.fromarray(found[name]).save(target, quality=95)
    return used, len(paths)


def sheet(folders: Sequence[Path], columns: int = 12, cell: int = 120) -> PillowImage.Image:
    """A row of pictures from each folder, of all classes in turn; the same photos in each row where both have them."""
    page = PillowImage.new("RGB", (columns * cell, len(folders) * cell), "white")
    for down, folder in enumerate(folders):
        paths = find_images(folder)
        for across, path in enumerate(paths[:: max(1, len(paths) // columns)][:columns]):
            thumbnail = read_image(path)
            thumbnail.thumbnail((cell - 4, cell - 4))
            page.paste(thumbnail, (across * cell, down * cell))
    return page


def main() -> None:
    script = parser(__doc__)
    script.add_argument("--photos", type=Path, required=True, help="folder with val/<class>/ and test/<class>/")
    script.add_argument("--scenes", type=Path, required=True, help="folder with train/ and test/")
    script.add_argument("--weights", required=True, help="u2net, isnet, or an .onnx file of a salient-object network")
    script.add_argument("--out", type=Path, required=True, help="the new folder")
    options = script.parse_args()
    out, segmenter = options.out, SalientObject(weights=options.weights)
    if out.exists():
        script.error(f"{out} exists: name a new folder")
    known, unseen = find_images(options.scenes / "train"), find_images(options.scenes / "test")
    (out / "backgrounds").mkdir(parents=True)
    for number, path in enumerate(known):
        if number % HELD_OUT:
            shutil.copyfile(path, out / "backgrounds" / f"{number:05}{path.suffix}")
    print(head("photos", "subjects cut out", "of"))
    to_choose = {"scenes": out / "val_scenes"}
    print(row("val", *make(options.photos / "val", known[::HELD_OUT], segmenter, to_choose)), flush=True)
    to_judge = {"scenes": out / "new_scenes", "grey": out / "grey", "background_only": out / "background_only"}
    print(row("test", *make(options.photos / "test", unseen, segmenter, to_judge)))
    sheet([*to_choose.values(), *to_judge.values()]).save(out / "sheet.png")


if __name__ == "__main__":
    main()
