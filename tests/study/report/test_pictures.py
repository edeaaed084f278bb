import base64
import io

import numpy as np
import pytest
from PIL import Image

from aga_lightning.study.report.pictures import data_uri, shown_width


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def smooth(width, height):
    across = np.linspace(0, 255, width)[None, :, None] * np.ones((height, 1, 3))
    return Image.fromarray(across.astype(np.uint8))


def opened(uri):
    kind, _, content = uri.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert kind == f"data:image/{image.format.lower()}"
    return image


@pytest.mark.parametrize(
    ("size", "asked", "shown"),
    [
        ((64, 64), None, 128),
        ((32, 16), None, 128),
        ((50, 50), None, 100),
        ((160, 90), None, 160),
        ((161, 90), None, None),
        ((64, 64), 96, 96),
        ((500, 500), 240, 240),
    ],
)
def test_small_pictures_are_shown_at_a_whole_multiple(size, asked, shown):
    assert shown_width(Image.new("RGB", size), asked) == shown


@pytest.mark.parametrize("make", [noise, smooth])
def test_every_pixel_of_a_small_picture_is_kept(make):
    image = make(64, 48)
    assert np.array_equal(np.asarray(opened(data_uri(image, 128)).convert("RGB")), np.asarray(image))


def test_a_large_picture_has_two_pixels_for_each_that_is_shown():
    assert opened(data_uri(smooth(2000, 1000), 240)).size == (480, 240)
    assert opened(data_uri(smooth(3200, 400), None)).size == (1600, 200)
    assert opened(data_uri(smooth(300, 200), 240)).size == (300, 200)


def test_a_photograph_takes_few_bytes_and_looks_the_same():
    image = noise(20, 20).resize((400, 400), Image.Resampling.BICUBIC)
    uri = data_uri(image, 240)
    plain = io.BytesIO()
    image.save(plain, "PNG")
    assert len(uri) < len(plain.getvalue()) / 2
    shown = np.asarray(opened(uri).convert("RGB"), dtype=float)
    assert np.abs(shown - np.asarray(image, dtype=float)).mean() < 4


def test_what_is_transparent_becomes_white():
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    shown = opened(data_uri(image, None)).convert("RGB")
    assert shown.getpixel((0, 0)) == (255, 0, 0)
    assert shown.getpixel((4, 4)) == (255, 255, 255)


def test_grey_and_palette_pictures_are_shown():
    assert opened(data_uri(Image.new("L", (8, 8), 128), None)).convert("RGB").getpixel((0, 0)) == (128, 128, 128)
    assert opened(data_uri(noise(8, 8).convert("P"), None)).size == (8, 8)
