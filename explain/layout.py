"""How the output of a layer lies on the image: as a map, a map with the channels last, or tokens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_MOST_OTHER_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the places of an image are in a layer's output.

    Args:
        rows: Places from top to bottom.
        columns: Places from left to right.
        axis: The axis of the channels: 1 in maps (N, C, h, w), 3 in maps (N, h, w, C), 2 in tokens (N, L, C).
        before: How many tokens come before those of the places, such as a class token and registers.
    """

    rows: int
    columns: int
    axis: int = 1
    before: int = 0

    def to_map(self, output: Tensor) -> Tensor:
        """The places of a layer's output as a map (N, C, rows, columns)."""
        if self.axis == 2:
            tokens = output[:, self.before :].mT
            return tokens.reshape(*tokens.shape[:2], self.rows, self.columns)
        return output.movedim(self.axis, 1)

    def from_map(self, places: Tensor, output: Tensor) -> Tensor:
        """A layer's output with its places taken from a map (N, C, rows, columns): what `to_map` was given."""
        if self.axis == 2:
            return torch.cat([output[:, : self.before], places.flatten(2).mT], dim=1)
        return places.movedim(1, self.axis)


def layouts(shape: Sequence[int], size: Sequence[int], before: int | None = None) -> list[Layout]:
    """The ways in which an output can lie on the image.

    Args:
        shape: The output's shape.
        size: Height and width of the image, whose shape the grid of places has.
        before: How many tokens the network says come before those of the places; None where it does not say.

    Returns:
        One; two where a map's channels may be first or last; none where an output is no map, and no tokens that lie
        on a grid of the image's shape.
    """
    if len(shape) == 3:
        return _of_tokens(shape[1], size, before)
    if len(shape) != 4:
        return []
    first, last = Layout(shape[2], shape[3]), Layout(shape[1], shape[2], axis=3)
    fitting = [layout for layout in (first, last) if _fits(layout.rows, layout.columns, size)]
    if not fitting and _off(last.rows, last.columns, size) < 1.5 and _off(first.rows, first.columns, size) > 4:
        return [last]
    return fitting or [first]


def _of_tokens(tokens: int, size: Sequence[int], before: int | None) -> list[Layout]:
    """The grid of tokens, after as many others as the network says, or none in front of the layer that adds them.

    Where it does not say, the largest grid of exactly the image's shape; else one that patches of some side make.
    """
    if before is not None:
        tries = [(_fits, others) for others in (before, 0)]
    else:
        tries = [(_has_shape, others) for others in range(_MOST_OTHER_TOKENS + 1)] + [(_fits, 0), (_fits, 1)]
    for fits, others in tries:
        count = tokens - others
        for rows in range(1, count + 1):
            if count % rows == 0 and fits(rows, count // rows, size):
                return [Layout(rows, count // rows, axis=2, before=others)]
    return []


def _has_shape(rows: int, columns: int, size: Sequence[int]) -> bool:
    """Whether a grid is exactly as much higher than wide as the image."""
    return rows * size[1] == columns * size[0]


def _fits(rows: int, columns: int, size: Sequence[int]) -> bool:
    """Whether square patches of some side make such a grid of an image, with rests left out, or filled up."""
    height, width = size
    left_out = max(height / (rows + 1), width / (columns + 1)) < min(height / rows, width / columns)
    longest = min(height / (rows - 1) if rows > 1 else math.inf, width / (columns - 1) if columns > 1 else math.inf)
    return left_out or max(height / rows, width / columns) < longest


def _off(rows: int, columns: int, size: Sequence[int]) -> float:
    """How many times a grid is higher or wider than the image's shape has it."""
    ratio = rows * size[1] / (columns * size[0])
    return max(ratio, 1 / ratio)
