"""Columns by settings and by usual names: what is found, what is said, and what is not clear."""

import logging

import pytest

from aga_lightning.datasets.columns import find_columns, label_order
from aga_lightning.images.records import DatasetError

NULL = dict.fromkeys(("path", "label", "split", "group", "mask"))


def columns(folder, header, **named):
    (folder / "list.csv").write_text(f"{header}\n")
    return find_columns(folder / "list.csv", NULL | named, None)


@pytest.mark.parametrize(
    ("header", "found", "said"),
    [
        ("path,label,species,camera", ["path", "label", "", "camera", ""], "group is 'camera'"),
        (
            "File Name;Species;subset",
            ["File Name", "Species", "subset", "", ""],
            "path is 'File Name', label is 'Species'",
        ),
        ("image-path\tclass\tLocation", ["image-path", "class", "", "Location", ""], "group is 'Location'"),
        ("path,label,split,group,mask", ["path", "label", "split", "group", "mask"], ""),
    ],
)
def test_usual_names_are_found_and_told_in_a_line(tmp_path, caplog, header, found, said):
    with caplog.at_level(logging.INFO):
        one = columns(tmp_path, header)
    assert [one.path, one.label, one.split, one.group, one.mask] == found
    assert len(caplog.messages) == bool(said) and said in caplog.text


def test_boxes_are_found_however_their_columns_are_spelt(tmp_path):
    assert columns(tmp_path, "X2,Path,y_min,LABEL,Y1,X1,Y2").box == ("X1", "Y1", "X2", "Y2")
    assert columns(tmp_path, "path,label,x1,x2,y1").box == ()


def test_labels_that_are_one_number_have_one_order():
    assert label_order(["2", "1", "01"]) == label_order(["01", "2", "1"]) == ["01", "1", "2"]


def test_a_setting_is_taken_as_it_is_and_an_empty_one_is_none(tmp_path, caplog):
    one = columns(tmp_path, "file,path,label,camera,split", path="file", group="", split="")
    assert (one.path, one.group, one.split) == ("file", "", "") and not caplog.messages


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("image,kind", "no column with a usual name for label_column; its columns are image, kind: .* label_column$"),
        (
            "file,class,species",
            "several columns .* by label_column, 'class' and 'species'; its columns are file, class, sp",
        ),
        ("file,image,label", "several columns .* by path_column, 'file' and 'image'"),
        (
            "path,label,camera,site",
            r"by group_column, 'camera' and 'site'; .* group_column \(an empty name for none\)$",
        ),
        ("path,label,path", "has the column 'path' twice"),
    ],
)
def test_what_is_not_clear_is_told_with_all_columns(tmp_path, header, complaint):
    with pytest.raises(DatasetError, match=complaint):
        columns(tmp_path, header)
