"""What is exported, under which names, with which columns and bytes."""

import hashlib
import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tiny.captioned import collected
from tiny.profiles import display_p3

from aga_lightning.exporting.aside import ExportError
from aga_lightning.exporting.items import Item, finished_items, names_of, plain_content, rows_of, with_originals
from aga_lightning.images.reading import ImageReadError, read_image


def test_only_what_is_finished_and_accepted_is_there(disc_records, tmp_path):
    found = finished_items(collected(disc_records, tmp_path, degree=3, made=7, refuse=[1]))
    # Of 24 requests, those of two records and one of a third are finished; the middle variant of each is refused.
    assert (found.asked, found.accepted, len(found.rejected), found.missing) == (24, 5, 2, 17)
    assert [(item.record.path.stem, item.variant) for item in found.items] == [
        *(("plum_0", 0), ("plum_0", 2), ("plum_1", 0), ("plum_1", 2), ("plum_2", 0))
    ]
    assert {row["class"] for row in found.rejected} == {"plum"}


def test_an_image_file_is_there_once(disc_records, tmp_path):
    twin = disc_records[0].path.with_name("twin.png")
    shutil.copy(disc_records[0].path, twin)
    found = finished_items(collected([disc_records[0], replace(disc_records[0], path=twin)], tmp_path))
    assert (found.asked, found.accepted, len(found.items)) == (4, 4, 2)


def test_a_damaged_augmentation_is_not_exported(disc_records, tmp_path):
    item = finished_items(collected(disc_records[:1], tmp_path)).items[0]
    data = item.path.read_bytes()
    assert item.content() == (data, ".jpg")
    item.path.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    with pytest.raises(ExportError, match=r"\.jpg is not what was written there: run check --store true"):
        item.content()


def test_training_images_follow(disc_records, tmp_path):
    bare = replace(disc_records[-1], superclass="")
    collection = collected([disc_records[0], bare], tmp_path)
    items = with_originals(finished_items(collection).items, collection)
    assert [(item.record.path.stem, item.variant) for item in items] == [
        *(("plum_0", 0), ("plum_0", 1), ("plum_0", None), ("lime_3", None))
    ]


def test_columns_are_the_same_for_all(disc_records, tmp_path):
    collection = collected(disc_records[:1], tmp_path, degree=1)
    augmented, original = rows_of(with_originals(finished_items(collection).items, collection))
    digest = hashlib.sha256(disc_records[0].path.read_bytes()).hexdigest()
    assert augmented == {
        "label": 0,
        "class": "plum",
        "augmented": True,
        "source": "plum/plum_0.png",
        "source_sha256": digest,
        "variant": 0,
        "caption": "été number 0",
        "box": [0, 1.5, 20, 20],
    }
    none = {"augmented": False, "variant": None, "caption": None, "box": None}
    assert original == augmented | none and list(original) == list(augmented)


def test_names_tell_class_image_and_variant_and_stay_apart(disc_records):
    record = disc_records[0]
    paths = ["a b.png", "a.b.png", "été-0.png", "été.png"]
    items = [Item(record.path, replace(record, path=record.path.with_name(name)), None) for name in paths]
    items += [replace(items[-1], variant=0), replace(items[-1], variant=1)]
    assert names_of(items, ["fruit"], "/") == [
        *("fruit/a_b", "fruit/a_b-2", "fruit/ete-0", "fruit/ete", "fruit/ete-0-2", "fruit/ete-1")
    ]


def test_an_augmentation_keeps_its_bytes(disc_records, tmp_path):
    for item in finished_items(collected(disc_records[:1], tmp_path)).items:
        assert item.content() == (item.path.read_bytes(), ".jpg")
    item.path.unlink()
    with pytest.raises(ExportError, match="run the verb augment again"):
        item.content()


def saved(path, image, **options):
    image.save(path, **options)
    return path


@pytest.fixture
def photo():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 14, 3)).astype(np.uint8))


@pytest.mark.parametrize(("name", "suffix"), [("a.jpg", ".jpg"), ("a.JPEG", ".jpg"), ("a.png", ".png")])
def test_a_plain_file_is_copied(tmp_path, photo, name, suffix):
    path = saved(tmp_path / name, photo)
    assert plain_content(path) == (path.read_bytes(), suffix)


def test_the_ending_is_that_of_the_content(tmp_path, photo):
    path = saved(tmp_path / "a.png", photo, format="jpeg")
    assert plain_content(path) == (path.read_bytes(), ".jpg")


def test_grey_and_palette_files_are_copied(tmp_path, photo):
    for mode in ("L", "P"):
        path = saved(tmp_path / f"{mode}.png", photo.convert(mode))
        assert plain_content(path) == (path.read_bytes(), ".png")


def turned(tmp_path, photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(tmp_path / "turned.jpg", photo, exif=exif)


def see_through(tmp_path, photo):
    photo.putalpha(60)
    return saved(tmp_path / "glass.png", photo)


def sixteen_bits(tmp_path, photo):
    return saved(tmp_path / "deep.png", Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160))


def four_inks(tmp_path, photo):
    return saved(tmp_path / "inks.tif", photo.convert("CMYK"))


def wide_colours(tmp_path, photo):
    return saved(tmp_path / "p3.jpg", photo, icc_profile=display_p3())


@pytest.mark.parametrize("make", [turned, see_through, sixteen_bits, four_inks, wide_colours])
def test_what_others_would_read_differently_becomes_a_png(tmp_path, photo, make):
    path = make(tmp_path, photo)
    data, suffix = plain_content(path)
    assert suffix == ".png"
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, dict(image.getexif())) == ("PNG", "RGB", {})
        assert np.array_equal(np.asarray(image), np.asarray(read_image(path)))


def test_a_damaged_training_image_is_told(tmp_path, photo):
    path = saved(tmp_path / "a.png", photo)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ImageReadError, match=r"a\.png"):
        plain_content(path)
