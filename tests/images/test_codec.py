import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from aga_lightning.images.codec import decode_mask, decode_rgb, encode_jpeg, encode_mask, is_image, suffix

calm = settings(max_examples=40, deadline=None, derandomize=True)
sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def smooth(seed, size):
    """A picture of slow gradients, which a JPEG keeps well."""
    corners = np.random.default_rng(seed).integers(0, 256, (2, 2, 3)).astype(np.uint8)
    return cv2.resize(corners, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


@calm
@given(sizes, st.integers(0, 2**31))
def test_a_mask_comes_back_as_it_was(size, seed):
    mask = np.random.default_rng(seed).random(size) < 0.5
    decoded = decode_mask(encode_mask(mask))
    assert decoded.dtype == bool
    np.testing.assert_array_equal(decoded, mask)


@calm
@given(sizes, st.integers(0, 2**31))
def test_a_jpeg_keeps_the_picture_and_gives_the_same_bytes_again(size, seed):
    image = smooth(seed, size)
    data = encode_jpeg(image)
    assert data == encode_jpeg(image.copy())
    decoded = decode_rgb(data)
    assert (decoded.shape, decoded.dtype) == (image.shape, np.uint8)
    assert np.abs(decoded.astype(int) - image).mean() < 4


def test_a_mark_of_one_pixel_keeps_its_colour():
    """Chroma subsampling would halve it: a field mark of one pixel is what a class may hang on."""
    image = np.full((32, 32, 3), 120, np.uint8)
    image[8:24, 16] = (220, 60, 60)
    row = decode_rgb(encode_jpeg(image))[16].astype(int)
    assert row[16, 0] - row[16, 2] > 120
    assert abs(row[12, 0] - row[12, 2]) < 25


def test_a_mask_file_shows_the_subject_in_white():
    pixels = cv2.imdecode(np.frombuffer(encode_mask(np.eye(4, dtype=bool)), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(pixels, 255 * np.eye(4, dtype=np.uint8))


def test_only_one_view_of_the_pixels_counts():
    """A crop or a flip is a strided view of the same values, and gives the same bytes as a copy."""
    image = smooth(3, (40, 30))
    view = image[4:30, ::-1]
    assert encode_jpeg(view) == encode_jpeg(np.ascontiguousarray(view))
    mask = image[..., 0] > 100
    assert encode_mask(mask[::2, ::-1]) == encode_mask(np.ascontiguousarray(mask[::2, ::-1]))


@pytest.mark.parametrize("decode", [decode_rgb, decode_mask])
@pytest.mark.parametrize("data", [b"", b"no picture"], ids=["empty", "text"])
def test_bytes_that_are_no_image_are_refused(decode, data):
    with pytest.raises(ValueError, match="not an image"):
        decode(data)


def test_the_ending_of_a_file_says_what_it_holds():
    pixels = np.zeros((2, 2, 3), np.uint8)
    found = [suffix(data) for data in (encode_jpeg(pixels), encode_mask(pixels[..., 0] > 0), save({}), b"", b"GIF89a")]
    assert found == [".jpg", ".png", ".safetensors", ".bin", ".bin"]


def test_what_can_be_decoded_is_an_image():
    mask = encode_mask(np.ones((4, 6), bool))
    assert is_image(mask) and is_image(encode_jpeg(np.zeros((4, 6, 3), np.uint8)))
    huge = mask[:16] + b"\x7f\xff\xff\xff" * 2 + mask[24:]
    assert not any(map(is_image, (b"", b"no image", mask[:20], huge)))
