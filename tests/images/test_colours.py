import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, features
from tiny.profiles import SRGB, display_p3, grey, inks

from aga_lightning.images import colours
from aga_lightning.images.formats import open_image

ENDINGS = ["jpg", "png", "tif", "webp", *(["avif"] if "avif" in features.get_supported() else [])]


def read(path):
    with open_image(path) as image:
        return colours.decode(image, path)


def saved(image, path, profile, **settings):
    image.save(path, icc_profile=profile, **settings)
    return path


def by_lcms(image, profile):
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.profileToProfile(image, opened, ImageCms.createProfile("sRGB"), outputMode="RGB")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_photo_of_a_wide_display_becomes_srgb(tmp_path, ending):
    settings = {"lossless": True} if ending == "webp" else {"quality": 100}
    path = saved(Image.new("RGB", (16, 16), (200, 40, 40)), tmp_path / f"p3.{ending}", display_p3(), **settings)
    image, notes = read(path)
    assert np.abs(np.subtract(image.getpixel((8, 8)), (218, 0, 26))).max() <= (0 if ending in ("png", "tif") else 3)
    assert notes == ((), True)


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "1", "YCbCr"])
def test_images_of_other_modes_are_converted_by_their_profile(tmp_path, mode):
    image = Image.new("RGB", (4, 4), (200, 40, 40)).convert(mode)
    path = saved(image, tmp_path / ("a.tif" if mode == "YCbCr" else "a.png"), display_p3())
    expected = by_lcms(image.convert("RGB"), display_p3())
    np.testing.assert_allclose(read(path)[0].getpixel((1, 1)), expected.getpixel((1, 1)), atol=2)


def test_transparency_is_no_colour(tmp_path):
    image = Image.new("RGBA", (2, 1), (200, 40, 40, 255))
    image.putpixel((1, 0), (200, 40, 40, 51))
    pixels = read(saved(image, tmp_path / "a.png", display_p3()))[0]
    assert [pixels.getpixel((x, 0)) for x in (0, 1)] == [(218, 0, 26), (248, 204, 209)]


@pytest.mark.parametrize(("mode", "make"), [("L", grey), ("LA", grey), ("CMYK", inks)])
def test_grey_values_and_inks_are_converted_by_their_profile(tmp_path, mode, make):
    image = Image.new(mode, (4, 4), {"L": 64, "LA": (64, 255), "CMYK": (200, 30, 10, 20)}[mode])
    found = read(saved(image, tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), make()))[0]
    expected = by_lcms(image.convert("L") if mode == "LA" else image, make()).getpixel((1, 1))
    assert found.getpixel((1, 1)) == expected
    assert np.abs(np.subtract(expected, image.convert("RGB").getpixel((1, 1)))).max() > 20, "a conversion is needed"


def test_a_profile_of_srgb_changes_nothing_and_each_profile_is_looked_at_once(tmp_path, monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
    plain = np.asarray(read(saved(noise, tmp_path / "plain.jpg", None))[0])
    built = []
    build = ImageCms.buildTransform
    monkeypatch.setattr(ImageCms, "buildTransform", lambda *given: built.append(given) or build(*given))

    for number in range(3):
        image, notes = read(saved(noise, tmp_path / f"{number}.jpg", SRGB))
        assert np.array_equal(np.asarray(image), plain) and notes == ((), False)
        read(saved(noise, tmp_path / f"p3-{number}.jpg", display_p3()))
    assert len(built) <= 2


@pytest.mark.parametrize(
    ("mode", "profile"),
    [
        ("RGB", b"no profile"),
        ("RGB", display_p3()[:300]),
        ("RGB", display_p3()[:128] + bytes(460)),
        ("RGB", grey()),
        ("RGB", inks()),
        ("CMYK", display_p3()),
        ("L", inks()),
    ],
)
def test_a_profile_that_cannot_be_used_is_left_out_of_account_and_remarked_on(tmp_path, mode, profile):
    image = Image.new("RGB", (4, 4), (200, 40, 40)).convert(mode)
    plain, path = (saved(image, tmp_path / f"{name}.tif", icc) for name, icc in (("plain", None), ("a", profile)))
    pixels, notes = read(path)
    assert np.array_equal(np.asarray(pixels), np.asarray(read(plain)[0]))
    assert notes == ((colours.BAD_PROFILE,), False)
    with open_image(path) as opened:
        assert colours.foresee(opened) == notes


def test_profiles_with_flipped_bits_never_raise(tmp_path):
    rng = np.random.default_rng(0)
    for whole in (display_p3(), grey(), inks()):
        mode = {b"GRAY": "L", b"CMYK": "CMYK"}.get(whole[16:20], "RGB")
        for _ in range(12):
            damaged = bytearray(whole)
            for place in rng.integers(0, len(whole), 6):
                damaged[place] = rng.integers(0, 256)
            assert read(saved(Image.new(mode, (4, 4)), tmp_path / "a.tif", bytes(damaged)))[0].mode == "RGB"


RAMP = np.linspace(0, 1, 64 * 3).reshape(8, 8, 3)


@pytest.mark.parametrize("white", [255, 4095, 65535])
@pytest.mark.parametrize(("ending", "kind"), [("png", "grey"), ("tif", "colour"), ("png", "transparent")])
def test_the_range_that_is_used_of_16_bits_becomes_that_of_8(tmp_path, ending, white, kind):
    values = (RAMP[..., 0] if kind == "grey" else RAMP) * white
    opaque = np.full((8, 8), 65535)
    stored = np.dstack([values, opaque]) if kind == "transparent" else values
    cv2.imwrite(str(tmp_path / f"a.{ending}"), stored.round().astype(np.uint16))
    pixels, notes = read(tmp_path / f"a.{ending}")
    shown = np.atleast_3d(values)[..., ::-1] / white * 255  # OpenCV writes blue first
    assert np.abs(np.asarray(pixels) - shown).max() <= 1
    assert notes == ((), False) if white == 65535 else ((colours.FEWER_BITS,), True)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3)])
@pytest.mark.parametrize(("value", "remarks"), [(16383, (colours.DARK,)), (20000, ()), (0, ())])
def test_data_that_may_be_of_14_bits_are_remarked_on(tmp_path, shape, value, remarks):
    cv2.imwrite(str(tmp_path / "a.png"), np.full(shape, value, np.uint16))
    assert read(tmp_path / "a.png")[1] == (remarks, False)


def test_files_that_tell_their_range_are_scaled_by_it(tmp_path):
    dark = np.full((4, 4), 15, ">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 4 4 4095\n" + dark.tobytes())
    pixels, notes = read(tmp_path / "a.pgm")
    assert pixels.getpixel((0, 0)) == (1, 1, 1) and notes == ((), False)


@pytest.mark.parametrize(
    ("values", "remarks"),
    [([-4.0, 4.0], [colours.STRETCHED]), ([1e6, 2e6], [colours.STRETCHED]), ([0.0, 0.7], []), ([0.0, 4000], None)],
)
def test_stretched_floats_are_remarked_on(tmp_path, values, remarks):
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "a.tif")
    assert list(read(tmp_path / "a.tif")[1].remarks) == ([colours.FEWER_BITS] if remarks is None else remarks)
