"""The lists of iWildCam: what they say, and each fault with its file, its line and a remedy."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny.iwildcam import ALIA, CLASSES, SPLITS, write_alia, write_wilds

from aga_lightning.datasets.iwildcam.lists import ALIA_LISTS, Frame, read_alia, read_categories, read_wilds
from aga_lightning.images.records import DatasetError

ALL = tuple(ALIA_LISTS)
AGAIN = {
    "alia": "take it again from data/iwildcam_v2.0 of https://github.com/lisadunlap/ALIA",
    "wilds": "take it again",
}


@pytest.fixture
def alia(tmp_path):
    return write_alia(tmp_path / "alia", images=False)


@pytest.fixture
def wilds(tmp_path):
    return write_wilds(tmp_path, images=False)


def change(path, line, column, word):
    """Put a word into a column of a line (from 1) of a list; a column of None is added behind the last."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    if column is None:
        rows[line - 1].append(word)
    else:
        rows[line - 1][rows[0].index(column)] = word
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def word_at(path, line, column):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    return rows[line - 1][rows[0].index(column)]


@pytest.mark.parametrize("packed", [False, True])
def test_alias_lists_are_read_packed_or_not_whatever_index_columns_they_carry(tmp_path, packed):
    frames = read_alia(write_alia(tmp_path, images=False, packed=packed), ALL, CLASSES)
    assert list(frames) == list(ALL)
    for split, (_, locations) in zip(("train", "val", "test", "extra"), ALIA.values(), strict=True):
        assert Counter((frame.location, frame.y) for frame in frames[split]) == {
            (location, y): 2 for location in locations for y in CLASSES
        }
    first = frames["val"][0]
    assert first == Frame(word_at_first(tmp_path / "val_subset.csv", packed), 0, 4)


def word_at_first(path, packed):
    with gzip.open(f"{path}.gz", "rt") if packed else open(path) as file:
        return next(csv.DictReader(file))["filename"]


def test_only_the_asked_lists_of_alia_have_to_be_there(alia):
    (alia / "train_extra_subset.csv").unlink()
    assert list(read_alia(alia, ("train", "val", "test"), CLASSES)) == ["train", "val", "test"]
    with pytest.raises(
        DatasetError, match=r"train_extra_subset.csv is missing: set --data.dataset.csvs to.*take it ag"
    ):
        read_alia(alia, ALL, CLASSES)


def test_metadata_is_read_by_split(wilds):
    frames = read_wilds(wilds)
    assert {split: sorted({frame.location for frame in found}) for split, found in frames.items()} == {
        split: sorted(locations) for split, locations in SPLITS.items()
    }
    assert {frame.y for frame in frames["train"]} == {1, *CLASSES}
    names = [frame.name for found in frames.values() for frame in found]
    assert len(names) == len(set(names)) == 15 * 12


def test_categories_are_numbered_and_none_shares_its_name(wilds):
    names = read_categories(wilds)
    assert list(names) == list(range(56))  # the category without images, 99999, is none
    assert [names[y] for y in (0, 24, 52, 54)] == ["empty", "bos taurus", "madoqua guentheri", "motorcycle"]
    assert names[53] == "mazama temama (53)" and names[55] == "mazama temama (55)"


def test_the_order_of_categories_is_that_of_their_numbers(wilds):
    path = wilds / "categories.csv"
    header, *rows = path.read_text().splitlines()
    names = read_categories(wilds)
    path.write_text("\n".join([header, *rows[::-1]]))
    assert list(read_categories(wilds).items()) == list(names.items())


def test_blank_lines_and_a_byte_order_mark_are_passed_over(wilds):
    path = wilds / "metadata.csv"
    frames = read_wilds(wilds)
    path.write_text("\ufeff" + path.read_text() + "\n\n", encoding="utf-8")
    assert read_wilds(wilds) == frames


WILDS_FAULTS = {
    "an unknown split": (3, "split", "extra", "line 3: 'extra' is no split of WILDS"),
    "no location": (4, "location_remapped", "", "line 4: location_remapped '' is no whole number"),
    "a class in words": (5, "y", "zebra", "line 5: y 'zebra' is no whole number"),
    "a class with a point": (5, "y", "48.0", "line 5: y '48.0' is no whole number"),
    "a superscript": (5, "y", "²", "line 5: y '²' is no whole number"),
    "an unknown class": (6, "y", "56", "line 6: y 56 is no class of this data set"),
    "a field too many": (7, None, "more", "line 7: 12 fields stand below a header of 11"),
    "no column": (1, "y", "label", "line 1: there is no column 'y'"),
}


@pytest.mark.parametrize("fault", WILDS_FAULTS)
def test_a_fault_in_metadata_is_named_with_its_line_and_the_remedy(wilds, fault):
    line, column, word, message = WILDS_FAULTS[fault]
    change(wilds / "metadata.csv", line, column, word)
    with pytest.raises(DatasetError) as raised:
        read_wilds(wilds, range(56))
    assert str(raised.value) == f"{wilds / 'metadata.csv'}, {message}: take it again from the archive " + (
        "iwildcam_v2.0 of WILDS"
    )


def test_a_fault_in_a_list_of_alia_is_named_with_its_line_and_the_remedy(alia):
    change(alia / "val_subset.csv", 9, "y", "50")
    with pytest.raises(DatasetError) as raised:
        read_alia(alia, ALL, CLASSES)
    assert str(raised.value) == f"{alia / 'val_subset.csv'}, line 9: y 50 is no class of this data set: {AGAIN['alia']}"


@pytest.mark.parametrize(
    "name",
    [
        "/etc/a.jpg",
        "../a.jpg",
        "a/b.jpg",
        r"..\a.jpg",
        r"C:\a.jpg",
        "C:a.jpg",
        "..",
        ".",
        "",
        ".a.jpg",
        "a\0.jpg",
        "a\n",
    ],
)
def test_only_a_name_without_a_folder_is_a_file_name(alia, name):
    path = alia / "test_subset.csv"
    change(path, 2, "filename", name)
    with pytest.raises(
        DatasetError, match=r"test_subset.csv, line \d: filename .* is no name of a file without a folder"
    ):
        read_alia(alia, ALL, CLASSES)


@pytest.mark.parametrize(("one", "other"), [("train", "val"), ("train", "extra"), ("val", "test")])
def test_an_image_in_two_lists_of_alia_is_named_with_both(alia, one, other):
    path = alia / ALIA_LISTS[one]
    name = word_at(path, 5, "filename")
    change(alia / ALIA_LISTS[other], 8, "filename", name)
    message = rf"{ALIA_LISTS[other]}, line 8: {name} is in the split {other}, and by line 5 of {path} in {one}: take"
    with pytest.raises(DatasetError, match=message):
        read_alia(alia, ALL, CLASSES)


def test_an_image_twice_in_one_split_is_kept_twice(wilds):
    path = wilds / "metadata.csv"
    change(path, 3, "filename", word_at(path, 2, "filename"))
    first, second = read_wilds(wilds)["train"][:2]
    assert first.name == second.name


CATEGORY_FAULTS = {
    "no number": (4, "y", "two", "line 4: y 'two' is no whole number"),
    "a number twice": (4, "y", "1", "line 4: class 1 is listed before"),
    "no name": (4, "name", "", "line 4: class 2 has no name"),
    "a number left out": (4, "y", "99999", "does not number its classes 0, 1, 2 and so on"),
}


@pytest.mark.parametrize("fault", CATEGORY_FAULTS)
def test_a_fault_in_categories_is_named(wilds, fault):
    line, column, word, message = CATEGORY_FAULTS[fault]
    change(wilds / "categories.csv", line, column, word)
    with pytest.raises(
        DatasetError, match=rf"categories.csv,? {message}: take it again from the archive iwildcam_v2.0"
    ):
        read_categories(wilds)


HEADER = b"split,location_remapped,y,filename\n"


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("metadata.csv", b"", "line 1: there is no column 'split'"),
        ("metadata.csv", b"split\xff\n", "cannot be read .*utf-8"),
        ("metadata.csv", b'split,"y\n', "line 1: unexpected end of data"),
        ("metadata.csv.gz", b"no archive", "cannot be read .*Not a gzipped file"),
        ("metadata.csv.gz", gzip.compress(HEADER, mtime=0)[:-9], "cannot be read .*ended before the end"),
    ],
)
def test_a_file_that_is_no_list_is_named(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=rf"{name},? {complaint}.*: take it again from the archive"):
        read_wilds(tmp_path)


@pytest.mark.parametrize("read", [read_wilds, read_categories])
def test_a_missing_list_of_wilds_is_named(tmp_path, read):
    with pytest.raises(
        DatasetError, match=r"\.csv is missing: set --data.dataset.root to the folder that holds it, or"
    ):
        read(tmp_path)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=40) | st.lists(st.sampled_from(["train", "val", "1", "24", "a.jpg", '"', "\r"])).map(",".join))
def test_no_text_ends_in_another_error_or_in_a_path(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("garbled")
    (folder / "metadata.csv").write_text(f"{HEADER.decode()}{text}", encoding="utf-8", errors="replace", newline="")
    try:
        frames = read_wilds(folder)
    except DatasetError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert all(Path(frame.name).name == frame.name for found in frames.values() for frame in found)
