from pathlib import Path

import pytest

from aga_lightning.datasets.split_folders import find_splits, likely_root, refuse_nested
from aga_lightning.images.records import DatasetError


def made(root, *files):
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Val", "TEST"),
        ("training", "validation", "testing"),
        ("TRAINING", "valid", "Test"),
        ("train", "dev", "test"),
    ],
)
def test_splits_are_known_by_all_their_names(tmp_path, train, val, test):
    made(tmp_path, *(f"{split}/{name}/1.jpg" for split in (train, val, test, "extra") for name in ("owl", "wren")))
    splits = {"train": tmp_path / train, "val": tmp_path / val, "test": tmp_path / test}
    assert find_splits(tmp_path) == splits


@pytest.mark.parametrize("name", ["train", "test", "val", "training"])
def test_a_class_may_be_called_like_a_split(tmp_path, name):
    made(tmp_path, f"{name}/1.jpg", "bus/1.jpg", "ship/sunday/1.jpg")
    assert find_splits(tmp_path) == {}


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (("train/owl/1.jpg", "val/owl/1.jpg", "valid/owl/1.jpg"), "holds both val and valid, two names of one split"),
        (("train/owl/1.jpg", "Train/owl/1.jpg"), "holds both Train and train"),
        (("seg_train/owl/1.jpg", "seg_test/owl/1.jpg"), "holds seg_test and seg_train, which look like splits: call"),
        (("train2017/a/1.jpg", "val2017/a/1.jpg", "notes/a.txt"), "holds train2017 and val2017, which look like"),
        (("TrainImages/owl/1.jpg", "TestImages/owl/1.jpg"), "holds TestImages and TrainImages, which look like splits"),
        (("trn/owl/1.jpg", "tst/owl/1.jpg"), "holds trn and tst, which look like splits"),
        (("eval/owl/1.jpg",), "holds eval, which look like splits"),
        (("owl/1.jpg", "wren/1.jpg", "test/owl/1.jpg"), "holds the split test beside other folders, but no train"),
    ],
)
def test_folders_that_may_be_splits_are_refused(tmp_path, files, complaint):
    with pytest.raises(DatasetError, match=complaint):
        find_splits(made(tmp_path, *files))


@pytest.mark.parametrize("name", ["train station", "test_tube", "trains", "evaluations"])
def test_a_word_in_a_class_name_makes_no_split(tmp_path, name):
    assert find_splits(made(tmp_path, f"{name}/sunday/1.jpg", "bus/1.jpg")) == {}


CLASSES = ("birds", "more", "owl", "wren")


@pytest.mark.parametrize(
    ("inside", "remedy"),
    [
        (("train/owl/1.jpg", "val/owl/1.jpg"), "holds train and val, .* like splits: set `root` to {}/birds if"),
        (("old/Train/owl/1.jpg", "old/x/2.jpg", "old/TEST/a/1.jpg"), "holds TEST and Train, .* to {}/birds/old"),
        (("train/1.jpg", "val/1.jpg"), "put the splits above the classes, as in train/birds"),
        (("0.jpg", "test/1.jpg"), "holds test, which are called like splits: put the splits above the classes"),
        (("owl/1.jpg", "wren/2.jpg"), "holds owl and wren, .* like classes: set `root` to {}/birds"),
    ],
)
def test_sub_folders_called_like_splits_or_other_classes_are_refused(tmp_path, inside, remedy):
    folder = tmp_path / "birds"
    with pytest.raises(DatasetError, match=remedy.format(tmp_path)):
        refuse_nested(folder, [folder / name for name in inside], CLASSES)


@pytest.mark.parametrize(
    "inside",
    [("1.jpg",), ("sunday/1.jpg", "monday/2.jpg"), ("images/1.jpg",), ("birds/1.jpg",), ("train/1.jpg", "bus/1.jpg")],
)
def test_other_sub_folders_are_as_good_as_none(inside):
    refuse_nested(Path("birds"), [Path("birds", name) for name in inside], CLASSES)


@pytest.mark.parametrize(
    ("files", "root"),
    [
        (("owl/1.jpg", "wren/1.jpg"), ""),
        (("photos/birds/train/owl/1.jpg", "photos/birds/val/owl/1.jpg"), "photos/birds"),
        (("images/1.jpg",), None),
        (("1.jpg", "owl/1.jpg", "wren/1.jpg"), None),
    ],
)
def test_the_root_of_a_folder_with_a_single_one_is_looked_for_below(tmp_path, files, root):
    assert likely_root(made(tmp_path, *files)) == (None if root is None else tmp_path / root)
