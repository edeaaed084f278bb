"""Where a subject lands in a frame, how large, and how turned."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.images.pixels import Image, Mask

Vector = npt.NDArray[np.float64]

_AT_THE_FRAME = 0.01  # of its side: masks often end just short of the border that cuts the subject off


@dataclass(frozen=True, slots=True)
class Placement:
    """Placement of a subject: mirrored, turned and scaled about its own centre, then moved.

    With `size` or `position` a subject that its photo's border cut off (or nearly touched) stays at that border, and is
    not turned: legs that the photo does not show must not end in mid-air. One that reaches from border to border keeps
    its size and its place between them.

    Args:
        flip: Mirrored left to right.
        rotation: Degrees, counter-clockwise.
        scale: Factor on the subject's width and height.
        shift: Movement to the right and down, as fractions of the frame's width and height.
        size: In place of `scale`: the share of the frame's width or height, whichever is larger, that the box of the
            subject takes before it is turned.
        position: In place of the subject's own place: how far from the left and from the top, as shares of the room
            that it leaves, from which `shift` moves it; (0.5, 0.5) is the middle.
    """

    flip: bool = False
    rotation: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    size: float | None = None
    position: tuple[float, float] | None = None


class Landing(NamedTuple):
    """Where a subject lands.

    Args:
        linear: The 2 x 2 matrix about the subject's centre, x before y, y pointing down.
        centre: The new place of the centre.
        low: The left and the top end of the covered area.
        high: Its right and its bottom end.
        resampled: Whether the subject is turned or scaled; one that is only moved keeps its pixels.
        held: (2, 2) bool; whether the subject goes on beyond the left and the top, the right and the bottom border.
    """

    linear: npt.NDArray[np.float64]
    centre: Vector
    low: Vector
    high: Vector
    resampled: bool
    held: Mask

    @property
    def scale(self) -> float:
        """The factor by which lengths change."""
        return math.hypot(self.linear[0, 0], self.linear[1, 0])


def land(solid: Image, corner: tuple[int, int], placement: Placement, frame: tuple[int, ...]) -> Landing:
    """The landing of a subject, limited so that all of it is in the frame.

    Args:
        solid: (height, width) of the subject's box, mirrored if it is to be; not 0 where the subject is.
        corner: Left and top of the box.
        placement: What was drawn.
        frame: Height and width of the frame.
    """
    size, extent = np.array(frame[1::-1], dtype=np.float64), np.array(solid.shape[::-1])
    held = _held(np.array(corner), extent, size, placement)
    rotation, scale = (0.0 if held.any() else placement.rotation), placement.scale
    if placement.size is not None:
        scale = placement.size / float((extent / size).max())
    if held.all(axis=0).any():
        scale = 1.0
    resampled = rotation != 0 or scale != 1
    angle = math.radians(rotation)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])  # y points down
    low, high = _extent(solid, turn)
    scale = min(scale, float((size / (high - low)).min()))
    low, high = scale * low, scale * high
    # Moved by whole pixels, a subject that is not turned needs no resampling.
    own, shift = np.array(corner) + extent / 2, np.array(placement.shift) * size
    if placement.position is None:
        wanted = own + np.round(shift)
    else:
        wanted = np.round(np.array(placement.position) * (size - high + low) + shift) - low
    wanted = np.select([held.all(axis=0), held[0], held[1]], [own, -np.inf, np.inf], wanted)
    centre = np.clip(wanted, -low, size - high)
    return Landing(scale * turn, centre, centre + low, centre + high, resampled, held)


def _held(corner: Vector, extent: Vector, size: Vector, placement: Placement) -> Mask:
    """(2, 2); at which ends of the frame a subject is to stay, as the frame of its photo cut it off there."""
    if placement.size is None and placement.position is None:
        return np.zeros((2, 2), np.bool_)
    held = np.stack([corner, size - corner - extent]) <= _AT_THE_FRAME * size
    if placement.flip:
        held[:, 0] = held[::-1, 0]
    return np.asarray(held)


def _extent(solid: Image, turn: npt.NDArray[np.float64]) -> tuple[Vector, Vector]:
    """The lowest and highest places that a subject takes when it is turned about the centre of its box."""
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = cv2.convexHull(np.concatenate(contours))[:, 0] + 0.5 - np.array(solid.shape[::-1]) / 2
    landed = outline @ turn.T
    half_pixel = np.abs(turn).sum(axis=1) / 2
    return landed.min(axis=0) - half_pixel, landed.max(axis=0) + half_pixel
