from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import load_sample

WIDTH, HEIGHT = 24, 16
LABELS = np.zeros((HEIGHT, WIDTH), np.uint8)
LABELS[4:12, 6:12] = 1
LABELS[4:12, 12:15] = 2
SUBJECT = LABELS > 0
BOX = (6.0, 4.0, 15.0, 12.0)


def photo(width=WIDTH, height=HEIGHT, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def record_of(folder, mask=None, box=None, **save):
    Image.fromarray(photo()).save(folder / "photo.png", **save)
    return ImageRecord(folder / "photo.png", 0, "wren", "bird", box, mask)


def with_mask(folder, mask, name="mask.png", **save):
    mask.save(folder / name, **save)
    return record_of(folder, folder / name)


def palette(colours, dtype=np.uint8):
    mask = Image.frombytes("P", (WIDTH, HEIGHT), LABELS.astype(dtype).tobytes())
    mask.putpalette(colours)
    return mask


def coloured():
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 2] = LABELS
    return Image.fromarray(pixels)


def transparent():
    """Subject where opaque; the colour below the transparent pixels is left over from something else."""
    pixels = np.full((HEIGHT, WIDTH, 4), 200, np.uint8)
    pixels[..., 3] = 255 * SUBJECT
    return Image.fromarray(pixels)


MASKS = {
    "one_bit": (lambda: Image.fromarray(SUBJECT), "mask.png"),
    "eight_bits": (lambda: Image.fromarray(LABELS), "mask.png"),
    "sixteen_bits": (lambda: Image.fromarray(LABELS.astype(np.uint16)), "mask.png"),
    "sixteen_bits_tiff": (lambda: Image.fromarray(LABELS.astype(np.uint16)), "mask.tif"),
    "thirty_two_bits": (lambda: Image.fromarray(LABELS.astype(np.int32)), "mask.tif"),
    "floats": (lambda: Image.fromarray(LABELS.astype(np.float32) / 100), "mask.tif"),
    "black_palette": (lambda: palette([0, 0, 0] * 3), "mask.png"),
    "white_background": (lambda: palette([255, 255, 255, 0, 0, 0, 9, 9, 9]), "mask.png"),
    "colours": (coloured, "mask.png"),
    "transparent": (transparent, "mask.png"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_any_label_but_zero_is_subject(tmp_path, kind):
    make, name = MASKS[kind]
    mask = load_sample(with_mask(tmp_path, make(), name), "", 64).mask
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, SUBJECT)


# Shares of five annotators, as CUB's masks have them: none at the left, all at the right.
SHARES = np.repeat(np.array([[0, 51, 102, 153, 204, 255]], np.uint8), WIDTH // 6, axis=1).repeat(HEIGHT, axis=0)


@pytest.mark.parametrize(("above", "columns"), [(0, 20), (50, 20), (51, 16), (127, 12), (254, 4), (255, 0)])
def test_only_what_lies_above_the_threshold_is_subject(tmp_path, above, columns):
    record = replace(with_mask(tmp_path, Image.fromarray(SHARES)), mask_above=above)
    mask = load_sample(record, "", 64).mask
    np.testing.assert_array_equal(mask, np.broadcast_to(np.arange(WIDTH) >= WIDTH - columns, (HEIGHT, WIDTH)))


def test_the_threshold_is_for_the_mask_as_it_was_drawn_not_for_the_shrunk_one(tmp_path):
    """Each pixel of the small mask is half a pixel that most annotators drew, and half one that nobody did."""
    stripes = np.zeros((HEIGHT, WIDTH), np.uint8)
    stripes[:, ::2] = 153
    record = replace(with_mask(tmp_path, Image.fromarray(stripes)), mask_above=127)
    assert load_sample(record, "", WIDTH // 2).mask.all()


def test_an_image_within_the_working_size_is_untouched(tmp_path):
    record = record_of(tmp_path, box=BOX)
    sample = load_sample(record, "d1", WIDTH)
    np.testing.assert_array_equal(sample.image, photo())
    assert (sample.record, sample.digest, sample.box, sample.mask) == (record, "d1", BOX, None)


def test_a_larger_image_shrinks_with_its_box_and_mask(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "mask.png")
    sample = load_sample(record_of(tmp_path, tmp_path / "mask.png", BOX), "", WIDTH // 2)
    assert sample.image.shape == (HEIGHT // 2, WIDTH // 2, 3)
    assert sample.box == (3.0, 2.0, 7.5, 6.0)
    # Each pixel is the mean of four; the subject's last column covers half of its pixels, which is enough.
    np.testing.assert_array_equal(sample.mask, np.pad(np.ones((4, 5), bool), ((2, 2), (3, 4))))
    means = photo().reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(sample.image - means).max() <= 0.5


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60))
def test_nothing_is_enlarged_and_the_box_of_the_whole_image_stays_the_whole(tmp_path_factory, width, height, max_side):
    path = tmp_path_factory.mktemp("whole") / "photo.png"
    Image.fromarray(photo(width, height)).save(path)
    Image.new("L", (width, height), 1).save(path.with_name("mask.png"))
    box = (0.0, 0.0, float(width), float(height))
    sample = load_sample(ImageRecord(path, 0, "wren", "bird", box, path.with_name("mask.png")), "", max_side)
    rows, columns = sample.image.shape[:2]
    assert max(rows, columns) == min(max_side, max(width, height))
    assert sample.box == pytest.approx((0, 0, columns, rows))
    assert sample.mask.shape == (rows, columns)
    assert sample.mask.all()


def test_a_mask_of_another_size_is_refused_with_both_files_and_sizes(tmp_path):
    record = with_mask(tmp_path, Image.fromarray(LABELS.T.copy()))
    with pytest.raises(
        ImageReadError, match=r"photo\.png and its mask .*mask\.png differ .*24 x 16 .*16 x 24.*same size"
    ):
        load_sample(record, "", 8)


def test_a_missing_mask_is_named_with_the_remedy(tmp_path):
    record = record_of(tmp_path, tmp_path / "mask.png")
    with pytest.raises(ImageReadError, match=r"mask\.png, the mask of .*photo\.png, does not exist: copy the masks"):
        load_sample(record, "", 64)


@pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.9])
def test_a_truncated_mask_is_named_with_the_remedy(tmp_path, kept):
    record = with_mask(tmp_path, Image.fromarray(photo()[..., 0]))
    data = record.mask_path.read_bytes()
    record.mask_path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ImageReadError, match=r"mask\.png, the mask of .*photo\.png, cannot be read .*make it again"):
        load_sample(record, "", 64)


@pytest.mark.parametrize("turned", ["photo", "mask"])
def test_box_and_mask_refer_to_the_upright_image(tmp_path, turned):
    """One of the two saved as a camera does that is held sideways."""
    upright = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    upright[SUBJECT] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for name, pixels in (("photo", upright), ("mask", LABELS)):
        stored = np.ascontiguousarray(np.rot90(pixels)) if name == turned else pixels
        Image.fromarray(stored).save(tmp_path / f"{name}.png", exif=exif if name == turned else b"")
    record = ImageRecord(tmp_path / "photo.png", 0, "wren", "bird", BOX, tmp_path / "mask.png")
    sample = load_sample(record, "", 64)
    np.testing.assert_array_equal(sample.image, upright)
    np.testing.assert_array_equal(sample.mask, SUBJECT)
    assert sample.box == BOX
