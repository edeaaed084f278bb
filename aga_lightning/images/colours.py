"""Convert pixels of any kind to 8-bit sRGB: colour profiles, CMYK, high bit depths, transparency."""

import io
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

BAD_PROFILE = "a colour profile that is broken or made for another kind of image: it is not used"
FEWER_BITS = "16 bits or more, but no value above 4095 or 255: they are read as data of 12 or 8 bits"
DARK = "16 bits, but no value above 16383: they come out dark, which is wrong if they are data of 14 bits"
STRETCHED = "values below 0 or beyond 16 bits: each is stretched from its lowest value to its highest"
"""Remarks on the pixels of some images, to be read after "12 images have"."""

_ALIKE = 2  # of 255: versions of sRGB's profile differ by less
_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
"""Pillow's image mode for each colour space of a profile."""


class Notes(NamedTuple):
    """Notes on the conversion of an image's pixels.

    Args:
        remarks: Remarks for the user.
        new: Whether the pixels differ from those of releases that ignored colour profiles and unused bits.
    """

    remarks: tuple[str, ...] = ()
    new: bool = False


def decode(image: Image.Image, path: Path | None = None) -> tuple[Image.Image, Notes]:
    """The pixels of an open image file as 8-bit sRGB, not yet turned upright.

    Transparent pixels become white, an animation becomes its first frame. Data of more than 8 bits are scaled by the
    smallest of 8, 12 and 16 bits that holds all of an image's values (floats also by 1); other values are stretched
    from lowest to highest. A colour profile that cannot be used is ignored, and the pixels count as sRGB.

    Args:
        image: The image, as `formats.open_image` gives it.
        path: Its file, if there is one; colours of 16 bits can be read only from the file.
    """
    many_bits = _has_many_bits(image)
    image.load()
    pixels, remarks, new = image, [], False
    if many_bits:
        pixels, white = _eight_bits(image, path)
        if white in (0, 4095) or (white == 255 and image.mode != "F"):
            remarks.append(FEWER_BITS if white else STRETCHED)
        elif white == 65535 and image.format in ("PNG", "TIFF") and 0 < np.asarray(pixels.convert("RGB")).max() <= 64:
            remarks.append(DARK)
        new = white == 4095 or (white == 255 and image.mode not in ("I", "F"))
    conversion = _conversion_of(pixels, image)
    if conversion.broken:
        remarks.append(BAD_PROFILE)
    if conversion.transform is None:
        return _rgb(pixels), Notes(tuple(remarks), new)
    return _converted(pixels, conversion.transform, conversion.mode), Notes(tuple(remarks), new=True)


def foresee(image: Image.Image) -> Notes | None:
    """The notes of `decode` for an open file that is not decoded yet; None if its header does not tell."""
    if _has_many_bits(image):
        return None
    conversion = _conversion_of(image, image)
    return Notes((BAD_PROFILE,) if conversion.broken else (), conversion.transform is not None)


def _rgb(image: Image.Image) -> Image.Image:
    """An image without a colour profile as RGB."""
    if image.mode == "RGB" and image.format == "JPEG":
        return image  # its pixels are in memory of their own, so no copy is needed
    if image.mode == "LAB":  # Pillow converts this mode only through a colour profile
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        assert converted is not None  # only None when converting in place
        return converted
    return _on_white(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    opaque = Image.new("RGBA", image.size, "white")
    opaque.alpha_composite(image)
    return opaque.convert("RGB")


def _converted(image: Image.Image, transform: ImageCms.ImageCmsTransform, mode: str) -> Image.Image:
    """An image as RGB by a colour profile; transparency is handled separately."""
    colours = transform.apply(image if image.mode == mode else image.convert(mode))
    if not image.has_transparency_data:
        return colours
    colours.putalpha(image.convert("RGBA").getchannel("A"))
    return _on_white(colours)


class _Conversion(NamedTuple):
    """The conversion of a colour profile's pixels to sRGB; no transform if none is needed, or the profile is broken."""

    transform: ImageCms.ImageCmsTransform | None = None
    mode: str = ""
    broken: bool = False


_AS_THEY_ARE = _Conversion()


def _conversion_of(pixels: Image.Image, image: Image.Image) -> _Conversion:
    """The conversion of an open file's pixels to sRGB."""
    profile = image.info.get("icc_profile")
    if not profile:
        return _AS_THEY_ARE
    if pixels.mode in ("CMYK", "LAB"):
        return _conversion(profile, pixels.mode)
    return _conversion(profile, "L" if pixels.mode in ("1", "L", "LA") else "RGB")


@lru_cache(maxsize=32)  # the photos of a data set share a few
def _conversion(profile: bytes, kind: str) -> _Conversion:
    """The conversion of pixels to sRGB.

    Args:
        profile: The bytes of an ICC profile.
        kind: The kind of image: RGB, L (grey), CMYK or LAB.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _SPACES[opened.profile.xcolor_space.strip()]
        if kind != mode and (kind, mode) != ("L", "RGB"):  # the latter is a grey copy of a colour photo
            return _Conversion(broken=True)
        if mode == "LAB":
            return _Conversion()  # Lab needs no profile
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (KeyError, OSError, ImageCms.PyCMSError, TypeError, ValueError):
        return _Conversion(broken=True)
    white = transform.apply(Image.new(mode, (1, 1), 0 if mode == "CMYK" else "white"))
    if np.asarray(white).min() < 128:  # the profile's numbers are garbage
        return _Conversion(broken=True)
    if mode == "CMYK":
        return _Conversion(transform, mode)
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels if mode == "RGB" else levels[:1]), -1).reshape(-1, 1, 3)
    sample = Image.fromarray(colours if mode == "RGB" else np.repeat(colours[..., :1], 3, 2)).convert(mode)
    change = np.asarray(transform.apply(sample)).astype(int) - np.asarray(sample.convert("RGB"))
    return _Conversion(transform if np.abs(change).max() > _ALIKE else None, mode)


def _has_many_bits(image: Image.Image) -> bool:
    """Whether the values of an open file, not yet decoded, may have more than 8 bits."""
    if image.mode.startswith(("I", "F")):
        return True
    settings = [tile[3] for tile in getattr(image, "tile", [])[:1]]  # how the first part of the file is packed
    return any(";16" in str(one if isinstance(one, str) else one[:1]) for one in settings)


def _eight_bits(image: Image.Image, path: Path | None) -> tuple[Image.Image, int]:
    """An image of 8 bits, and the value that became white; 0 if that is the image's own highest value."""
    if not image.mode.startswith(("I", "F")):
        return _dark_colours(image, path) or (image, 65535)  # Pillow has kept the upper 8 bits of colours
    values = np.asarray(image)
    if image.mode in ("I", "F"):
        values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    whole = [255, 4095, 65535]
    if image.format in ("PPM", "JPEG2000"):
        whole = [65535]  # these files state their range, and Pillow has scaled the values
    return _scaled(values, [1, *whole] if image.mode == "F" else whole)


def _dark_colours(image: Image.Image, path: Path | None) -> tuple[Image.Image, int] | None:
    """A 16-bit colour image whose upper four bits are unused, from all its bits; None for any other image."""
    upper = np.asarray(image)
    if path is None or image.mode not in ("RGB", "RGBA") or upper[..., :3].max() > 15:
        return None
    import cv2

    values = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        return None
    colours = np.asarray(values[..., 2::-1], np.uint16)
    if not np.array_equal(colours >> 8, upper[..., :3]):
        return None
    pixels, white = _scaled(colours, [255, 4095, 65535])
    if image.mode == "RGBA":
        pixels.putalpha(image.getchannel("A"))
    return pixels, white


def _scaled(values: npt.NDArray[np.integer[Any] | np.floating[Any]], whole: list[int]) -> tuple[Image.Image, int]:
    """Values as an image of 8 bits, scaled by the first range that holds them all, or by their own range."""
    low, high = float(values.min()), float(values.max())
    white = next((full for full in whole if 0 <= low and 0 < high <= full), 0 if low or high else whole[-1])
    low, scale = (0.0, float(white)) if white else (low, high - low)
    return Image.fromarray(np.round((values - low) * (255.0 / max(scale, 1e-12))).astype(np.uint8)), white
