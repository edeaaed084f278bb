"""Splits and columns of a Hugging Face data set: which are used, and what is not clear."""

import pytest

from aga_lightning.datasets.hub_tables import find_columns, find_splits, load_tables
from aga_lightning.images.records import DatasetError


class Image:
    """The type of a column of images, by its name in the package."""


class ClassLabel:
    names = ("owl", "wren")


class Value:
    """The type of a column of plain values."""


class List:
    """The type of a column of lists."""


@pytest.mark.parametrize(
    ("tables", "named", "found"),
    [
        (["all"], None, {"train": "all"}),
        (["train", "validation", "test"], None, {"train": "train", "val": "validation", "test": "test"}),
        (["train", "extra"], None, {"train": "train"}),
        (["a", "b", "c"], {"test": "b", "train": "a"}, {"train": "a", "test": "b"}),
    ],
)
def test_splits_are_found_by_their_names(tables, named, found):
    assert find_splits(dict.fromkeys(tables), named, "birds") == found


@pytest.mark.parametrize(
    ("tables", "named", "complaint"),
    [
        (["train"], {"train": "training"}, "birds has no split 'training'; its splits are train: correct `splits`"),
        (["a", "b"], None, "birds has no split train; its splits are a, b: set `splits`"),
        (["train", "val", "validation"], None, "birds has two splits for val; its splits are"),
    ],
)
def test_splits_that_are_not_clear_are_told(tables, named, complaint):
    with pytest.raises(DatasetError, match=complaint):
        find_splits(dict.fromkeys(tables), named, "birds")


@pytest.mark.parametrize(
    ("features", "named", "found"),
    [
        ({"id": Value(), "view": Image(), "kind": ClassLabel()}, (None, None), ("view", "kind")),
        ({"img": Value(), "label": Value(), "species": Value()}, (None, None), ("img", "label")),
        ({"a": Image(), "b": Image(), "coarse": ClassLabel(), "fine": ClassLabel()}, ("b", "fine"), ("b", "fine")),
    ],
)
def test_columns_are_found_by_their_types_and_names(features, named, found):
    assert find_columns(features, *named, "birds") == found


@pytest.mark.parametrize(
    ("features", "named", "complaint"),
    [
        (
            {"image": Image(), "label": Value()},
            ("x", None),
            "has no column 'x'; its columns are image, label: .* image_col",
        ),
        (
            {"a": Image(), "b": Image(), "label": Value()},
            (None, None),
            "has no single column that could be image_column",
        ),
        ({"image": Image(), "kind": Value()}, (None, None), "has no single column that could be label_column"),
        ({"image": Image(), "class": Value(), "species": Value()}, (None, None), "'class' and 'species'; its columns"),
        ({"image": Image(), "label": List()}, (None, None), "the column 'label' of birds is no single label"),
    ],
)
def test_columns_that_are_not_clear_are_told(features, named, complaint):
    with pytest.raises(DatasetError, match=complaint):
        find_columns(features, *named, "birds")


def test_a_damaged_file_is_named(tmp_path):
    pytest.importorskip("datasets", reason="needs the extra [hub]")
    (tmp_path / "birds.parquet").write_bytes(b"no table")
    with pytest.raises(
        DatasetError, match=r"birds.parquet cannot be read by datasets \(.*\): correct `path`"
    ) as caught:
        load_tables(str(tmp_path / "birds.parquet"), None, None, tmp_path / "aside")
    assert "\n" not in str(caught.value)
