"""Labels of validation images in one folder: Kaggle's list and the development kit."""

import shutil
from pathlib import Path

import pytest
from tiny.imagenet import CLASSES, write_imagenet

from aga_lightning.datasets.imagenet.labels import find_labels, read_labels
from aga_lightning.images.records import DatasetError


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """The same images in the three layouts; in the first the folders tell the labels."""
    folder = tmp_path_factory.mktemp("labels")
    return {layout: write_imagenet(folder / layout, layout) for layout in ("folders", "kaggle", "devkit")}


@pytest.fixture
def kaggle(trees, tmp_path):
    return Path(shutil.copy(trees["kaggle"] / "LOC_val_solution.csv", tmp_path))


@pytest.fixture
def kit(trees, tmp_path):
    return shutil.copytree(trees["devkit"] / "ILSVRC2012_devkit_t12", tmp_path / "ILSVRC2012_devkit_t12") / "data"


def home_of(trees, layout):
    return trees[layout] / "ILSVRC" / "Data" / "CLS-LOC" if layout == "kaggle" else trees[layout]


@pytest.mark.parametrize("layout", ["kaggle", "devkit"])
def test_both_lists_say_what_the_class_folders_say(trees, layout):
    expected = {path.stem: path.parent.name for path in (trees["folders"] / "val").rglob("*.JPEG")}
    assert len(expected) == 26
    assert set(expected.values()) > set(CLASSES)
    assert read_labels(find_labels(home_of(trees, layout))) == expected


def test_a_list_is_found_up_to_three_folders_above_and_the_nearest_is_taken(tmp_path):
    home = tmp_path / "a" / "b" / "c" / "d"
    home.mkdir(parents=True)
    (tmp_path / "LOC_val_solution.csv").touch()
    assert find_labels(home) is None
    above = tmp_path / "a" / "LOC_val_solution.csv"
    above.touch()
    assert find_labels(home) == above
    kit = home / "ILSVRC2012_devkit_t12" / "data" / "ILSVRC2012_validation_ground_truth.txt"
    kit.parent.mkdir(parents=True)
    kit.touch()
    assert find_labels(home) == kit


@pytest.mark.parametrize(
    ("line", "text", "complaint"),
    [
        (1, "image,class", "line 1: there is no column 'ImageId'"),
        (3, "ILSVRC2012_val_00000099", "line 3: 1 fields stand below a header of 2"),
        (3, "ILSVRC2012_val_00000099,", "names no image and class"),
        (3, "ILSVRC2012_val_00000099,chickadee 1 2 3 4", "names no image and class"),
        (3, "ILSVRC2012_val_0000,n01592084 1 2 3 4", "names no image and class"),
        (3, "../../secret,n01592084 1 2 3 4", "names no image and class"),
        (3, '"ILSVRC2012_val_00000099', "line 3:"),
    ],
)
def test_a_garbled_line_of_kaggles_list_is_named_with_the_remedy(kaggle, line, text, complaint):
    lines = kaggle.read_text().splitlines()
    lines[line - 1] = text
    kaggle.write_text("\n".join(lines[:line]))
    with pytest.raises(DatasetError) as error:
        read_labels(kaggle)
    assert str(error.value).startswith(f"{kaggle}, line {line}")
    assert complaint in str(error.value)
    assert "take it again from Kaggle" in str(error.value)


def test_an_image_that_is_listed_twice_is_named(kaggle):
    lines = kaggle.read_text().splitlines()
    kaggle.write_text("\n".join([*lines, lines[1]]))
    with pytest.raises(DatasetError, match=f"line {len(lines) + 1}: image ILSVRC2012_val_.* is listed twice"):
        read_labels(kaggle)


@pytest.mark.parametrize("text", ["1001", "tick", "-1"])
def test_a_garbled_line_of_the_kits_list_is_named_with_the_remedy(kit, text):
    truth = kit / "ILSVRC2012_validation_ground_truth.txt"
    lines = truth.read_text().splitlines()
    truth.write_text("\n".join([*lines[:4], text, *lines[5:]]))
    with pytest.raises(DatasetError, match=rf"line 5: '{text}' is no class of meta\.mat: unpack it again") as error:
        read_labels(truth)
    assert "\n" not in str(error.value)


def test_a_meta_file_that_is_missing_cut_off_or_another_is_named(kit):
    truth, meta = kit / "ILSVRC2012_validation_ground_truth.txt", kit / "meta.mat"
    whole = meta.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"nothing of the kind" * 20):
        meta.write_bytes(content)
        with pytest.raises(DatasetError, match=r"meta\.mat cannot be read.*unpack it again") as error:
            read_labels(truth)
        assert "\n" not in str(error.value)
    meta.unlink()
    with pytest.raises(DatasetError, match=r"meta\.mat is missing: unpack it again"):
        read_labels(truth)
