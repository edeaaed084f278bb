"""Pictures as data addresses: no larger than their size in the page, in the smallest of several formats."""

import base64
import io

from PIL import Image

_DENSITY = 2  # pixels for each CSS pixel; more are not visible
_WIDEST = 1600  # pixels of a picture as wide as the page
_PIXEL_ART = 160  # up to this many pixels on a side, every pixel is kept


def shown_width(image: Image.Image, width: int | None) -> int | None:
    """The width of a picture in CSS pixels; None for the full width of its place.

    Args:
        image: The picture.
        width: The width that the block sets. With None, small pictures are enlarged by an integer factor, up to 128.
    """
    if width is not None or max(image.size) > _PIXEL_ART:
        return width
    return image.width * max(1, 128 // max(image.size))


def data_uri(image: Image.Image, width: int | None) -> str:
    """A picture as a `data:` address.

    Args:
        image: An image of any mode; transparent pixels become white. Up to 160 pixels on a side it is kept pixel for
            pixel; larger images are shrunk to their size in the page and may be compressed with losses.
        width: The width in CSS pixels; None for as wide as the page.
    """
    image = _opaque(image)
    small = max(image.size) <= _PIXEL_ART
    limit = _WIDEST if width is None else _DENSITY * width
    if not small and image.width > limit:
        image = image.resize((limit, max(1, round(image.height * limit / image.width))), Image.Resampling.LANCZOS)
    tries = [_encoded(image, "PNG", optimize=True), _encoded(image, "WEBP", lossless=True, method=4)]
    if not small:
        tries.append(_encoded(image, "WEBP", quality=80, method=6))
    kind, content = min(tries, key=lambda found: len(found[1]))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content).decode('ascii')}"


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image).convert("RGB")


def _encoded(image: Image.Image, kind: str, **options: bool | int) -> tuple[str, bytes]:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return kind, file.getvalue()
