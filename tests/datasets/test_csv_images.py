"""Images listed by a CSV or TSV file: columns, splits, rows, and what is refused."""

from pathlib import Path

import pytest
from PIL import Image

from aga_lightning.datasets.csv_images import CsvImages
from aga_lightning.images.records import DatasetError


def listed(home, text, **settings):
    (home / "photos.csv").write_bytes(text.encode())
    return CsvImages(str(home / "photos.csv"), **settings)


def rows(counts):
    return "path,label\n" + "".join(f"{name}/{n}.jpg,{name}\n" for name, count in counts.items() for n in range(count))


def names_of(data, split):
    return [record.path.relative_to(data.folder).as_posix() for record in data.records(split)]


FULL = (
    "\ufefflabel;split;path;group;x1;y1;x2;y2;mask;more\r\n"
    '"owl; barn";Training;a/1.jpg;north;0;0;9;9;m.png;\r\n'
    '"owl; barn";train;a/1.jpg;north;0;0;4;4;m.png;\r\n'
    "wren; train ;a\\2.jpg;south;;;;;;\r\n"
    "\r\n"
    "wren;dev;b/3.jpg;south;1;2;3;4;;\r\n"
    "wren;TEST;b/4.jpg;;;;;;;\r\n"
)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_all_columns_are_read_and_the_largest_box_of_an_image_counts(tmp_path, delimiter):
    Image.new("L", (4, 4)).save(tmp_path / "m.png")
    data = listed(tmp_path, FULL.replace(";", delimiter).replace(f"owl{delimiter}", "owl;"))
    assert data.classes == ("owl; barn", "wren")
    first, second = data.records("train")
    assert (first.path, first.label, first.box) == (tmp_path / "a" / "1.jpg", 0, (0, 0, 9, 9))
    assert (first.group, first.mask_path, first.superclass) == ("north", tmp_path / "m.png", "owl; barn")
    assert (second.path, second.box, second.mask_path) == (tmp_path / "a" / "2.jpg", None, None)
    assert [record.box for record in data.records("val")] == [(1, 2, 3, 4)]
    assert names_of(data, "test") == ["b/4.jpg"]
    counts = [f"1 of 2 training images have no {what} in {tmp_path / 'photos.csv'}." for what in ("box", "mask")]
    groups = "1 of 1 groups of val train too, such as south, so that val does not show new groups alone."
    assert data.remarks() == [groups, *counts]


def test_columns_are_named_or_left_out_by_settings(tmp_path):
    text = "file,kind,split,part,l,t,r,b\n" + "".join(
        f"{n}.jpg,{n % 2},?,{part},1,1,2,2\n" for n, part in enumerate(["train", "train", "val", "val"])
    )
    names = {"path_column": "file", "label_column": "kind", "split_column": "part", "box_columns": list("ltrb")}
    data = listed(tmp_path, text, superclasses="bird", **names)
    assert data.records("test") == data.records("val") and names_of(data, "val") == ["2.jpg", "3.jpg"]
    assert {(record.superclass, record.box) for record in data.records("val")} == {("bird", (1, 1, 2, 2))}
    data = listed(tmp_path, text, **names | {"split_column": "", "box_columns": []})
    assert len(names_of(data, "train")) == 2 and data.records("train")[0].box is None


def test_without_splits_the_test_images_are_not_those_that_validate(tmp_path):
    text = rows({"owl": 20, "wren": 10, "heron": 3})
    data = listed(tmp_path, text)
    sets = [set(names_of(data, split)) for split in ("train", "val", "test")]
    assert [len(one) for one in sets] == [19, 7, 7] and len(set.union(*sets)) == 33
    head, *lines = text.splitlines()
    again = listed(tmp_path, "\n".join([head, *reversed(lines)]))
    assert [set(names_of(again, split)) for split in ("train", "val", "test")] == sets
    assert set(names_of(listed(tmp_path, text, split_seed=1), "test")) != sets[2]
    without = listed(tmp_path, text, test_fraction=0)
    assert names_of(without, "test") == names_of(without, "val")


def test_validation_images_are_held_out_if_the_file_names_only_test_images(tmp_path):
    lines = [f"{n}.jpg,{n % 2},{'test' if n > 7 else 'train'}" for n in range(12)]
    data = listed(tmp_path, "\n".join(["path,label,split", *lines]))
    assert names_of(data, "test") == ["8.jpg", "9.jpg", "10.jpg", "11.jpg"]
    assert len(names_of(data, "train")) == 6 and len(names_of(data, "val")) == 2


def taken(cameras):
    """Images of two classes by cameras: a name and the numbers of owls and wrens each."""
    lines = [
        f"{camera}/{label}{n}.jpg,{label},{camera}"
        for camera, *counts in cameras
        for label, count in zip(("owl", "wren"), counts, strict=True)
        for n in range(count)
    ]
    return "\n".join(["File,Species,Camera", *lines])


def test_no_camera_is_in_two_splits_if_the_file_has_none(tmp_path):
    text = taken([(f"c{n}", n, 12 - n) for n in range(10)])
    data = listed(tmp_path, text)
    cameras = {split: {record.group for record in data.records(split)} for split in ("train", "val", "test")}
    assert set.union(*cameras.values()) == {f"c{n}" for n in range(10)} and all(cameras.values())
    assert sum(map(len, cameras.values())) == 10
    assert [len(data.records(split)) for split in cameras] == [72, 24, 24]
    mixed = listed(tmp_path, text, keep_groups=False)
    assert {record.group for record in mixed.records("test")} & {record.group for record in mixed.records("train")}


def test_groups_are_too_few_to_validate_on_if_each_class_has_one(tmp_path):
    text = taken([("north", 9, 0), ("south", 0, 9)])
    with pytest.raises(DatasetError, match=r"too few groups to validate on some of them: .* keep_groups to false"):
        listed(tmp_path, text).records("train")


def test_whole_numbers_are_sorted_as_numbers(tmp_path):
    assert listed(tmp_path, rows({"10": 2, "9": 2})).classes == ("9", "10")


@pytest.mark.parametrize(
    ("text", "settings", "complaint"),
    [
        ("path,label\n", {"group_column": "camera"}, r"no column 'camera'; its columns are path, label.* group_column"),
        ("path,label\n", {"box_columns": list("ltrb")}, r"no column 'l'; .* box_columns"),
        ("path,label,path\n", {}, r"has the column 'path' twice"),
        ("path,label\n", {}, r"photos.csv has no row below its header"),
        ("path,label\n1.jpg,a,b\n", {}, r"line 2: 3 fields stand below a header of 2"),
        ("path,label\n1.jpg,\n,a\n", {}, r"line 2: the column 'label' is empty; .*line 3: the column 'path' is empty"),
        ("path,label\n2.jpg,a\n2.jpg,b\n", {}, r"line 3: '2.jpg' is also in line 2"),
        ("path,label\n1.jpg,a\n1.jpg,a\n", {}, r"line 3: '1.jpg' is also in line 2"),
        ("path,label\n1.jpg,a\n", {}, r"has one training image a class"),
        ("path,label,split\n1.jpg,a,trian\n", {}, r"line 2: 'trian' is no split: write train, val or test"),
        ("path,label,split\n1.jpg,a,val\n2.jpg,a,test\n", {}, r"photos.csv has no row of the split train"),
        ("path,label,split\n1.jpg,owl,train\n2.jpg,owls,val\n", {}, r"'owls' in .*, line 3, is unknown: .* owl"),
        ("path,label,mask\n1.jpg,a,m.png\n", {}, r"line 2: there is no mask .*m.png"),
        ("path,label,x1,y1,x2,y2\n1.jpg,a,5,5,1,1\n", {}, r"line 2: '5 5 1 1' is no box"),
        ("path,label\n../1.jpg,a\n", {}, r"line 2: '../1.jpg' leads out of .*follow_links true allows"),
        ("path,label\n/etc/1.jpg,a\n", {}, r"line 2: '/etc/1.jpg' leads out of "),
        ("path,label\nlink/1.jpg,a\nlink.jpg,a\n", {}, r"line 2: 'link/1.jpg' leads .*line 3: 'link.jpg' leads "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(tmp_path, text, settings, complaint):
    home = tmp_path / "home"
    home.mkdir()
    (home / "link").symlink_to(tmp_path)
    (home / "link.jpg").symlink_to(tmp_path / "1.jpg")
    with pytest.raises(DatasetError, match=complaint) as caught:
        data = listed(home, text, **settings)
        [data.records(split) for split in ("train", "val")]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["link/1.jpg", "../1.jpg", "{}/1.jpg"])
def test_paths_may_lead_out_of_the_folder_if_it_is_allowed(tmp_path, name):
    home = tmp_path / "home"
    home.mkdir()
    (home / "link").symlink_to(tmp_path)
    text = f"path,label\n{name.format(tmp_path)},a\n2.jpg,a\n3.jpg,a\n"
    data = listed(home, text, follow_links=True)
    paths = [record.path for split in ("train", "val", "test") for record in data.records(split)]
    assert (tmp_path / "1.jpg").resolve() in [path.resolve() for path in paths]


def test_paths_are_relative_to_the_folder_and_absolute_ones_may_lie_in_it(tmp_path):
    photos = tmp_path / "photos"
    data = listed(tmp_path, f"path,label\n1.jpg,a\n{photos}/2.jpg,a\n3.jpg,a\n", folder=str(photos))
    assert {path for split in ("train", "val", "test") for path in names_of(data, split)} == {"1.jpg", "2.jpg", "3.jpg"}


def test_a_missing_file_and_wrong_fractions_are_told(tmp_path):
    with pytest.raises(DatasetError, match=r"none.csv is missing: set `file` to"):
        _ = CsvImages(str(tmp_path / "none.csv")).classes
    with pytest.raises(DatasetError, match=r"sum below 1, not 0.5 and 0.5"):
        CsvImages(Path("photos.csv"), val_fraction=0.5, test_fraction=0.5)
