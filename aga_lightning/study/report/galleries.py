"""Pictures of the arms' augmentations, and of those that were rejected."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aga_lightning.images.reading import ImageReadError, read_image
from aga_lightning.study.outcomes import Outcome, Outcomes
from aga_lightning.study.report.arms import NONE_FINISHED, Arm, arms_of, middle
from aga_lightning.study.report.blocks import Block, Cell, Gallery, Paragraph, Picture, Table
from aga_lightning.study.report.section import Section

_SIDE = 512  # pixels of a picture's longer side, at most: two for each CSS pixel


@dataclass(kw_only=True)
class Augmentations(Section):
    """Training images beside their augmentations, in a gallery for each arm, from the arm's first finished cell.

    Args:
        arms: The arms; null for all with augmentations.
        where: By axis, the levels to restrict the cells to, such as {backbone: resnet18}; empty for all.
        images: Number of training images of each arm, at most 6.
        variants: Number of augmentations of each image, at most 8.
    """

    heading: str = "Augmentations"
    arms: list[str] | None = None
    where: dict[str, Any] = field(default_factory=dict)
    images: int = 3
    variants: int = 4

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """A gallery for each arm."""
        found: list[Block] = []
        for arm in arms_of(outcomes, self.arms, self.where):
            augmented = _augmented(arm)
            if augmented:
                found.append(self._gallery(arm, augmented[0]))
            elif self.arms is not None:
                found.append(Paragraph(f"{arm.name}: {_why_nothing(arm)}", "note"))
        return found or [Paragraph("No finished cell has augmentations.", "note")]

    def _gallery(self, arm: Arm, outcome: Outcome) -> Block:
        examples = (outcome.augmentation or {}).get("examples") or []
        rows = [row for example in _spread(examples, self.images) if (row := self._row(outcome, example)) is not None]
        if not rows:
            return Paragraph(f"{arm.name}: the images of {outcome.cell.title} are missing from their folder.", "note")
        cell = "" if outcome.cell.title == arm.name else f" ({outcome.cell.title})"
        return Gallery(
            f"{arm.name}: training images, left, and their augmentations{cell}. Images whose augmentations were all "
            "rejected are left out.",
            rows,
        )

    def _row(self, outcome: Outcome, example: Mapping[str, Any]) -> tuple[str, Sequence[Picture]] | None:
        original = _read(outcome.cell.folder / example["original"])
        name, variants = example["class"], example["variants"][: self.variants]
        rejected = Counter(variant["rejected"] for variant in variants if "rejected" in variant)
        pictures = []
        for variant in variants:
            image = _read(_collection(outcome) / variant["file"]) if "file" in variant else None
            if image is not None:
                caption = f": {variant['caption']}" if variant.get("caption") else ""
                pictures.append(Picture(image, f"Augmentation of {name}{caption}"))
        if original is None or not pictures:
            return None
        reasons = "; ".join(f"{count} of {len(variants)} rejected: {reason}" for reason, count in rejected.items())
        title = f"{name} ({reasons})" if reasons else name
        return title, [Picture(original, f"Training image of {name}", "original"), *pictures]


@dataclass(kw_only=True)
class Rejects(Section):
    """The number of rejected augmentations of each arm by reason, and the sheets that show some of them.

    Args:
        arms: The arms; null for all with augmentations.
        where: By axis, the levels to restrict the cells to, such as {backbone: resnet18}; empty for all.
    """

    heading: str = "Rejects"
    arms: list[str] | None = None
    where: dict[str, Any] = field(default_factory=dict)

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """A table of the reasons, and a sheet for each collection of augmentations."""
        arms = arms_of(outcomes, self.arms, self.where)
        if not any(arm.cells for arm in arms):
            return [Paragraph(NONE_FINISHED, "note")]
        rows = [row for arm in arms for row in _reason_rows(arm)]
        if not rows:
            return [Paragraph("No finished cell has augmentations.", "note")]
        table = Table(
            "rejects",
            "Rejected augmentations by reason: the median over an arm's cells, with their range below it if they "
            "differ. # stands for any number.",
            ["arm", "reason", "asked", "rejected", "share"],
            rows,
            labels=2,
        )
        return [table, *_sheets(arms)]


def _reason_rows(arm: Arm) -> list[list[Cell | str]]:
    found = [outcome.augmentation for outcome in _augmented(arm) if outcome.augmentation is not None]
    if not found:
        return []
    totals: Counter[str] = Counter()
    for augmentation in found:
        totals.update(augmentation["rejected"])
    asked = middle(augmentation["asked"] for augmentation in found)
    rows: list[list[Cell | str]] = []
    for reason, _ in totals.most_common():
        counts = [augmentation["rejected"].get(reason, 0) for augmentation in found]
        shares = [
            100 * count / augmentation["asked"]
            for count, augmentation in zip(counts, found, strict=True)
            if augmentation["asked"]
        ]
        share = middle(shares, digits=1)
        rows.append([arm.name, reason, asked, middle(counts), Cell(f"{share.text} %", share.detail)])
    return rows or [[arm.name, "none rejected", asked, middle([0]), Cell("0.0 %")]]


def _sheets(arms: Sequence[Arm]) -> list[Block]:
    """The sheet of each collection, once: arms that differ only in their degree share a collection."""
    names: dict[str, list[str]] = {}
    folders: dict[str, Path] = {}
    for arm in arms:
        for outcome in _augmented(arm)[:1]:
            folder = _collection(outcome)
            names.setdefault(folder.name, []).append(arm.name)
            folders[folder.name] = folder
    found: list[Block] = []
    for collection, of_arms in names.items():
        image = _read(folders[collection] / "rejected.png", side=None)
        if image is not None:
            words = ", ".join(of_arms)
            alt = f"Rejected augmentations of {words}: each source image, its augmentation, and the reason"
            caption = f"{words}: rejected augmentations with their reasons, as drawn by the collection's last run"
            found.append(Picture(image, alt, caption))
    return found


def _augmented(arm: Arm) -> list[Outcome]:
    return [outcome for outcome in arm.cells if outcome.augmentation is not None]


def _why_nothing(arm: Arm) -> str:
    return "this arm makes no augmentations." if arm.cells else "no cell is finished."


def _collection(outcome: Outcome) -> Path:
    """The folder of a cell's augmentations, also if the study was moved together with its store."""
    folder = Path(str((outcome.augmentation or {})["collection"]))
    moved = Path(str(outcome.cell.settings.get("data.cache_dir", ""))) / "augmented" / folder.name
    return folder if folder.is_dir() else moved


def _spread(examples: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    places = {round(place) for place in np.linspace(0, len(examples) - 1, min(count, len(examples)))}
    return [examples[place] for place in sorted(places)]


def _read(path: Path, side: int | None = _SIDE) -> Image.Image | None:
    """An image, shrunk to a side; None if it cannot be read."""
    try:
        image = read_image(path)
    except ImageReadError:
        return None
    if side is not None:
        image.thumbnail((side, side))
    return image
