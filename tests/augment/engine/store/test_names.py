"""Names of folders and files, against the rules by which other readers take names for splits."""

import re
from urllib.parse import unquote

import pytest
from tiny.splits import ODD, taken_for_splits, write_empty

from aga_lightning.augment.engine.store.names import file_name, folder_name, safe_path


def place(class_name, stem, variant=0):
    return f"{folder_name(class_name)}/{file_name(stem, f'-{variant}-0badcafe.jpg')}"


def test_no_name_is_taken_for_a_split(tmp_path):
    places = {place(name, "one") for name in ODD} | {place("owl", stem) for stem in ODD}
    places |= {place("data", "owl-00001-of-00002"), place("data", "test-12345-00001-of-00002-of-00003")}
    write_empty(tmp_path / "safe", places)
    assert taken_for_splits(tmp_path / "safe") == set()
    assert len(places) == 2 * len(ODD) + 2  # and names stay apart


def test_the_rules_see_the_names_as_they_were(tmp_path):
    write_empty(tmp_path, ["test/one-0-0badcafe.jpg", "owl/my_val.1-0-0badcafe.jpg", "owl/latest-0-0badcafe.jpg"])
    write_empty(tmp_path, ["data/owl-00001-of-00002-0-0badcafe.jpg", "Test/evaluator-0-0badcafe.jpg", "a9dev/1.jpg"])
    seen = taken_for_splits(tmp_path)
    assert len(seen) == 4 and not any("latest" in path or "evaluator" in path for path in seen)


@pytest.mark.parametrize(
    ("name", "folder"),
    [("Black-footed Albatross", "Black-footed Albatross"), ("Müller's owl", "M%C3%BCller's owl"), ("a/b", "a%2Fb"),
     ("..", "%2E%2E"), ("Test", "Test"), ("attest", "attest"), ("latest_1", "latest_1"), ("001.Owl", "001.Owl"),
     ("test", "tes%74"), ("my val", "my va%6C"), ("metadata.jsonl", "metadata%2Ejsonl"), ("README.md", "README%2Emd"),
     ("caf\udce9", "caf%E9"), ("x" * 255, "x" * 255), ("cat%", "cat%25"), ("a:b\\c", "a%3Ab%5Cc")],
)  # fmt: skip
def test_a_class_has_a_folder_that_tells_its_name(name, folder):
    assert folder_name(name) == folder
    assert unquote(folder, errors="surrogateescape") == name


@pytest.mark.parametrize(
    ("stem", "file"),
    [("IMG_0001", "IMG_0001-2-ab.jpg"), ("test_1", "tes%74_1-2-ab.jpg"), ("a b,c", "a b%2Cc-2-ab.jpg"),
     ("test_\udcff", "tes%74_%FF-2-ab.jpg"), ("y" * 300, "y" * 100 + "-2-ab.jpg"), ("dev", "de%76-2-ab.jpg")],
)  # fmt: skip
def test_a_photo_has_a_file_that_tells_its_name(stem, file):
    assert file_name(stem, "-2-ab.jpg") == file


@pytest.mark.parametrize(
    ("path", "safe"),
    [("owl/1-0-ab.jpg", "owl/1-0-ab.jpg"), ("latest/evaluate-0.jpg", "latest/evaluate-0.jpg"),
     ("test/1-0.jpg", "tes%74/1-0.jpg"), ("owl/my_dev-0.jpg", "owl/my_de%76-0.jpg"), ("test-0.jpg", "tes%74-0.jpg"),
     ("data/a-00001-of-00002-0.jpg", "data/a-00001-o%66-00002-0.jpg"), ("tes%74/1-0.jpg", "tes%74/1-0.jpg")],
)  # fmt: skip
def test_a_path_of_an_earlier_release_is_changed_only_where_readers_misunderstand_it(path, safe):
    assert safe_path(path) == safe


@pytest.mark.parametrize(
    "name",
    [
        "長" * 40,
        "é" * 200,
        "x" * 256,
        "val " * 90,
        "z" * 175 + " testimony" + "z" * 90,
        "日本 test" * 40,
        "\udcff" * 100,
    ],
)
def test_a_long_name_is_shortened_and_stays_apart_from_others(tmp_path, name):
    names = {folder_name(name), folder_name(name + "x"), folder_name("y" + name)}
    assert len(names) == 3 and all(len(one) <= 255 for one in names)
    assert folder_name(name) == folder_name(name) and re.search("-[0-9a-f]{16}$", folder_name(name))
    write_empty(tmp_path, {place(name, name), place(name + "x", name)})
    assert taken_for_splits(tmp_path) == set()
