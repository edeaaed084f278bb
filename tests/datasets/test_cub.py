"""CUB-200-2011 in its authors' layout: splits, boxes, masks, faults in the lists, the download and the command line."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny.cub import write_cub

from aga_lightning.datasets import cub
from aga_lightning.datasets.cub import CUB
from aga_lightning.images.records import DatasetError
from aga_lightning.images.samples import load_sample

LISTS = ("images", "image_class_labels", "train_test_split", "bounding_boxes", "classes")


@pytest.fixture
def root(tmp_path):
    """A tree of three classes with seven training images and one test image each."""
    return write_cub(tmp_path)


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory):
    return write_cub(tmp_path_factory.mktemp("cub"))


def ids(records):
    """The ids of images, which the small tree has in its file names."""
    return [int(record.path.stem.rpartition("_")[2]) for record in records]


def everything(dataset):
    return [record for split in ("train", "val", "test") for record in dataset.records(split)]


def edit(root, name, line, text):
    """Put a text in place of a line (from 1) of a list, or behind the last."""
    path = root / f"{name}.txt"
    lines = path.read_text().splitlines()
    lines[line - 1 : line] = [text] if text is not None else []
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


TEST = [2, 10, 18]
FIRST_TWO = [1, 3, 9, 11, 17, 19]
LAST_FIVE = [*range(4, 9), *range(12, 17), *range(20, 25)]


@pytest.mark.parametrize(
    ("split", "train", "val"),
    [("holdout", FIRST_TWO, LAST_FIVE), ("alia", FIRST_TWO, TEST), ("official", sorted(FIRST_TWO + LAST_FIVE), TEST)],
)
def test_each_split_holds_out_what_it_says(shared_root, split, train, val):
    dataset = CUB(str(shared_root), split=split)
    assert ids(dataset.records("train")) == train
    assert ids(dataset.records("val")) == val
    assert ids(dataset.records("test")) == TEST
    assert dataset.ood_records() == {}


def test_the_last_five_are_those_of_images_txt_whatever_their_ids(root):
    lines = (root / "images.txt").read_text().splitlines()
    (root / "images.txt").write_text("\n".join(lines[::-1]))
    held_out = ids(CUB(str(root)).records("val"))
    assert sorted(held_out) == sorted([1, *range(3, 7), 9, *range(11, 15), 17, *range(19, 23)])
    assert held_out == sorted(held_out, reverse=True)


def test_extra_adds_what_alia_holds_out_to_training_alone(shared_root):
    dataset = CUB(str(shared_root), split="alia", extra=True)
    assert ids(dataset.records("train")) == sorted(FIRST_TWO + LAST_FIVE)
    assert ids(dataset.records("val")) == ids(dataset.records("test")) == TEST


@pytest.mark.parametrize(("split", "why"), [("holdout", "validates on those"), ("official", "trains on those images")])
def test_extra_is_refused_where_it_would_leak_or_change_nothing_and_unknown_splits_are(split, why):
    with pytest.raises(DatasetError, match="'test'; choose holdout, official or alia"):
        CUB("anywhere", split="test")
    with pytest.raises(DatasetError, match=f"{split} {why}.*set split to alia"):
        CUB("anywhere", split=split, extra=True)


def test_a_record_is_what_the_five_files_say(shared_root):
    record = CUB(str(shared_root)).records("train")[2]
    name = "002.Laysan_Albatross/Laysan_Albatross_0001_9"
    assert record.path == shared_root / "images" / f"{name}.jpg"
    assert record.mask_path == shared_root / "segmentations" / f"{name}.png"
    assert (record.label, record.class_name, record.superclass) == (1, "Laysan Albatross", "bird")
    words = (shared_root / "bounding_boxes.txt").read_text().splitlines()[8].split()
    left, top, width, height = map(float, words[1:])
    assert record.box == (left, top, left + width, top + height)


def test_a_mask_is_what_more_than_half_of_the_annotators_drew(shared_root):
    """The small tree's boxes are drawn around the discs, whose masks are generous and stingy by a pixel or two."""
    for record in everything(CUB(str(shared_root))):
        rows, columns = np.nonzero(load_sample(record, "", None).mask)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == record.box


@pytest.mark.parametrize("masks", ["inside", "beside"])
def test_the_masks_lie_inside_or_beside_the_folder(tmp_path, masks):
    root = write_cub(tmp_path, masks=masks)
    for given_root in (root, tmp_path):
        records = everything(CUB(str(given_root)))
        assert all(record.mask_path.is_file() for record in records)
    assert {record.mask_path for record in everything(CUB(str(root), masks=False))} == {None}


def test_without_the_folder_of_masks_no_record_has_one(tmp_path):
    dataset = CUB(str(write_cub(tmp_path, masks=None)))
    assert {record.mask_path for record in everything(dataset)} == {None}
    assert any("no folder segmentations" in remark for remark in dataset.remarks())
    assert not any("segmentations" in remark for remark in CUB(str(tmp_path), masks=False).remarks())


def test_classes_are_read_late_and_from_their_own_file(root):
    for name in LISTS[:4]:
        (root / f"{name}.txt").write_text("rubbish")
    dataset = CUB(str(root))
    assert dataset.classes == ("Black footed Albatross", "Laysan Albatross", "Sooty Albatross")
    assert dataset.num_classes == 3


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, ["bird", "bird", "bird"]),
        ("seabird", ["seabird"] * 3),
        ({"Laysan Albatross": "albatross"}, ["bird", "albatross", "bird"]),
    ],
)
def test_superclasses_are_birds_unless_set(shared_root, setting, expected):
    dataset = CUB(str(shared_root), superclasses=setting)
    assert [dataset.superclass(name) for name in dataset.classes] == expected
    assert {record.superclass for record in dataset.records("train")} == set(expected)


FAULTS = {
    "too few fields": ("images", 3, "3", r"images.txt, line 3: '3' is not of the form <image id> <path>"),
    "a space in a path": ("images", 3, "3 a b.jpg", r"images.txt, line 3: '3 a b.jpg' is not of the form"),
    "an empty line": ("bounding_boxes", 5, "", r"bounding_boxes.txt, line 5: '' is not of the form <image id> <x> <y>"),
    "no id": ("train_test_split", 2, "two 0", r"train_test_split.txt, line 2: image id 'two' is no whole number"),
    "a superscript as id": ("images", 2, "² a.jpg", r"images.txt, line 2: .* is no whole number"),
    "an id twice": ("image_class_labels", 4, "3 1", r"labels.txt, line 4: image id 3 is that of line 3"),
    "an unknown id": ("image_class_labels", 4, "99 1", r"labels.txt, line 4: image 99 is not in images.txt"),
    "an id that is missing": ("train_test_split", 4, None, r"images.txt, line 4: train_test_split.txt lacks 1 images"),
    "an unknown class": ("image_class_labels", 24, "24 4", r"labels.txt, line 24: class '4' is not in classes.txt"),
    "class 0": ("image_class_labels", 1, "1 0", r"labels.txt, line 1: class '0' is not in classes.txt"),
    "no class": ("image_class_labels", 1, "1 ²", r"labels.txt, line 1: class '²' is not in classes.txt"),
    "no side": ("train_test_split", 7, "7 2", r"split.txt, line 7: '2' is neither 1 for training nor 0"),
    "a word in a box": ("bounding_boxes", 6, "6 1 2 x 4", r"boxes.txt, line 6: '1 2 x 4' is no box"),
    "a box without width": ("bounding_boxes", 6, "6 1 2 0 4", r"boxes.txt, line 6: '1 2 0 4' is no box"),
    "a box without end": ("bounding_boxes", 6, "6 1 2 inf 4", r"boxes.txt, line 6: '1 2 inf 4' is no box"),
    "an image twice": (
        *("images", 2, "2 001.Black_footed_Albatross/Black_Footed_Albatross_0001_1.jpg"),
        r"images.txt, line 2: .* is also image 1",
    ),
    "classes without the second": ("classes", 2, None, r"classes.txt does not number its classes 1, 2, 3"),
    "a class without a name": ("classes", 2, "2 002.", r"classes.txt, line 2: the class has no name after a dot"),
    "a class twice": ("classes", 3, "3 003.Laysan_Albatross", r"line 3: the class has the name 'Laysan Albatross' of"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_garbled_list_is_named_with_its_line_and_the_remedy(root, fault):
    name, line, text, message = FAULTS[fault]
    path = edit(root, name, line, text)
    with pytest.raises(DatasetError, match=f"{message}.*: take the file from CUB_200_2011.tgz again") as raised:
        CUB(str(root)).records("train")
    assert "\n" not in str(raised.value)
    assert str(path.parent) in str(raised.value)


@pytest.mark.parametrize(
    "path", ["/etc/a.jpg", "../a.jpg", "a/../../a.jpg", r"..\a.jpg", r"C:\a.jpg", "C:a.jpg", r"\\host\share\a.jpg", "."]
)
def test_no_path_leads_out_of_the_folder_of_images(root, path):
    edit(root, "images", 5, f"5 {path}")
    with pytest.raises(DatasetError, match=r"images.txt, line 5: .* is no file in the folder images"):
        CUB(str(root)).records("train")


def test_a_missing_data_set_is_named_and_the_guide_says_where_it_is(tmp_path):
    dataset = CUB(str(tmp_path / "birds"))
    for ask in (lambda: dataset.classes, lambda: dataset.num_classes, lambda: dataset.records("train")):
        with pytest.raises(
            DatasetError, match=r"birds/CUB_200_2011/images.txt does not exist: set --data.dataset.root"
        ):
            ask()
    for words in (
        "https://data.caltech.edu/records/65de6-vp158",
        "records/w9d68-gec53",
        "  CUB_200_2011/\n",
        "images/",
    ):
        assert words in dataset.guide()


def test_a_class_that_a_split_leaves_without_training_images_is_named(tmp_path):
    root = write_cub(tmp_path, per_class=6)
    with pytest.raises(DatasetError, match="holdout without training images of 3 classes, such as 'Black footed Alb"):
        CUB(str(root)).records("train")
    assert len(CUB(str(root), split="official").records("train")) == 15


def test_a_split_without_test_images_is_named(root):
    (root / "train_test_split.txt").write_text("".join(f"{row} 1\n" for row in range(1, 25)))
    with pytest.raises(DatasetError, match=r"train_test_split.txt leaves no image for test"):
        CUB(str(root)).records("test")


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.sampled_from(LISTS), st.integers(0, 3), st.text(max_size=30) | st.sampled_from(["1 1", "1 1e400 1 1 1", "1 ."])
)
def test_no_text_in_a_list_ends_in_another_error(tmp_path_factory, name, kept, text):
    root = tmp_path_factory.mktemp("garbled") / "CUB_200_2011"
    root.mkdir()
    rows = {
        "images": [f"{row} 001.A/{row}.jpg" for row in range(1, 4)],
        "image_class_labels": [f"{row} 1" for row in range(1, 4)],
        "train_test_split": ["1 1", "2 1", "3 0"],
        "bounding_boxes": [f"{row} 1.0 1.0 2.0 2.0" for row in range(1, 4)],
        "classes": ["1 001.A"],
    }
    rows[name] = [*rows[name][:kept], text]
    for each, lines in rows.items():
        (root / f"{each}.txt").write_text("\n".join(lines), encoding="utf-8", errors="replace")
    try:
        records = CUB(str(root), split="official").records("train")
    except DatasetError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert all(record.path.is_relative_to(root / "images") for record in records)


def test_remarks_tell_unlisted_images_other_counts_and_missing_masks(root):
    folder = root / "images" / "001.Black_footed_Albatross"
    for number in range(4):
        shutil.copy(next(folder.glob("*_1.jpg")), folder / f"stray_{number}_rgb.jpg")
    (folder / ".hidden.jpg").touch()
    (folder / "notes.txt").touch()
    dataset = CUB(str(root))
    masks = [record.mask_path for record in dataset.records("train")[:2]]
    for mask in masks:
        mask.unlink()
    assert [record.mask_path is None for record in dataset.records("train")] == [True, True] + 4 * [False]
    strays = ", ".join(f"001.Black_footed_Albatross/stray_{number}_rgb.jpg" for number in range(3))
    missing = ", ".join(mask.relative_to(root / "segmentations").as_posix() for mask in masks)
    assert dataset.remarks() == [
        "3 classes where 200 are published.",
        "24 images where 11,788 are published.",
        "21 training images where 5,994 are published.",
        "3 test images where 5,794 are published.",
        f"{root / 'images'} holds 4 images (such as {strays}) that images.txt does not list; they are unused.",
        f"{root / 'segmentations'} lacks 2 masks (such as {missing}); those images have none.",
    ]


@pytest.fixture
def fetched(monkeypatch):
    """Stands in for the network: notes what is fetched where, and writes the small tree there."""
    calls = []

    def fetch_archive(archive, folder, member):
        calls.append((archive.url.rpartition("/")[2], folder, member))
        if member == "CUB_200_2011":
            write_cub(folder, masks=None)
        else:
            (folder / member).mkdir()
        return folder / member

    monkeypatch.setattr(cub, "fetch_archive", fetch_archive)
    return calls


@pytest.mark.parametrize("root", ["birds", "birds/CUB_200_2011"])
def test_a_download_makes_the_folder_that_root_names_or_one_below_it(tmp_path, root, fetched):
    dataset = CUB(str(tmp_path / root), download=True)
    assert dataset.num_classes == 200  # before anything is fetched
    dataset.prepare()
    birds = tmp_path / "birds"
    assert fetched == [
        ("CUB_200_2011.tgz", birds, "CUB_200_2011"),
        ("segmentations.tgz", birds / "CUB_200_2011", "segmentations"),
    ]
    assert dataset.num_classes == 3
    assert len(everything(dataset)) == 24
    dataset.prepare()
    assert len(fetched) == 2


def test_nothing_is_fetched_that_is_there_or_not_asked_for(tmp_path, fetched):
    CUB(str(tmp_path / "none")).prepare()
    CUB(str(write_cub(tmp_path / "whole", masks="beside")), download=True).prepare()
    bare = write_cub(tmp_path / "bare", masks=None)
    CUB(str(bare), masks=False, download=True).prepare()
    assert fetched == []
    CUB(str(bare), download=True).prepare()
    assert fetched == [("segmentations.tgz", bare, "segmentations")]


def test_a_folder_that_stands_in_the_way_of_a_download_is_named(tmp_path, fetched):
    (tmp_path / "birds" / "CUB_200_2011" / "images").mkdir(parents=True)
    for root in ("birds", "birds/CUB_200_2011"):
        with pytest.raises(DatasetError, match=r"CUB_200_2011 is there without images\.txt: move it away"):
            CUB(str(tmp_path / root), download=True).prepare()
    assert fetched == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "is missing: take the file"), (b"", "is empty"), (b"1 \xff\n", "cannot be read .*utf-8")],
)
@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_is_missing_empty_or_of_bytes_is_named(root, name, content, complaint):
    path = root / f"{name}.txt"
    path.write_bytes(content) if content is not None else path.unlink()
    if name == "bounding_boxes":
        assert {record.box for record in everything(CUB(str(root), boxes=False))} == {None}, "it is not asked for"
    if (name, content) != ("images", None):  # without that list there is no data set
        with pytest.raises(DatasetError, match=rf"{name}\.txt {complaint}"):
            CUB(str(root)).records("train")
