"""Accepted augmentations as a picture, each beside its original, and below them a line of what was rejected."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aga_lightning.augment.base import Draft, Request
from aga_lightning.augment.card import kind_of_reason
from aga_lightning.augment.engine.collection import Collection, Outcome
from aga_lightning.augment.engine.reject_sheet import kept, spread
from aga_lightning.images.drawing import blank_figure, wrapped
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.reading import ImageReadError, read_image

_CELL, _SMALL, _GAP, _LINE = 1.5, 0.62, 0.1, 0.135
"""Inches: the width of a picture, the side of a rejected one, the space between two, a line of words."""

_TALLEST = 1.25  # times as tall as wide, at most; a taller picture gets narrower
_PIXELS = 150  # an inch
_POINTS = 7.5
_ACROSS = 25  # characters of that size below a picture
_CAPTION = 3  # lines; what is longer is cut
_COLUMNS = 4  # pictures side by side, at most, where several originals fit into a row
_REASONS = 3


class _Block(NamedTuple):
    """An original and its augmentations: pictures with the words below them; None for a picture that is damaged."""

    pictures: list[Image | None]
    words: list[str]

    @property
    def height(self) -> float:
        """Inches of its tallest picture."""
        return max([0.2, *(_CELL * min(_TALLEST, len(one) / len(one[0])) for one in self.pictures if one is not None)])

    @property
    def lines(self) -> int:
        """Lines of its longest words."""
        return max(1 + text.count("\n") for text in self.words)


def draw_gallery(collection: Collection, images: int = 8, variants: int = 3) -> Figure:
    """A figure of training images with accepted augmentations, spread evenly over these images, and of some rejects.

    Everything on it is looked up: nothing is made for it, and no weights are loaded.

    Args:
        collection: The augmentations to show.
        images: Training images, at most; first those of which all variants that fit were accepted.
        variants: Augmentations of each, at most.
    """
    found = collection.find_all()
    pairs = min(variants, collection.degree)
    blocks = [_block(collection, index, shown) for index, shown in _chosen(collection, found, images, pairs)]
    several = max(1, min(len(blocks), _COLUMNS // (1 + pairs)))
    rows = [blocks[start : start + several] for start in range(0, len(blocks), several)]
    heights = [(max(one.height for one in row), max(one.lines for one in row) * _LINE) for row in rows]
    width = several * (1 + pairs) * (_CELL + _GAP) + _GAP
    rejects = _rejects(collection, found, width)
    top = 0.3
    height = top + sum(sum(one) + 1.5 * _GAP for one in heights) + rejects.height + _GAP
    figure = blank_figure(width, height, _PIXELS)
    axis = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axis.set_axis_off()
    _write(axis, _GAP, _GAP, _title(collection, found), weight="bold")
    for row, (tall, words) in zip(rows, heights, strict=True):
        for number, block in enumerate(row):
            _draw_block(axis, block, number * (1 + pairs) * (_CELL + _GAP) + _GAP, top, tall)
        top += tall + words + 1.5 * _GAP
    rejects.draw(axis, top)
    return figure


def _title(collection: Collection, found: Mapping[Request, Outcome]) -> str:
    accepted, asked = sum(one.path is not None for one in found.values()), len(collection.requests)
    left = f", {asked - len(found):,} not made yet" if len(found) < asked else ""
    return f"{accepted:,} of {len(found):,} augmentations accepted{left}"


def _chosen(
    collection: Collection, found: Mapping[Request, Outcome], images: int, pairs: int
) -> list[tuple[int, list[Request]]]:
    """Training images, by their numbers, and of each some accepted requests; evenly spread over all there are."""
    accepted: dict[int, list[Request]] = defaultdict(list)
    for number, request in enumerate(collection.requests):
        if request in found and found[request].path is not None:
            accepted[number // collection.degree].append(request)
    full = [index for index, requests in accepted.items() if len(requests) >= pairs]
    pool = full if len(full) >= images else list(accepted)
    places = sorted({round(place) for place in np.linspace(0, len(pool) - 1, images)}) if pool else []
    return [(pool[place], accepted[pool[place]][:pairs]) for place in places]


def _block(collection: Collection, index: int, requests: Sequence[Request]) -> _Block:
    record = collection.subjects[index]
    draft = kept(collection, requests[0])
    block = _Block([_outlined(draft, _CELL)], [wrapped(record.class_name, _ACROSS, _CAPTION)])
    for request in requests:
        outcome = collection.find(request, look=True)
        block.pictures.append(None if outcome is None or outcome.path is None else _read(outcome.path))
        block.words.append(wrapped("" if outcome is None else outcome.caption, _ACROSS, _CAPTION))
    return block


def _draw_block(axis: Axes, block: _Block, left: float, top: float, tall: float) -> None:
    for number, (picture, words) in enumerate(zip(block.pictures, block.words, strict=True)):
        column = left + number * (_CELL + _GAP)
        _show(axis, picture, column, top, _CELL, tall)
        _write(axis, column, top + tall + 0.04, words, "black" if number == 0 else "dimgrey")


class _Rejects(NamedTuple):
    """Some rejected originals, and how many augmentations were rejected for which reason."""

    pictures: list[Image | None]
    lines: list[str]

    @property
    def height(self) -> float:
        """Inches; 0 where nothing is rejected."""
        return (_SMALL + 0.2 + _LINE * len(self.lines)) if self.lines else 0.0

    def draw(self, axis: Axes, top: float) -> None:
        """Draw them from a place, in inches from the top, on."""
        if self.lines:
            axis.axhline(top, color="lightgrey", linewidth=0.6)
            for number, picture in enumerate(self.pictures):
                _show(axis, picture, _GAP + number * (_SMALL + _GAP), top + _GAP, _SMALL, _SMALL)
            _write(axis, _GAP, top + _SMALL + 1.7 * _GAP, "\n".join(self.lines), "dimgrey")


def _rejects(collection: Collection, found: Mapping[Request, Outcome], width: float) -> _Rejects:
    kinds: dict[str, list[Request]] = defaultdict(list)
    for request, outcome in found.items():
        if outcome.reason is not None:
            kinds[kind_of_reason(outcome.reason)].append(request)
    if not kinds:
        return _Rejects([], [])
    counts = Counter({kind: len(requests) for kind, requests in kinds.items()})
    shown = spread([kinds[kind] for kind, _ in counts.most_common()], int((width - _GAP) / (_SMALL + _GAP)))
    lines = [f"{number:,} rejected: {kind}" for kind, number in counts.most_common(_REASONS)]
    other = counts.total() - sum(number for _, number in counts.most_common(_REASONS))
    lines += [f"{other:,} rejected for other reasons"] * bool(other)
    room = int(_ACROSS / _CELL * (width - _GAP))
    return _Rejects(
        [_outlined(kept(collection, one), _SMALL) for one in shown], [wrapped(one, room, 1) for one in lines]
    )


def _outlined(draft: Draft | None, width: float) -> Image | None:
    """An original, as large as it is drawn, with the border of its subject; None where it cannot be read."""
    if draft is None:
        return None
    picture = _sized(draft.sample.image, width)
    if draft.subject is not None:
        mask: Mask = draft.subject.mask
        small = cv2.resize(mask.astype(np.uint8), picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        borders, _ = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for colour, thickness in (((0, 0, 0), 2), ((255, 224, 0), 1)):
            cv2.drawContours(picture, borders, -1, colour, thickness, cv2.LINE_AA)
    return picture


def _sized(picture: Image, width: float) -> Image:
    """A copy that is no larger than it is drawn."""
    scale = width * _PIXELS / max(picture.shape[1], picture.shape[0] / _TALLEST)
    size = [max(1, round(scale * side)) for side in picture.shape[1::-1]]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))


def _read(path: Path) -> Image | None:
    try:
        return _sized(np.asarray(read_image(path)), _CELL)
    except ImageReadError:
        return None


def _show(axis: Axes, picture: Image | None, left: float, top: float, wide: float, tall: float) -> None:
    """A picture as large as its place allows, at the left; words where there is none."""
    if picture is None:
        _write(axis, left, top, "cannot be read", "firebrick")
        return
    scale = min(wide / picture.shape[1], tall / picture.shape[0])
    across, down = scale * picture.shape[1], scale * picture.shape[0]
    top += (tall - down) / 2
    axis.imshow(picture, extent=(left, left + across, top + down, top), interpolation="antialiased", aspect="auto")


def _write(axis: Axes, left: float, top: float, text: str, colour: str = "black", weight: str = "normal") -> None:
    """Words from their place down; a dollar in a caption is a dollar."""
    axis.text(left, top, text, color=colour, fontsize=_POINTS, weight=weight, va="top", linespacing=1.15,
              parse_math=False)  # fmt: skip
