"""The sets on disk. Each class of the photos has a background and a subject of its own colours."""

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from aga_lightning.augment.engine.store import Store
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.images.samples import load_sample
from aga_lightning.training.background_sets.pairing import MIXED, SETS, WITHOUT_SUBJECT
from aga_lightning.training.background_sets.sets import BackgroundSets

CLASSES = ("heron", "./owl", "wren")
SIZES = [(24, 16), (20, 30), (31, 17)]


def background_of(label):
    return (20 + 60 * label, 200, 90)


def subject_of(label):
    return (240, 30, 20 + 60 * label)


def write_photo(folder, label, number):
    """A photo with an elliptic subject at a place of its own, and its mask, in which values above 150 are subject."""
    width, height = SIZES[number % 3]
    rows, columns = np.mgrid[:height, :width]
    mask = ((columns - 6 - number) / 5.5) ** 2 + ((rows - 8) / 4.5) ** 2 < 1
    image = np.where(mask[..., None], subject_of(label), background_of(label)).astype(np.uint8)
    path, mask_path = folder / f"{label}_{number}.png", folder / f"{label}_{number}_mask.png"
    Image.fromarray(image).save(path)
    Image.fromarray(np.where(mask, 200, 100).astype(np.uint8)).save(mask_path)
    box = (3.0, 4.0, 10.0, 12.0) if number == 0 else None
    return ImageRecord(path, label, CLASSES[label], "bird", box, mask_path, 150, group=f"site {number}")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return [write_photo(folder, label, number) for label in range(3) for number in range(4)]


def make(photos, folder, names="all", **settings):
    return BackgroundSets(names, Store(folder), **settings).records(photos)


def contents(folder):
    """All files that are data, by their place."""
    root = folder / "background_sets"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def colours(values):
    return {tuple(int(channel) for channel in pixel) for pixel in values.reshape(-1, 3)}


def test_each_set_shows_what_its_name_says(photos, tmp_path):
    sets = make(photos, tmp_path / "cache")
    assert list(sets) == list(SETS)
    for index, photo in enumerate(photos):
        sample = load_sample(photo, "", None)
        image, mask, label = sample.image, sample.mask, photo.label
        shown = {name: pixels(records[index].path) for name, records in sets.items()}
        assert {picture.shape for picture in shown.values()} == {image.shape}
        for name in ("only_fg", *MIXED):
            assert (shown[name][mask] == image[mask]).all(), name
        assert colours(shown["only_fg"][~mask]) == {(0, 0, 0)}
        assert colours(shown["no_fg"][mask]) == {(0, 0, 0)}
        assert (shown["no_fg"][~mask] == image[~mask]).all()
        assert colours(shown["only_bg_b"]) == {(0, 0, 0), background_of(label)}
        assert colours(shown["only_bg_t"]) == {background_of(label)}
        # One colour behind the subject, and that of a background: nothing of the lender's own subject is left.
        assert colours(shown["mixed_same"][~mask]) == {background_of(label)}
        assert colours(shown["mixed_next"][~mask]) == {background_of((label + 1) % 3)}
        random_background = colours(shown["mixed_rand"][~mask])
        assert len(random_background) == 1 and random_background < {background_of(other) for other in range(3)}


def test_the_records_are_those_of_the_subjects(photos, tmp_path):
    for name, records in make(photos, tmp_path / "cache").items():
        assert [(r.label, r.class_name, r.group) for r in records] == [(p.label, p.class_name, p.group) for p in photos]
        for record, photo in zip(records, photos, strict=True):
            if name in WITHOUT_SUBJECT:
                assert (record.has_subject, record.mask_path, record.box) == (False, None, None)
            else:
                assert (record.superclass, record.box) == ("bird", photo.box)
                assert (load_sample(record, "", None).mask == load_sample(photo, "", None).mask).all()


def test_files_lie_in_class_folders_that_every_system_takes(photos, tmp_path):
    paths = {record.path for record in make(photos, tmp_path / "cache", "only_fg")["only_fg"]}
    assert {path.parent.name for path in paths} == {"heron", ".%2Fowl", "wren"}
    assert all(path.parents[1].name == "only_fg" for path in paths)
    assert len(paths) == 12


def test_large_photos_are_shrunk_with_mask_and_box(tmp_path):
    image, mask = np.full((300, 2048, 3), 90, np.uint8), np.zeros((300, 2048), np.uint8)
    mask[100:200, 400:800] = 255
    Image.fromarray(image).save(tmp_path / "wide.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    photo = ImageRecord(tmp_path / "wide.png", 0, "a", "a", (400, 100, 800, 200), tmp_path / "mask.png")
    record = make([photo], tmp_path / "cache", "only_fg")["only_fg"][0]
    sample = load_sample(record, "", None)
    assert sample.image.shape == (150, 1024, 3)
    assert record.box == (200, 50, 400, 100)
    assert (np.argwhere(sample.mask).min(axis=0).tolist(), sample.mask.sum()) == ([50, 200], 50 * 200)


def test_finished_files_are_not_made_again_and_lost_ones_are(photos, tmp_path):
    sets = make(photos, tmp_path / "cache")
    first = contents(tmp_path / "cache")
    stamps = {record.path: record.path.stat().st_mtime_ns for records in sets.values() for record in records}
    lost = sets["mixed_rand"][4].path
    lost.unlink()
    again = make(photos, tmp_path / "cache")
    assert again == sets
    assert [path for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp] == [lost]
    assert contents(tmp_path / "cache") == first


def test_neither_order_nor_the_sets_beside_it_nor_the_place_change_a_file(photos, tmp_path):
    make(photos, tmp_path / "one")
    for name in reversed(SETS):
        backwards = make(photos[::-1], tmp_path / "two", [name])
        assert [record.label for record in backwards[name]] == [photo.label for photo in photos[::-1]]
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def fork(work, *arguments):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(*arguments)
            status = 0
        finally:
            os._exit(status)
    return child


def test_of_several_processes_one_makes_the_files(photos, tmp_path):
    make(photos, tmp_path / "alone")
    children = [fork(make, photos, tmp_path / "cache") for _ in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert contents(tmp_path / "cache") == contents(tmp_path / "alone")
    index = next((tmp_path / "cache" / "index" / "background_sets").iterdir())
    lines = [line for journal in index.glob("rank-*.jsonl") for line in journal.read_text().splitlines()]
    assert len(lines) == len(set(lines)) == 12 + 12 * (len(SETS) + 1), "a file was made twice"


def test_an_unknown_name_is_told_with_those_that_are_known(tmp_path):
    with pytest.raises(DatasetError, match=r"no background set 'only_bg': .*only_fg, .*, mixed_next; or say all"):
        BackgroundSets(["only_fg", "only_bg"], Store(tmp_path))


def test_without_any_mask_it_is_said_who_ships_them(photos, tmp_path):
    bare = [replace(photo, mask_path=None) for photo in photos]
    with pytest.raises(DatasetError, match=r"no test image has one\. FieldGuide ships masks, .* CUB .*`masks`"):
        make(bare, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def paint_mask(photo, value):
    mask = np.full(np.asarray(Image.open(photo.mask_path)).shape, value, np.uint8)
    Image.fromarray(mask).save(photo.mask_path)


def test_photos_that_would_make_no_sense_are_left_out_and_counted(photos, tmp_path):
    photos[0] = replace(photos[0], mask_path=None)
    paint_mask(photos[1], 0)
    paint_mask(photos[2], 255)
    photos[4] = replace(photos[4], box=(0, 0, 24, 16))
    with pytest.warns(UserWarning) as caught:
        sets = make(photos, tmp_path / "cache")
    message = str(caught[0].message)
    assert "of 12 test images 1 have no mask;" in message
    every = "only_fg, no_fg, only_bg_b, only_bg_t, mixed_same, mixed_rand, mixed_next"
    assert f"{every} go without 1: the mask is empty" in message
    assert f"{every} go without 1: the mask covers the whole image" in message
    assert "only_bg_b, only_bg_t go without 1: the box around the subject covers more than 90%" in message
    assert "mixed_same, mixed_rand, mixed_next go without 1: no other photo of the class can give" in message
    mixed = [photo.path.stem for photo in photos[4:]]
    assert [record.path.stem[:3] for record in sets["only_fg"]] == ["0_3", *mixed]
    assert [record.path.stem[:3] for record in sets["only_bg_t"]] == ["0_3", *mixed[1:]]
    assert {tuple(record.path.stem[:3] for record in sets[name]) for name in MIXED} == {tuple(mixed)}


def test_a_set_that_would_be_empty_is_an_error_with_the_reason(photos, tmp_path):
    with pytest.raises(DatasetError, match=r"mixed_same, mixed_rand, mixed_next would be empty: .* no other photo"):
        make(photos[::4], tmp_path / "cache")


@pytest.mark.parametrize("broken", ["path", "mask_path"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_unreadable_files_stop_it_or_are_left_out(photos, tmp_path, broken, how):
    file = getattr(photos[5], broken)
    file.unlink() if how == "missing" else file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(ImageReadError, match=file.name):
        make(photos, tmp_path / "cache")
    with pytest.warns(UserWarning, match="of 12 test images 1 cannot be read, or their masks cannot"):
        sets = make(photos, tmp_path / "cache", skip_unreadable=True)
    assert {len(records) for records in sets.values()} == {11}
