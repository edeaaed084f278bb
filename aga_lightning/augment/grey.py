"""Grey photos, such as a camera trap's infrared frames at night: recognise them, and give a picture their tone.

Infrared frames need not be neutral: many sensors give them a purple or brownish cast. A cast multiplies each of the
three channels by its own gain, so that the photo is still a single grey picture. The test therefore measures how far
colours deviate from one cast, not how strong they are.
"""

import cv2
import numpy as np
import numpy.typing as npt

from aga_lightning.images.pixels import Image, Mask

_Values = npt.NDArray[np.float32]

_BANNER = 0.1  # of the height, above and below, where cameras write date, temperature and a coloured logo
_SIDE = 48  # pixels: at this size averaging removes sensor noise and most of JPEG's blocks of colour
_STRAY = 1.5  # of L*a*b*: largest deviation of 95 % of a neutral photo's colours; twice that for 99 %
_STRAY_OF_TINT = 0.1  # JPEG rounds strong colours more coarsely
_STRONGEST_TINT = 20.0  # of L*a*b*; beyond it lie sunsets and the deep sea
_NEUTRAL = 1.0  # of L*a*b*; a weaker tint cannot be seen
_MOST_GAIN = 1.5  # of contrast: more would show noise and blocks


def is_grey(image: Image) -> bool:
    """Whether a photo is grey, perhaps with one cast everywhere.

    A tenth of the height at the top and at the bottom is ignored, since cameras put banners there.

    Args:
        image: (height, width, 3) RGB.

    Returns:
        True for grey photos from JPEG files with a cast of up to 20 units of L*a*b*; false if a hundredth of the photo
        has a colour of its own, even if the rest is snow or fog.
    """
    colours = _reduced(image)
    actual, cast = _chroma(colours), _chroma(_cast_over(_luma(colours), _gains(colours)))
    tint = float(np.median(np.hypot(*cast.T)))
    bound = _STRAY + _STRAY_OF_TINT * tint
    most, nearly_all = np.percentile(np.hypot(*(actual - cast).T), (95, 99))
    return bool(tint <= _STRONGEST_TINT and most <= bound and nearly_all <= 2 * bound)


def as_grey(background: Image, like: Image, mask: Mask) -> Image:
    """Remove the colours of a background, and give it the light and cast of a grey photo.

    Its lightness gets the mean and the standard deviation of the photo outside its subject, because pictures by flash
    at night are darker than by day; then it gets the photo's cast.

    Args:
        background: (height, width, 3) RGB of any size.
        like: (height, width, 3) RGB, a grey photo.
        mask: (height, width); the photo's subject.

    Returns:
        A picture of the size of `background`.
    """
    grey = cv2.cvtColor(background, cv2.COLOR_RGB2GRAY)
    mean, spread = _tone(grey, np.ones(grey.shape, np.bool_))
    goal_mean, goal_spread = _tone(cv2.cvtColor(like, cv2.COLOR_RGB2GRAY), ~mask)
    gain = min((goal_spread + 1) / (spread + 1), _MOST_GAIN)
    tones = np.clip((np.arange(256) - mean) * gain + goal_mean, 0, 255).astype(np.float32) / 255
    colours = _reduced(like)
    gains = _gains(colours)
    if np.median(np.hypot(*_chroma(_cast_over(_luma(colours), gains)).T)) < _NEUTRAL:
        gains = np.ones_like(gains)
    table = np.round(_cast_over(tones, gains) * 255).astype(np.uint8)
    return np.asarray(cv2.LUT(cv2.merge([grey] * 3), table[None]), np.uint8)


def _middle(height: int) -> slice:
    """The rows between the banners."""
    band = round(_BANNER * height)
    return slice(band, height - band)


def _reduced(image: Image) -> _Values:
    """The colours between the banners, averaged over small fields: (N, 3) RGB in 0..1."""
    middle = image[_middle(image.shape[0])]
    factor = min(1.0, _SIDE / max(image.shape[:2]))
    size = [max(1, round(side * factor)) for side in middle.shape[1::-1]]
    small = cv2.resize(middle, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).reshape(-1, 3) / np.float32(255)


def _luma(colours: _Values) -> _Values:
    """(N,) luma of (N, 3) RGB, as OpenCV computes it."""
    return np.asarray(colours @ np.array([0.299, 0.587, 0.114], np.float32))


def _gains(colours: _Values) -> _Values:
    """Gain of each channel relative to the luma: (3,), whose own luma is 1."""
    return np.asarray(colours.sum(axis=0) / max(float(_luma(colours).sum()), 1e-6), np.float32)


def _cast_over(luma: _Values, gains: _Values) -> _Values:
    """(N, 3) RGB of grey values (N,) under a cast."""
    return np.asarray(np.clip(luma[:, None] * gains, 0, 1), np.float32)


def _chroma(colours: _Values) -> _Values:
    """(N, 2) a* and b* of (N, 3) RGB."""
    return np.asarray(cv2.cvtColor(colours[None], cv2.COLOR_RGB2Lab), np.float32)[0, :, 1:]


def _tone(grey: npt.NDArray[np.generic], where: Mask) -> tuple[float, float]:
    """Mean and standard deviation between the banners, inside a mask; everywhere if it is empty there."""
    rows = _middle(grey.shape[0])
    wanted = where[rows].astype(np.uint8)
    if not wanted.any():
        wanted[:] = 1
    mean, spread = cv2.meanStdDev(np.ascontiguousarray(grey[rows]), mask=wanted)
    return float(mean[0, 0]), float(spread[0, 0])
