"""Step 3b: turn, mirror and scale the subject, and put it in front of its new background (section 4.3, Figure 5).

The mask alone decides which pixels are subject, never their colours, so black feathers stay. Pixels of the old
background take no part in any resampling, and a placement that only moves by whole pixels does not resample at all.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.augment.base import Part
from aga_lightning.augment.cutout import KERNEL_REACH, beyond, continued, extended, moved, unmixed
from aga_lightning.augment.grey import as_grey, is_grey
from aga_lightning.augment.placement import Placement, land
from aga_lightning.images.pixels import Alpha, Image, Mask

Edge = Literal["hard", "feathered", "soft"]
Position = Literal["own", "uniform", "centre"]

_SMALLEST = 0.02  # factor or share: less is not seen, and a soft edge would need a margin of gigabytes
_LIGHT_RANGE = np.array([30.0, 10.0, 10.0])  # of 255: largest change of lightness and of the two chroma axes


@dataclass(kw_only=True, eq=False)
class Merging(Part):
    """Placement of the subject, and its merging with the new background (section 4.3).

    Args:
        flip_probability: Probability that the subject is mirrored left to right, 0..1.
        max_rotation: Largest turn to either side, in degrees.
        scale: Smallest and largest factor on the subject's size.
        shift: Largest movement in each direction, as a fraction of the frame.
        edge: A hard edge keeps every pixel of the subject; a feathered one blends across the outline; a soft one blends
            as the segmenter's alpha says, without the old background's colours, and is a feathered one where the
            segmenter gives a mask alone.
        feather: Standard deviation of a feathered edge, in pixels of the result.
        harmonise: Adaptation of the subject's colours to the background's mean and contrast, 0 (none) to 1 (as much as
            a change of light would).
        in_place: Leave the subject at its place: it is neither turned, scaled nor moved, only mirrored.
        match_grey: Give a grey photo (such as a camera trap's at night) a grey background with the light and the cast
            of its own background.
        size: In place of `scale`: smallest and largest share of the frame's width or height, whichever is larger, that
            the subject's box takes before it is turned; a small subject is enlarged, and gets blurred. Null keeps the
            subject's own size, by `scale`.
        position: own is the subject's own place, and centre the middle of the frame, from which `shift` moves it;
            uniform is anywhere in the frame. With `size`, uniform or centre a subject that its photo's border cuts off
            stays at that border, and is not turned.

    Raises:
        ValueError: If a setting is out of range, or `in_place` contradicts `size` or `position`.
    """

    version = 2
    added_later: ClassVar[Mapping[str, object]] = {"size": None, "position": "own"}

    flip_probability: float = 0.5
    max_rotation: float = 15.0
    scale: tuple[float, float] = (0.8, 1.2)
    shift: float = 0.1
    edge: Edge = "hard"
    feather: float = 1.0
    harmonise: float = 0.0
    in_place: bool = False
    match_grey: bool = False
    size: tuple[float, float] | None = None
    position: Position = "own"

    def __post_init__(self) -> None:
        if not 0 <= self.flip_probability <= 1:
            raise ValueError(f"flip_probability must lie in 0..1, not {self.flip_probability}")
        if not _SMALLEST <= self.scale[0] <= self.scale[1] < math.inf:
            raise ValueError(
                f"scale must be a smallest and a largest factor of at least {_SMALLEST}, not {tuple(self.scale)}"
            )
        if not all(0 <= number < math.inf for number in (self.max_rotation, self.shift, self.feather)):
            raise ValueError("max_rotation, shift and feather must be numbers of 0 or more")
        if self.edge not in get_args(Edge):
            raise ValueError(f"edge must be one of {', '.join(get_args(Edge))}, not {self.edge!r}")
        if not 0 <= self.harmonise <= 1:
            raise ValueError(f"harmonise must lie in 0..1, not {self.harmonise}")
        self._check_placing()

    def _check_placing(self) -> None:
        if self.size is not None and not _SMALLEST <= self.size[0] <= self.size[1] <= 1:
            raise ValueError(
                f"size must be a smallest and a largest share of the frame in {_SMALLEST}..1, not {(*self.size,)}"
            )
        if self.position not in get_args(Position):
            raise ValueError(f"position must be one of {', '.join(get_args(Position))}, not {self.position!r}")
        if self.in_place and (self.size is not None or self.position != "own"):
            raise ValueError(
                "in_place leaves the subject as it is: set it to false, or size to null and position to own"
            )

    def draw(self, rng: np.random.Generator) -> Placement:
        """A random placement; scale and size are log-uniform, so that halving is as likely as doubling.

        Whatever `size` and `position` are, the same numbers are drawn: two settings give the same turns and mirrors.
        """
        flip = bool(rng.random() < self.flip_probability)
        if self.in_place:
            return Placement(flip)
        rotation = rng.uniform(-self.max_rotation, self.max_rotation)
        smallest, largest = self.scale if self.size is None else self.size
        factor = math.exp(rng.uniform(math.log(smallest), math.log(largest)))
        scale, size = (factor, None) if self.size is None else (1.0, factor)
        if self.position == "uniform":
            right, down = rng.uniform(0, 1, size=2)
            return Placement(flip, rotation, scale, (0.0, 0.0), size, (float(right), float(down)))
        right, down = rng.uniform(-self.shift, self.shift, size=2)
        middle = (0.5, 0.5) if self.position == "centre" else None
        return Placement(flip, rotation, scale, (float(right), float(down)), size, middle)

    def merge(
        self, image: Image, mask: Mask, background: Image, placement: Placement, alpha: Alpha | None = None
    ) -> tuple[Image, Mask]:
        """`merge` with this part's edge and colours."""
        feather = 0.0 if self.edge == "hard" else self.feather
        if self.match_grey and is_grey(image):
            background = as_grey(background, image, mask)
        alpha = alpha if self.edge == "soft" else None
        return merge(image, mask, background, placement, feather, self.harmonise, alpha)


def merge(
    image: Image,
    mask: Mask,
    background: Image,
    placement: Placement,
    feather: float = 0.0,
    harmonise: float = 0.0,
    alpha: Alpha | None = None,
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
        alpha: (height, width), at least 128 where the mask is: the edge in place of a feathered one.

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
    whole = np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255)
    left, top, width, height = box = cv2.boundingRect(whole)
    if width == 0:
        raise ValueError("the mask is empty: reject images without a subject before merging")
    inside = (slice(top, top + height), slice(left, left + width))
    solid = _bytes(cv2.flip(whole[inside], 1)) if placement.flip else whole[inside]
    landing = land(solid, (left, top), placement, mask.shape)
    kernel = KERNEL_REACH if landing.resampled else 0
    if alpha is None:
        colours = image[inside] if harmonise == 0 else _harmonised(image[inside], whole[inside], background, harmonise)
        colours = _bytes(cv2.flip(colours, 1)) if placement.flip else colours
        softness = _softness(feather)
        margin = math.ceil(softness / landing.scale) + kernel
        cutout = extended(colours, solid, margin)
    else:
        reach = beyond(alpha, box)
        softness, margin = math.ceil(reach * landing.scale), reach + kernel
        cutout = unmixed(image, alpha, box, margin)
        if harmonise > 0:
            known = (cutout[..., 3] >= 128) * np.uint8(255)
            cutout[..., :3] = _harmonised(np.ascontiguousarray(cutout[..., :3]), known, background, harmonise)
        cutout = _bytes(cv2.flip(cutout, 1)) if placement.flip else cutout
    continued(cutout, margin, landing.held)
    pasted, onto = moved(cutout, landing, softness, mask.shape)
    return _pasted(pasted, onto, background, 0.0 if alpha is not None else feather, alpha is not None)


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


def _pasted(
    cutout: Image, onto: tuple[slice, slice], background: Image, feather: float, soft: bool
) -> tuple[Image, Mask]:
    """The background with the cut-out over some of its rows and columns, and the mask of the subject."""
    merged = np.array(background, order="C")
    landed = np.zeros(background.shape[:2], np.uint8)
    under = merged[onto]
    colours, alpha = cv2.cvtColor(cutout, cv2.COLOR_RGBA2RGB), cv2.extractChannel(cutout, 3)
    cv2.threshold(alpha, 127, 1, cv2.THRESH_BINARY, dst=landed[onto])
    if feather > 0 or soft:
        weights = cv2.merge([alpha if soft else _feathered(_bytes(alpha), feather)] * 3)
        cv2.multiply(colours, weights, dst=colours, scale=1 / 255)
        cv2.bitwise_not(weights, dst=weights)
        cv2.multiply(under, weights, dst=weights, scale=1 / 255)
        cv2.add(colours, weights, dst=under)
    else:
        cv2.copyTo(colours, landed[onto], under)
    return merged, landed.view(np.bool_)


def _feathered(alpha: Alpha, feather: float) -> Alpha:
    """A solid mask whose edge fades as a Gaussian's integral, of a standard deviation in pixels."""
    # A subject that the frame cuts off continues beyond it, and so must not fade at the border.
    # The separable filter takes half the time of OpenCV's own Gaussian.
    kernel = cv2.getGaussianKernel(2 * _softness(feather) + 1, feather)
    return _bytes(cv2.sepFilter2D(alpha, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE))


def _softness(feather: float) -> int:
    """Reach of a soft edge in pixels; further out its weight is below 1 %."""
    return math.ceil(2.5 * feather)


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
