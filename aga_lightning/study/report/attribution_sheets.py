"""The sheets of attributions of a comparison, as in Figure 9 of the AGA paper."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from aga_lightning.images.reading import read_image
from aga_lightning.study.outcomes import Explained, Outcomes
from aga_lightning.study.report.blocks import Block, Paragraph, Picture
from aga_lightning.study.report.explanations import NOTHING_PLANNED, Compared, compared, seed_of
from aga_lightning.study.report.section import Section
from aga_lightning.study.report.wording import listed

_SHOWS = {
    "only_this_model_is_right": "images that {arm} alone has right",
    "both_models_are_right": "images that both have right",
    "attributions": "images of all classes, right or wrong",
}
_WIDEST = 1400  # pixels of a picture; a sheet's words are 20 pixels high
_GAP = 24


@dataclass(frozen=True)
class _Sheet:
    """A sheet of a row.

    Args:
        kind: The beginning of the file's name.
        image: The sheet in RGB.
    """

    kind: str
    image: Image.Image


@dataclass(kw_only=True)
class AttributionSheets(Section):
    """The sheets that AttributionPanels drew for an arm beside the reference: the images, and where each model looks.

    Sheets of one set are placed side by side if the page is wide enough, as (a) and (b) of the paper's Figure 9.

    Args:
        arm: An arm that the study explains; null for all.
        where: By axis, the levels to restrict the comparisons to, such as {backbone: resnet18}.
        sets: The evaluation sets; null for all with sheets.
        kinds: The kinds of sheets, from left to right; `attributions` shows images of all classes.
        seeds: The seeds whose sheets are shown; null for the first finished seed.
    """

    heading: str = "Where the models look"
    arm: str | None = None
    where: dict[str, Any] = field(default_factory=dict)
    sets: list[str] | None = None
    kinds: list[str] = field(default_factory=lambda: list(_SHOWS))
    seeds: list[int | str] | None = None

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.kinds if kind not in _SHOWS]:
            raise ValueError(f"kinds names {listed(unknown)}; there are {', '.join(_SHOWS)}")

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """The sheets, or a sentence on why there are none.

        Raises:
            StudyError: If the study has no such arm, axis or level.
        """
        groups = compared(outcomes, None if self.arm is None else [self.arm], self.where)
        blocks: list[Block] = [] if groups else [Paragraph(NOTHING_PLANNED)]
        for group in groups:
            for explained in self._chosen(group):
                blocks += self._of_comparison(group, explained, outcomes)
            if words := self._missing(group):
                blocks.append(Paragraph(words, "note"))
        return blocks

    def _chosen(self, group: Compared) -> Sequence[Explained]:
        if self.seeds is None:
            return group.finished[:1]
        seeds = [str(seed) for seed in self.seeds]
        return [explained for explained in group.finished if seed_of(explained.comparison) in seeds]

    def _missing(self, group: Compared) -> str:
        if self.seeds is None:
            return "" if group.finished else group.missing
        finished = [seed_of(explained.comparison) for explained in group.finished]
        missing = [str(seed) for seed in self.seeds if str(seed) not in finished]
        return f"{group.title}: no comparison of seed {listed(missing)} is finished." if missing else ""

    def _of_comparison(self, group: Compared, explained: Explained, outcomes: Outcomes) -> Iterator[Block]:
        seed = seed_of(explained.comparison)
        title = group.title + (f", seed {seed}" if seed else "")
        there = [name for name in outcomes.sets if any(_path(explained, kind, name).is_file() for kind in _SHOWS)]
        if not there and not self.sets:
            yield Paragraph(f"{title}: there are no sheets in the comparison's folder.", "note")
        for name in self.sets or there:
            counts = _counts(group, explained, outcomes, name)
            paths = {kind: _path(explained, kind, name) for kind in self.kinds}
            sheets = [_Sheet(kind, _opened(path)) for kind, path in paths.items() if path.is_file()]
            for row in _rows(sheets):
                yield _picture(row, group, f"{name}, {title}", counts)
            if absent := [kind for kind, path in paths.items() if not path.is_file()]:
                shows = listed([_SHOWS[kind].format(arm=group.arm) for kind in absent], "or")
                why = "" if name not in there else ": none was found, or none was looked for"
                yield Paragraph(f"{name}, {title}: there is no sheet of {shows}{why}.", "note")


def _path(explained: Explained, kind: str, name: str) -> Path:
    return explained.folder / f"{kind}-{name.replace('/', '-')}.png"


def _opened(path: Path) -> Image.Image:
    """A sheet in RGB, shrunk to the widest width."""
    image = read_image(path)
    if image.width <= _WIDEST:
        return image
    return image.resize((_WIDEST, round(image.height * _WIDEST / image.width)), Image.Resampling.LANCZOS)


def _rows(sheets: Sequence[_Sheet]) -> list[list[_Sheet]]:
    """The sheets of each row: as many side by side as fit into the widest width."""
    rows: list[list[_Sheet]] = []
    for sheet in sheets:
        if rows and sum(each.image.width + _GAP for each in rows[-1]) + sheet.image.width <= _WIDEST:
            rows[-1].append(sheet)
        else:
            rows.append([sheet])
    return rows


def _picture(row: Sequence[_Sheet], group: Compared, title: str, counts: str) -> Picture:
    width = sum(sheet.image.width for sheet in row) + _GAP * (len(row) - 1)
    image = Image.new("RGB", (width, max(sheet.image.height for sheet in row)), "white")
    left = 0
    for sheet in row:
        image.paste(sheet.image, (left, 0))
        left += sheet.image.width + _GAP
    shows = [_SHOWS[sheet.kind].format(arm=group.arm) for sheet in row]
    if len(row) > 1:
        shows = [f"({letter}) {words}" for letter, words in zip("abc", shows, strict=False)]
    what = f"{title}: {'; '.join(shows)}."
    columns = (
        "Each row is a photo with its true class, then the attributions of the baseline and of this model, with the "
        f"class that each predicts, its confidence, and whether that is right. Baseline: {group.reference}; this "
        f"model: {group.arm}."
    )
    return Picture(image, alt=" ".join(filter(None, (what, columns, counts))), caption=f"{what} {counts}".strip())


def _counts(group: Compared, explained: Explained, outcomes: Outcomes, name: str) -> str:
    """A sentence on how many images of the whole set each model classifies correctly; "" if predictions are missing."""
    by_folder = {outcome.cell.folder: outcome.predictions for outcome in outcomes.cells}
    cells = (explained.comparison.cell, explained.comparison.reference)
    found = [table[table["set"] == name] for cell in cells if (table := by_folder.get(cell.folder)) is not None]
    if len(found) < 2 or found[0].empty or found[0]["image"].tolist() != found[1]["image"].tolist():
        return ""
    arm, reference = (table["right"].to_numpy(dtype=bool) for table in found)
    return (
        f"Of all {len(arm)} images of the set, {int((arm & ~reference).sum())} are right by {group.arm} alone, "
        f"{int((reference & ~arm).sum())} by {group.reference} alone, {int((arm & reference).sum())} by both and "
        f"{int((~arm & ~reference).sum())} by neither."
    )
