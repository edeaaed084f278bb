import hashlib
import io
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, features
from tiny.photos import PHOTOS
from tiny.profiles import SRGB, display_p3

from aga_lightning.images.reading import (
    ImageReadError,
    file_digest,
    image_size,
    pixels_digest,
    read_image,
    verify_image,
)


@pytest.fixture
def colours():
    """Four flat quadrants, so that lossy files and turns can be told apart."""
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :24], pixels[:16, 24:], pixels[16:, :24], pixels[16:, 24:] = (
        (220, 30, 30),
        (30, 200, 30),
        (30, 30, 210),
        (240, 230, 40),
    )
    return pixels


def corners(image):
    width, height = image.size
    return [image.getpixel(at) for at in ((4, 4), (width - 5, 4), (4, height - 5), (width - 5, height - 5))]


def as_array(image):
    assert image.mode == "RGB"
    return np.asarray(image)


def test_damaged_exif_costs_only_the_orientation(tmp_path, colours):
    path = tmp_path / "a.jpg"
    Image.fromarray(colours).save(path, exif=b"Exif\0\0MM\0*\0\0\xff\xff broken")
    assert read_image(path).size == (48, 32)


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk_is_converted_and_not_inverted(tmp_path, ending):
    path = tmp_path / f"cmyk.{ending}"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path)  # a JPEG of these is Adobe's, with inverted inks
    np.testing.assert_allclose(read_image(path).getpixel((8, 8)), (255, 0, 0), atol=4)


def test_adobe_ycck_is_converted(tmp_path):
    """YCCK: a CMYK JPEG whose Adobe marker says that the first three inks are stored as YCbCr."""
    path = tmp_path / "ycck.jpg"
    data = io.BytesIO()
    # The inks of red are (0, 255, 255, 0); Adobe stores the first three as if they were red, green and blue.
    inks = Image.new("RGB", (1, 1), (0, 255, 255)).convert("YCbCr").getpixel((0, 0))
    Image.new("CMYK", (16, 16), (*(255 - value for value in inks), 0)).save(data, "JPEG", quality=100)
    content = data.getvalue()
    marker = content.index(b"Adobe")
    path.write_bytes(content[: marker + 11] + b"\x02" + content[marker + 12 :])
    np.testing.assert_allclose(read_image(path).getpixel((8, 8)), (255, 0, 0), atol=6)


@pytest.mark.parametrize(
    ("ending", "dtype"), [("png", "<u2"), ("tif", "<u2"), ("tif", ">u2"), ("tif", "<i4"), ("tif", "<f4")]
)
def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path, ending, dtype):
    ramp = np.linspace(0, 65535, 256).round().reshape(16, 16)
    path = tmp_path / f"grey.{ending}"
    Image.fromarray(ramp.astype(dtype)).save(path)
    expected = np.round(ramp / 257).astype(np.uint8)
    np.testing.assert_array_equal(as_array(read_image(path)), np.repeat(expected[..., None], 3, 2))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "YCbCr", "HSV"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode in ("YCbCr",) else "a.png")
    image = Image.new("RGB", (8, 8), "white").convert(mode if mode != "HSV" else "RGB")
    image.save(path)
    assert as_array(read_image(path)).min() > 250


def test_cie_lab_is_converted_through_its_profile(tmp_path):
    path = tmp_path / "lab.tif"
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    ImageCms.applyTransform(Image.new("RGB", (8, 8), (200, 80, 40)), to_lab).save(path)
    np.testing.assert_allclose(read_image(path).getpixel((4, 4)), (200, 80, 40), atol=4)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L"])
def test_transparent_pixels_come_out_on_white(tmp_path, mode):
    path = tmp_path / "a.png"
    rgba = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    rgba.putpixel((1, 0), (0, 0, 0, 0))
    if mode in ("RGBA", "LA"):
        rgba.convert(mode).save(path)
    elif mode == "P":
        image = Image.new("P", (2, 1))
        image.putpalette([0, 0, 0, 90, 0, 0])
        image.putpixel((1, 0), 1)
        image.save(path, transparency=b"\xff\x00")
    else:
        image = Image.new(mode, (2, 1))
        image.putpixel((1, 0), (9,) * 3 if mode == "RGB" else 9)
        image.save(path, transparency=(9,) * 3 if mode == "RGB" else 9)
    assert as_array(read_image(path))[0].tolist() == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif"])
def test_an_animation_gives_its_first_frame(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(read_image(path).getpixel((4, 4)), (255, 0, 0), atol=6)


def png_header(width, height):
    """A PNG that claims a size, and holds next to nothing."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 10_000, 12_000, 100_000])  # below and above both of Pillow's own limits
def test_enormous_images_are_refused_by_their_header(tmp_path, side):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(side, side))
    with pytest.raises(ImageReadError, match=r"bomb\.png is larger than 50000000 pixels .*shrink it"):
        read_image(path, max_pixels=50_000_000)
    if side > 11_000:
        with pytest.raises(ImageReadError, match="is larger than 120000000 pixels"):
            verify_image(path)


def test_a_large_image_within_the_limit_raises_no_warning(tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (10_000, 9_000)).save(path)  # 90 million pixels: above the size of which Pillow warns
    assert read_image(path).size == (10_000, 9_000)


def test_warnings_work_as_before_after_reading_in_threads_that_overlap(tmp_path, colours, monkeypatch):
    path = tmp_path / "a.jpg"
    Image.fromarray(colours).save(path)
    before = list(warnings.filters)
    second_is_in, first_is_out = threading.Event(), threading.Event()
    opening = Image.open

    def open_in_turn(file, formats):
        if threading.current_thread().name == "first":
            assert second_is_in.wait(10)
        else:
            second_is_in.set()
            assert first_is_out.wait(10)
            warnings.warn("the first to leave must not switch warnings on for the second", stacklevel=1)
        return opening(file, formats=formats)

    monkeypatch.setattr(Image, "open", open_in_turn)
    first, second = (threading.Thread(target=read_image, args=(path,), name=name) for name in ("first", "second"))
    first.start()
    second.start()
    first.join()
    first_is_out.set()
    second.join()
    assert warnings.filters == before


def test_damaged_bytes_never_raise_anything_else(tmp_path, colours):
    rng = np.random.default_rng(1)
    for ending in ("jpg", "png", "gif", "tif", "webp", "bmp"):
        path = tmp_path / f"a.{ending}"
        Image.fromarray(colours).save(path)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(25):
            damaged = whole.copy()
            damaged[rng.integers(0, whole.size, 8)] = rng.integers(0, 256, 8)
            path.write_bytes(damaged.tobytes())
            try:
                assert read_image(path, max_pixels=10_000_000).mode == "RGB"
            except ImageReadError as error:
                assert path.name in str(error)


def test_only_what_was_once_read_otherwise_has_another_digest_than_its_file(tmp_path):
    image = Image.new("RGB", (4, 4), (200, 40, 40))
    sideways = Image.Exif()
    sideways[0x0112] = 6
    files = {
        "plain.jpg": (image, None, True),
        "srgb.jpg": (image, SRGB, True),
        "broken.jpg": (image, b"no profile", True),
        "p3.jpg": (image, display_p3(), False),
        "p3.png": (image, display_p3(), False),
        "twelve.png": (Image.fromarray(np.full((4, 4), 4000, np.uint16)), None, False),
        "sixteen.png": (Image.fromarray(np.full((4, 4), 40000, np.uint16)), None, True),
        "side.jpg": (image, None, True),
        "side.tif": (image, None, False),
        "float.tif": (Image.fromarray(np.full((4, 4), 0.5, np.float32)), None, True),
    }
    for name, (picture, profile, same) in files.items():
        picture.save(tmp_path / name, icc_profile=profile, exif=sideways if name.startswith("side") else b"")
        assert (pixels_digest(tmp_path / name, "0" * 64) == "0" * 64) is same, name
    (tmp_path / "no.jpg").write_bytes(b"no image")
    assert pixels_digest(tmp_path / "no.jpg", "0" * 64) == "0" * 64


def test_digest_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc" * 1000)
    assert file_digest(path) == hashlib.sha256(b"abc" * 1000).hexdigest()
    with pytest.raises(ImageReadError, match="does not exist"):
        file_digest(tmp_path / "b.bin")


def test_a_whole_jpeg_is_verified_without_decoding_it(tmp_path, colours, monkeypatch):
    path = tmp_path / "photo.jpg"
    Image.fromarray(colours).save(path)
    monkeypatch.setattr("aga_lightning.images.reading.decode", lambda *_: pytest.fail("decoded"))
    verify_image(path)
    path.write_bytes(path.read_bytes() + bytes(2000))  # padded with more zeros than are looked at
    with pytest.raises(pytest.fail.Exception):
        verify_image(path)
    path.write_bytes(path.read_bytes()[:-1960])
    verify_image(path)
    monkeypatch.undo()
    path.write_bytes(path.read_bytes() + b"a camera's own notes" * 10)
    verify_image(path)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_damage_between_header_and_end_is_found_by_decoding(tmp_path, ending):
    path = tmp_path / f"photo.{ending}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    data = path.read_bytes()
    place = data.index(b"\xff\xc4") + 5 if ending == "jpg" else len(data) // 2
    path.write_bytes(data[:place] + b"\xff" * 16 + data[place + 16 :])
    verify_image(path)
    with pytest.raises(ImageReadError, match=rf"photo\.{ending} cannot be decoded"):
        verify_image(path, whole=True)


def test_a_name_of_several_lines_is_told_in_one(tmp_path):
    path = tmp_path / "a.jpg\nb.jpg is empty\r\u2028.png"
    path.write_bytes(b"no image")
    for look in (read_image, verify_image, image_size):
        with pytest.raises(ImageReadError) as caught:
            look(path)
        assert len(str(caught.value).splitlines()) == 1 and "a.jpg\\nb.jpg" in str(caught.value)


TURNED = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: np.swapaxes(pixels, 0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(np.swapaxes(pixels, 0, 1), 2),
    8: np.rot90,
}
"""What each EXIF orientation asks to be done to the stored pixels."""


@pytest.mark.parametrize(
    ("ending", "mode", "orientation"),
    [
        *(("png", "RGB", orientation) for orientation in TURNED),
        *((ending, "RGB", 6) for ending in ("jpg", "webp", *(["avif"] if "avif" in features.get_supported() else []))),
        # Of TIFF files Pillow turns the pixels itself, and maps those of some modes into memory.
        *(("tif", "RGB", orientation) for orientation in TURNED),
        *(("tif", mode, 6) for mode in ("L", "P", "RGBA", "CMYK", "I;16", "F", "1")),
    ],
)
def test_an_image_comes_out_upright(tmp_path, colours, ending, mode, orientation):
    if mode == "I;16":
        image = Image.fromarray(colours[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(colours).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"plain.{ending}", quality=95)
    image.save(tmp_path / f"turned.{ending}", quality=95, exif=exif)
    plain, found = (read_image(tmp_path / f"{name}.{ending}") for name in ("plain", "turned"))
    np.testing.assert_array_equal(as_array(found), TURNED[orientation](as_array(plain)))
    assert image_size(tmp_path / f"turned.{ending}") == found.size
    if mode == "RGB":
        np.testing.assert_allclose(corners(plain), corners(image), atol=12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, 0.6], [26, 153]),
        ([0, 200], [0, 200]),
        ([-4, 4], [0, 255]),
        ([1e6, 2e6], [0, 255]),
        ([7e7, 7e7], [0, 0]),
        ([np.nan, np.inf, 0.5, 1], [0, 0, 128, 255]),
    ],
)
def test_floats_are_scaled_by_their_range_and_what_is_no_number_is_black(tmp_path, values, expected):
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "f.tiff")
    assert as_array(read_image(tmp_path / "f.tiff"))[0, :, 0].tolist() == expected


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "gif", "tif"])
def test_a_whole_file_is_verified_and_one_that_breaks_off_is_named_with_the_remedy(tmp_path, ending):
    path = tmp_path / f"photo.{ending}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    whole = path.read_bytes()
    assert verify_image(path) == verify_image(path, whole=True) == ()
    for share in (0.02, 0.5, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        for look in (read_image, verify_image):
            with pytest.raises(ImageReadError, match=rf"photo\.{ending} .*remove it"):
                look(path)


@pytest.mark.parametrize("look", [read_image, verify_image, image_size])
def test_what_is_no_image_is_named_with_the_remedy(tmp_path, look):
    path = tmp_path / "bad.jpg"
    for content, remedy in (
        (b"", "is empty: fetch it again"),
        (b"<html>404</html>", "is not an image .* convert it"),
        (b"\0" * 4096, "is not an image"),
    ):
        path.write_bytes(content)
        with pytest.raises(ImageReadError, match=rf"bad\.jpg {remedy}"):
            look(path)
    with pytest.raises(ImageReadError, match=r"gone\.jpg does not exist: check"):
        look(tmp_path / "gone.jpg")
    with pytest.raises(ImageReadError, match="is a folder: give"):
        look(tmp_path)


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_real_photos_are_what_pillow_reads(path):
    with Image.open(path) as image:
        np.testing.assert_array_equal(as_array(image.convert("RGB")), as_array(read_image(path)))
    assert verify_image(path) == ()
