"""Step 3b: turn, mirror and scale the subject, and put it in front of its new background (section 4.3, Figure 5).

The mask alone decides which pixels are subject, never their colours, so black feathers stay. Pixels of the old
background take no part in any resampling, and a placement that only moves by whole pixels does not resample at all.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.augment.base import Part
from aga_lightning.augment.grey import as_grey, is_grey
from aga_lightning.images.pixels import Image, Mask

Edge = Literal["hard", "feathered"]
Vector = npt.NDArray[np.float64]

_KERNEL_REACH = 3  # pixels beyond the outline that an interpolation kernel gives weight to
_LIGHT_RANGE = np.array([30.0, 10.0, 10.0])  # of 255: largest change of lightness and of the two chroma axes
_SMALL_AREA = 128 * 128  # up to here the best resampling costs little, and field marks are few pixels wide
_LARGE_AREA = 300 * 300  # beyond it a plain linear warp is good enough
_DENSITY = 1.5  # samples per landing pixel before the final linear warp
_LANCZOS_MIN_SCALE = 0.7  # further down it would alias


@dataclass(frozen=True, slots=True)
class Placement:
    """Placement of a subject: mirrored, turned and scaled about its own centre, then moved.

    Args:
        flip: Mirrored left to right.
        rotation: Degrees, counter-clockwise.
        scale: Factor on the subject's width and height.
        shift: Movement to the right and down, as fractions of the frame's width and height.
    """

    flip: bool = False
    rotation: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)


@dataclass(kw_only=True, eq=False)
class Merging(Part):
    """Placement of the subject, and its merging with the new background (section 4.3).

    Args:
        flip_probability: Probability that the subject is mirrored left to right, 0..1.
        max_rotation: Largest turn to either side, in degrees.
        scale: Smallest and largest factor on the subject's size.
        shift: Largest movement in each direction, as a fraction of the frame.
        edge: A hard edge keeps every pixel of the subject; a feathered one blends across the outline.
        feather: Standard deviation of a feathered edge, in pixels of the result.
        harmonise: Adaptation of the subject's colours to the background's mean and contrast, 0 (none) to 1 (as much as
            a change of light would).
        in_place: Leave the subject at its place: it is neither turned, scaled nor moved, only mirrored.
        match_grey: Give a grey photo (such as a camera trap's at night) a grey background with the light and the cast
            of its own background.
    """

    version = 2

    flip_probability: float = 0.5
    max_rotation: float = 15.0
    scale: tuple[float, float] = (0.8, 1.2)
    shift: float = 0.1
    edge: Edge = "hard"
    feather: float = 1.0
    harmonise: float = 0.0
    in_place: bool = False
    match_grey: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.flip_probability <= 1:
            raise ValueError(f"flip_probability must lie in 0..1, not {self.flip_probability}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be a smallest and a largest factor above 0, not {tuple(self.scale)}")
        if self.max_rotation < 0 or self.shift < 0 or self.feather < 0:
            raise ValueError("max_rotation, shift and feather must not be negative")
        if self.edge not in get_args(Edge):
            raise ValueError(f"edge must be one of {', '.join(get_args(Edge))}, not {self.edge!r}")
        if not 0 <= self.harmonise <= 1:
            raise ValueError(f"harmonise must lie in 0..1, not {self.harmonise}")

    def draw(self, rng: np.random.Generator) -> Placement:
        """A random placement; the scale is log-uniform, so that halving is as likely as doubling."""
        flip = bool(rng.random() < self.flip_probability)
        if self.in_place:
            return Placement(flip)
        rotation = rng.uniform(-self.max_rotation, self.max_rotation)
        scale = math.exp(rng.uniform(math.log(self.scale[0]), math.log(self.scale[1])))
        right, down = rng.uniform(-self.shift, self.shift, size=2)
        return Placement(flip, rotation, scale, (float(right), float(down)))

    def merge(self, image: Image, mask: Mask, background: Image, placement: Placement) -> tuple[Image, Mask]:
        """`merge` with this part's edge and colours."""
        feather = self.feather if self.edge == "feathered" else 0.0
        if self.match_grey and is_grey(image):
            background = as_grey(background, image, mask)
        return merge(image, mask, background, placement, feather, self.harmonise)


def merge(
    image: Image,
    mask: Mask,
    background: Image,
    placement: Placement,
    feather: float = 0.0,
    harmonise: float = 0.0,
) -> tuple[Image, Mask]:
    """Put the subject of an image in front of a background (section 4.3, Figure 5).

    The subject stays inside the frame: its scale is limited by the frame, its movement by the border.

    Args:
        image: The source, (height, width, 3).
        mask: Its subject, (height, width).
        background: The picture behind the subject, (height, width, 3).
        placement: The placement of the subject.
        feather: Standard deviation of the soft edge in pixels; 0 is a hard edge.
        harmonise: Adaptation of the subject's colours to the background's, 0..1.

    Returns:
        The merged image, and the mask of the subject at its new place.

    Raises:
        ValueError: If the sizes differ or the mask is empty.
    """
    if image.shape != background.shape or image.shape[:2] != mask.shape:
        raise ValueError(
            f"image {image.shape}, mask {mask.shape} and background {background.shape} must be of one size: "
            "resize the background to the image first"
        )
    solid = np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255)
    left, top, width, height = cv2.boundingRect(solid)
    if width == 0:
        raise ValueError("the mask is empty: reject images without a subject before merging")
    box = (slice(top, top + height), slice(left, left + width))
    colours, solid = image[box], solid[box]
    if harmonise > 0:
        colours = _harmonised(colours, solid, background, harmonise)
    if placement.flip:
        colours, solid = _bytes(cv2.flip(colours, 1)), _bytes(cv2.flip(solid, 1))

    landing = _fitted(solid, np.array((left + width / 2, top + height / 2)), placement, mask.shape)
    softness = _softness(feather)
    start = np.maximum(np.floor(landing.low) - softness, 0).astype(int)
    stop = np.minimum(np.ceil(landing.high) + softness, mask.shape[::-1]).astype(int)
    if placement.rotation != 0 or placement.scale != 1:
        cutout = _extended(colours, solid, math.ceil(softness / _scale_of(landing.linear)) + _KERNEL_REACH)
        cutout = _warped(cutout, landing.linear, landing.centre - start, stop - start)
    else:
        skipped = (start + softness - landing.low).astype(int)  # the margin beyond the frame
        cutout = _extended(colours, solid, softness)[skipped[1] :, skipped[0] :]
        cutout = cutout[: stop[1] - start[1], : stop[0] - start[0]]
    return _pasted(cutout, (slice(start[1], stop[1]), slice(start[0], stop[0])), background, feather)


def cover(background: Image, size: tuple[int, int]) -> Image:
    """Scale a background until it fills a frame, and crop it evenly.

    Args:
        background: (height, width, 3).
        size: Width and height of the frame.
    """
    width, height = size
    if background.shape[:2] == (height, width):
        return background
    scale = max(height / background.shape[0], width / background.shape[1])
    whole = (max(width, round(background.shape[1] * scale)), max(height, round(background.shape[0] * scale)))
    scaled = cv2.resize(background, whole, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (whole[1] - height) // 2, (whole[0] - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width], np.uint8)


class _Landing(NamedTuple):
    """A 2 x 2 matrix about the subject's centre, the new place of the centre, and the corners of the covered area."""

    linear: npt.NDArray[np.float64]
    centre: Vector
    low: Vector
    high: Vector


def _fitted(solid: Image, centre: Vector, placement: Placement, frame: tuple[int, ...]) -> _Landing:
    """The landing of a subject, limited so that all of it is in the frame."""
    size = np.array(frame[1::-1], dtype=np.float64)
    angle = math.radians(placement.rotation)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])  # y points down
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = cv2.convexHull(np.concatenate(contours))[:, 0] + 0.5 - np.array(solid.shape[::-1]) / 2
    landed = outline @ turn.T
    half_pixel = np.abs(turn).sum(axis=1) / 2
    low, high = landed.min(axis=0) - half_pixel, landed.max(axis=0) + half_pixel
    scale = min(placement.scale, float((size / (high - low)).min()))
    # Moved by whole pixels, a subject that is not turned needs no resampling.
    wanted = centre + np.round(np.array(placement.shift) * size)
    centre = np.clip(wanted, -scale * low, size - scale * high)
    return _Landing(scale * turn, centre, centre + scale * low, centre + scale * high)


def _extended(colours: Image, solid: Image, reach: int) -> Image:
    """The subject as RGBA with a margin of `reach` pixels, filled with local means of the subject's colours."""
    height, width = (length + 2 * reach for length in solid.shape)
    # Means of the known pixels over 5 x 5 cells; smoothly enlarged, they are right up to 1.5 cells from the subject.
    # Small cells are closer to the outline's own colours, but slow.
    fewest = 1 if solid.size <= _SMALL_AREA else 2
    halvings = max(fewest, math.ceil(math.log2(max(reach, 1) / 1.5)))
    cell = 2**halvings
    rows, columns = math.ceil(height / cell), math.ceil(width / cell)
    inner = (slice(reach, height - reach), slice(reach, width - reach))
    opaque = cv2.cvtColor(colours, cv2.COLOR_RGB2RGBA)
    canvas = np.zeros((rows * cell, columns * cell, 4), np.uint8)
    cv2.copyTo(opaque, solid, canvas[inner])
    if reach == 0:
        return canvas[:height, :width]
    coarse = canvas
    for _ in range(halvings):
        coarse = _bytes(cv2.resize(coarse, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    sums = cv2.boxFilter(coarse, cv2.CV_16U, (5, 5), normalize=False, borderType=cv2.BORDER_CONSTANT)
    known = cv2.extractChannel(sums, 3)
    means = cv2.divide(sums, cv2.merge([known] * 4), scale=255, dtype=cv2.CV_8U)  # far from the subject: 0 / 0 is 0
    means[..., 3] = 0
    extended = cv2.resize(means, (columns * cell, rows * cell), interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(opaque, solid, extended[inner])
    return _bytes(extended[:height, :width])


def _warped(cutout: Image, linear: npt.NDArray[np.float64], centre: Vector, canvas: npt.NDArray[np.int_]) -> Image:
    """The cut-out after a linear map, with its centre at a point of a canvas (width and height)."""
    size = np.array(cutout.shape[1::-1])
    scale = _scale_of(linear)
    area = size.prod()
    shrinks = scale < _LANCZOS_MIN_SCALE
    kernel = cv2.INTER_LANCZOS4 if area <= _SMALL_AREA and not shrinks else cv2.INTER_LINEAR
    if shrinks or _SMALL_AREA < area <= _LARGE_AREA:
        # A fast cubic (or area) resize beyond the final resolution, then a linear warp: nearly as sharp as a cubic warp
        # in a quarter of its time, and free of aliasing at any scale.
        dense = np.maximum(np.round(size * _DENSITY * scale), 1).astype(int)
        resize = cv2.INTER_CUBIC if _DENSITY * scale > 1 else cv2.INTER_AREA
        cutout = _bytes(cv2.resize(cutout, dense.tolist(), interpolation=resize))
        linear = linear * (size / dense)
        size = dense
    # OpenCV counts from the middle of the first pixel, we from its corner.
    offset = centre - 0.5 - linear @ (size / 2 - 0.5)
    return _bytes(cv2.warpAffine(cutout, np.column_stack([linear, offset]), canvas.tolist(), flags=kernel))


def _pasted(cutout: Image, onto: tuple[slice, slice], background: Image, feather: float) -> tuple[Image, Mask]:
    """The background with the cut-out over some of its rows and columns, and the mask of the subject."""
    merged = np.array(background, order="C")
    landed = np.zeros(background.shape[:2], np.uint8)
    under = merged[onto]
    colours, alpha = cv2.cvtColor(cutout, cv2.COLOR_RGBA2RGB), cv2.extractChannel(cutout, 3)
    cv2.threshold(alpha, 127, 1, cv2.THRESH_BINARY, dst=landed[onto])
    if feather > 0:
        # A subject that the frame cuts off continues beyond it, and so must not fade at the border.
        # The separable filter takes half the time of OpenCV's own Gaussian.
        kernel = cv2.getGaussianKernel(2 * _softness(feather) + 1, feather)
        soft = cv2.sepFilter2D(alpha, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
        weights = cv2.merge([soft, soft, soft])
        cv2.multiply(colours, weights, dst=colours, scale=1 / 255)
        cv2.bitwise_not(weights, dst=weights)
        cv2.multiply(under, weights, dst=weights, scale=1 / 255)
        cv2.add(colours, weights, dst=under)
    else:
        cv2.copyTo(colours, landed[onto], under)
    return merged, landed.view(np.bool_)


def _softness(feather: float) -> int:
    """Reach of a soft edge in pixels; further out its weight is below 1 %."""
    return math.ceil(2.5 * feather)


def _scale_of(linear: npt.NDArray[np.float64]) -> float:
    """The factor by which a turning and scaling matrix changes lengths."""
    return math.hypot(linear[0, 0], linear[1, 0])


def _harmonised(colours: Image, alpha: Image, background: Image, strength: float) -> Image:
    """Colours whose mean and contrast in L*a*b* are adapted to the background's (Reinhard et al. 2001)."""
    lab = cv2.cvtColor(colours, cv2.COLOR_RGB2Lab)
    mean, spread = (value.ravel() for value in cv2.meanStdDev(lab, mask=alpha))
    thinned = cv2.cvtColor(np.ascontiguousarray(background[::4, ::4]), cv2.COLOR_RGB2Lab)
    goal_mean, goal_spread = (value.ravel() for value in cv2.meanStdDev(thinned))
    # Limited to the effect of a change of light: a red bus stays red in a meadow, and noise is not amplified.
    gain = np.clip((goal_spread + 1) / (spread + 1), 0.7, 1.4) ** strength
    move = np.clip(goal_mean - mean, -_LIGHT_RANGE, _LIGHT_RANGE) * strength
    table = (np.arange(256)[:, None] - mean) * gain + mean + move
    table = np.clip(np.round(table), 0, 255).astype(np.uint8)
    return _bytes(cv2.cvtColor(cv2.LUT(lab, table[None]), cv2.COLOR_Lab2RGB))


def _bytes(array: npt.NDArray[np.generic]) -> Image:
    """An array of OpenCV as bytes; OpenCV's own types leave the kind of number open."""
    return np.asarray(array, dtype=np.uint8)
