"""Lists of data sets: what is read, and how a wrong row is named."""

import gzip

import pytest

from aga_lightning.datasets.lists import read_lines, read_table, some
from aga_lightning.images.records import DatasetError


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_table_gives_its_rows_by_column_and_a_wrong_number_names_its_line(tmp_path, ending):
    path = tmp_path / f"list{ending}"
    content = b"\xef\xbb\xbfy,more,name\r\n1,x,owl\r\n\r\ntwo,x,wren\r\n"
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    first, second = read_table(path, ("name", "y"), "fetch it")
    assert (first.number("y"), first.words["name"], first.line) == (1, "owl", 2)
    with pytest.raises(DatasetError, match=r"list.*, line 4: y 'two' is no whole number: fetch it"):
        second.number("y")


def test_lines_of_another_form_are_named(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("1 owl\n2\n")
    rows = read_lines(path, ("id", "name"), "fetch it")
    assert next(rows).words == {"id": "1", "name": "owl"}
    with pytest.raises(DatasetError, match=r"line 2: '2' is not of the form <id> <name>: fetch it"):
        next(rows)


def test_some_names_are_counted():
    assert some("abcd", "images") == "4 images (such as a, b, c)"
