"""Names for paths, tar files and keys."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny.splits import ODD, WORDS, taken_for_splits, write_empty

from aga_lightning.exporting.names import class_folders, safe_name, unique


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("azure_jay-1", "azure_jay-1"),
        ("001.Black footed", "001_Black_footed"),
        ("Étoile à l'été", "Etoile_a_l_ete"),
        ("../../etc/passwd", "etc_passwd"),
        ("..", "unnamed"),
        ("松鼠", "unnamed"),
        (".hidden", "hidden"),
        ("__private", "private"),
        ("CON", "CON_"),
        ("a" * 99, "a" * 40),
    ],
)
def test_a_name_becomes_safe(name, safe):
    assert safe_name(name) == safe


@given(st.text())
def test_any_text_becomes_a_safe_name(text):
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}", safe_name(text))


@given(st.lists(st.sampled_from(["a", "A", "a-2", "b", "a-2-2"])))
def test_unique_names_differ_in_any_case(names):
    found = unique(names)
    assert len({name.lower() for name in found}) == len(names)
    assert all(new.startswith(old) for new, old in zip(found, names, strict=True))


def test_a_name_that_is_free_stays():
    assert unique(["a", "b", "a", "A", "a-2"]) == ["a", "b", "a-2", "A-3", "a-2-2"]


def test_class_folders_name_no_split():
    """`datasets` would show the images of a class "crash test" as a split named test."""
    names = ["test", "crash test dummy", "bullet train", "Val d'Or", "test2", "contest", "trainer", "tést"]
    assert class_folders(names) == [
        *("testx", "crash_testx_dummy", "bullet_trainx", "Valx_d_Or", "testx2", "contest", "trainer", "testx-2")
    ]


def test_no_exported_class_or_photo_is_taken_for_a_split_but_train(tmp_path):
    folders = class_folders([*ODD, "data", "x" * 36 + "test", *("y" * 35 + f" {word}ern" for word in WORDS)])
    write_empty(
        tmp_path / "train", [f"{folder}/{safe_name(word)}-0.jpg" for folder in folders for word in ("owl", "a_1")]
    )
    others = [word for word in WORDS if not word.startswith("train")]
    assert taken_for_splits(tmp_path, others) == set()
    assert taken_for_splits(tmp_path / "train") == set()
