import io

import numpy as np
import pytest
import torch
from PIL import Image
from tiny.profiles import display_p3

from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.photo import AugmentedPhoto, augmented_photo, photo_record
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.reading import image_size, read_image


@pytest.fixture
def pixels(shared_disc_folder):
    return np.asarray(Image.open(shared_disc_folder / "train" / "plum" / "plum_0.png"))


def test_a_photo_of_any_kind_becomes_a_record_for_a_while(shared_disc_folder, pixels):
    path = shared_disc_folder / "train" / "plum" / "plum_0.png"
    for photo in (path, str(path), Image.open(path), pixels, Image.fromarray(pixels).convert("RGBA")):
        with photo_record(photo, "fruit", "plum", (1, 2, 30, 40), pixels[..., 0] > 120) as (record, folder):
            assert np.array_equal(np.asarray(Image.open(record.path)), pixels)
            assert (record.superclass, record.class_name, record.box) == ("fruit", "plum", (1, 2, 30, 40))
            assert np.array_equal(np.asarray(Image.open(record.mask_path)) > 0, pixels[..., 0] > 120)
        assert not folder.exists() and path.exists()


def test_a_photo_given_as_pixels_is_turned_upright_and_becomes_srgb():
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (40, 20), (200, 40, 40)).save(file, format="PNG", exif=exif, icc_profile=display_p3())
    with photo_record(Image.open(file), "fruit", None, None, None) as (record, _):
        assert image_size(record.path) == (20, 40)
        assert read_image(record.path).getpixel((0, 0)) == (218, 0, 26)
        assert record.class_name == "fruit"


@pytest.mark.parametrize(
    ("photo", "superclass", "mask", "message"),
    [
        (np.zeros((8, 8, 3)), "fruit", None, "float64 of shape .* give uint8 of shape"),
        (np.zeros((8, 8), np.uint8), "fruit", None, "give uint8 of shape"),
        (
            torch.zeros(8, 8, 3, dtype=torch.uint8),
            "fruit",
            None,
            "the photo is a Tensor: give the path of a file",
        ),
        (None, "fruit", None, "the photo is a NoneType: give"),
        (np.zeros((8, 8, 3), np.uint8), 3, None, "superclass is empty"),
        (np.zeros((8, 8, 3), np.uint8), " ", None, "superclass is empty"),
        (np.zeros((8, 8, 3), np.uint8), "fruit", np.zeros((9, 8), np.bool_), r"\(9, 8\): give bool of shape \(8, 8\)"),
        (np.zeros((8, 8, 3), np.uint8), "fruit", np.zeros((8, 8), np.uint8), "the mask is uint8"),
    ],
)
def test_what_is_no_photo_or_mask_is_told(photo, superclass, mask, message):
    with pytest.raises(ValueError, match=message), photo_record(photo, superclass, None, None, mask):
        pass


@pytest.mark.parametrize("box", [(8, 0, 12, 6), (0.1, 0.1, 0.9, 0.9), (6, 6, 2, 2), (float("nan"),) * 4, (1, 2, 3)])
def test_a_box_without_a_part_in_the_photo_is_told(box):
    with pytest.raises(ValueError, match="has no part in the photo, which has 8 x 6 pixels when upright: give left"):
        photo_record(np.zeros((6, 8, 3), np.uint8), "fruit", None, box, None).__enter__()


def test_a_result_shows_and_saves_itself(pixels, tmp_path):
    mask = np.zeros(pixels.shape[:2], np.bool_)
    mask[5:20, 7:30] = True
    result = AugmentedPhoto(pixels, mask, caption="A meadow.")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(result._repr_png_()))), pixels)
    assert result.box == (7, 5, 30, 20)
    assert "48 x 48" in repr(result) and "A meadow." in repr(result)
    result.save(tmp_path / "new.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "new.png")), pixels)


def test_a_reject_says_why():
    result = augmented_photo("no fruit could be isolated")
    assert result.image is None and result._repr_png_() is None and result.box is None
    assert "no fruit could be isolated" in repr(result)
    with pytest.raises(ValueError, match="no fruit could be isolated"):
        result.save("new.png")


def test_the_parts_of_a_merged_photo_fit_together(pixels):
    results = AGA(segmenter=GrabCut()).augment_image(pixels, "fruit", n=2)
    for result in results:
        assert result.mask.any() and not result.mask.all()
        outside = ~result.mask
        assert np.array_equal(result.image[outside], result.background[outside])
