"""FieldGuide on disk: each split is drawn once, and listed afterwards."""

import hashlib
import json
import logging
import shutil
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from filelock import FileLock
from PIL import Image

from aga_lightning.datasets.base import ImageDataset, Split
from aga_lightning.datasets.fieldguide.render import DRAWING, render
from aga_lightning.datasets.fieldguide.species import SPECIES
from aga_lightning.datasets.fieldguide.splits import OOD_SPLITS, choose_habitat, stream
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.paths import UserPath

_log = logging.getLogger(__name__)
_SUPERCLASS = "bird"
_SMALLEST = 16


@dataclass(eq=False)
class FieldGuide(ImageDataset):
    """Eight bird species drawn offline in seconds, which only their field marks tell apart.

    There are four pairs of look-alikes. In training, habitats go with the species, so that the background is a tempting
    shortcut. Out of distribution this shortcut fails: `new_habitats` do not occur in training, `swapped_habitats` are
    never the species' own, and `sketch` is pencil on paper. Each picture has an exact mask and box.

    The pictures are in `<root>/<size and settings>/<split>/images/<species>/`, their masks in `masks` beside `images`,
    and `metadata.jsonl` holds species, habitat and box of each.

    Args:
        root: Folder for the pictures.
        size: Width and height of the pictures in pixels.
        train_per_class: Training pictures of each species.
        val_per_class: Validation pictures of each species, from the same distribution as the training pictures.
        test_per_class: Test pictures of each species, from the same distribution.
        ood_per_class: Pictures of each species in each out-of-distribution set.
        correlation: Probability that a bird is in its species' own habitat, 0 to 1; otherwise it is in any of the four.
        seed: Seed of the training pictures. Evaluation pictures are the same for every seed.
    """

    root: UserPath | str = "cache/fieldguide"
    _: KW_ONLY
    size: int = 64
    train_per_class: int = 30
    val_per_class: int = 40
    test_per_class: int = 40
    ood_per_class: int = 40
    correlation: float = 0.85
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size < _SMALLEST:
            raise DatasetError(f"FieldGuide: size is {self.size}; field marks need at least {_SMALLEST} pixels")
        if min(self.train_per_class, self.val_per_class, self.test_per_class, self.ood_per_class) < 1:
            raise DatasetError("FieldGuide: each ..._per_class must be at least 1")
        if not 0 <= self.correlation <= 1:
            raise DatasetError(f"FieldGuide: correlation is {self.correlation}; it is a probability, from 0 to 1")
        self.root = UserPath.of(self.root)

    @property
    def classes(self) -> tuple[str, ...]:
        """The species."""
        return tuple(species.name for species in SPECIES)

    def superclass(self, class_name: str) -> str:
        """All are birds."""
        return _SUPERCLASS

    @property
    def folder(self) -> Path:
        """The folder of the splits: one for each choice of settings, the same for all seeds."""
        counts = (self.train_per_class, self.val_per_class, self.test_per_class, self.ood_per_class)
        settings = json.dumps([DRAWING, self.size, *counts, self.correlation])
        return Path(self.root) / f"{self.size}px-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"

    def prepare(self) -> None:
        """Draw the missing splits.

        A split gets its name only when it is complete, so this may be killed at any time; one process draws while
        others wait.
        """
        counts = {"train": self.train_per_class, "val": self.val_per_class, "test": self.test_per_class}
        for split, count in (counts | dict.fromkeys(OOD_SPLITS, self.ood_per_class)).items():
            place = self._place(split)
            if place.is_dir():
                continue
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / f".{place.name}.lock"):
                if place.is_dir():
                    continue
                aside = self.folder / f".{place.name}.partial"
                shutil.rmtree(aside, ignore_errors=True)
                _log.info("drawing %d pictures into %s", count * self.num_classes, place)
                self._draw(split, count, aside)
                aside.rename(place)

    def records(self, split: Split) -> list[ImageRecord]:
        """The pictures of one split, species by species.

        Raises:
            DatasetError: If `prepare` has not been called.
        """
        return self._read(split)

    def ood_records(self) -> dict[str, list[ImageRecord]]:
        """The pictures of `new_habitats`, `swapped_habitats` and `sketch`.

        Raises:
            DatasetError: If `prepare` has not been called.
        """
        return {split: self._read(split) for split in OOD_SPLITS}

    def _place(self, split: str) -> Path:
        return self.folder / (f"train-seed{self.seed}" if split == "train" else split)

    def _draw(self, split: str, count: int, folder: Path) -> None:
        """Draw `count` pictures of each species; each depends on its own number, never on `count`."""
        names: tuple[str | int, ...] = (split, self.seed) if split == "train" else (split,)
        lines = []
        for species in SPECIES:
            for kind in ("images", "masks"):
                (folder / kind / species.name).mkdir(parents=True)
            for index in range(count):
                rng = stream(*names, species.name, index)
                habitat = choose_habitat(split, species, index, self.correlation, rng)
                picture = render(species, habitat, self.size, rng)
                file = f"{species.name}/{species.name}_{index + 1:04d}.png"
                Image.fromarray(picture.image).save(folder / "images" / file)
                Image.fromarray(picture.mask).save(folder / "masks" / file)
                facts = {"species": species.name, "habitat": habitat, "box": picture.box}
                lines.append(json.dumps({"file_name": f"images/{file}", "mask": f"masks/{file}", **facts}))
        (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _read(self, split: str) -> list[ImageRecord]:
        place = self._place(split)
        try:
            lines = (place / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise DatasetError(
                f"FieldGuide: {place} is not complete; delete it if it exists, and call prepare() "
                "(`fit` does so) to draw it"
            ) from None
        labels = {name: label for label, name in enumerate(self.classes)}
        return [
            ImageRecord(
                path=place / facts["file_name"],
                label=labels[facts["species"]],
                class_name=facts["species"],
                superclass=_SUPERCLASS,
                box=tuple(facts["box"]),
                mask_path=place / facts["mask"],
            )
            for facts in map(json.loads, lines)
        ]
