"""The paper's ten classes, and classes from a file."""

import pytest
from torchvision.models import ResNet18_Weights

from aga_lightning.datasets.imagenet.classes import IMAGENET10, ImageNetClass, read_classes
from aga_lightning.images.records import DatasetError


def test_the_papers_ten_have_the_indices_of_torchvisions_nets():
    categories = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    assert [categories[listed.index] for listed in IMAGENET10] == [listed.name for listed in IMAGENET10]
    assert [listed.wordnet_id for listed in IMAGENET10] == sorted(listed.wordnet_id for listed in IMAGENET10)
    assert len(IMAGENET10) == 10


def test_a_file_gives_classes_in_the_order_of_their_ids_with_words_as_they_are_written(tmp_path):
    path = tmp_path / "cranes.yaml"
    path.write_text(
        "n03126707: {name: crane machine, superclass: '', index: 517}\n"
        "n02012849: {name: no, superclass: bird, index: 134}\n"
        "n01440764: {name: tench}\n"
    )
    assert read_classes(path) == (
        ImageNetClass("n01440764", "tench", "tench", None),
        ImageNetClass("n02012849", "no", "bird", 134),
        ImageNetClass("n03126707", "crane machine", "", 517),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "lists no classes"),
        ("- n01592084", "lists no classes"),
        ("{n01592084: [", "cannot be read as YAML"),
        ("chickadee: {name: chickadee}", "'chickadee' is no WordNet id"),
        ("n1592084: {name: chickadee}", "'n1592084' is no WordNet id"),
        ("n01592084: chickadee", "n01592084: 'chickadee' is of another form"),
        ("n01592084: {name: [chickadee]}", "is of another form"),
        ("n01592084: {superclass: bird}", "has no name"),
        ("n01592084: {name: chickadee, superclas: bird}", "'superclas' is none of name, superclass and index"),
        ("n01592084: {name: chickadee, index: 1000}", "index '1000' is not a number from 0 to 999"),
        ("n01592084: {name: chickadee, index: -1}", "index '-1' is not a number"),
        ("n02012849: {name: crane}\nn03126707: {name: crane}", "two classes have the name 'crane'"),
        ("n02012849: {name: a, index: 7}\nn03126707: {name: b, index: 7}", "two classes have the index 7"),
    ],
)
def test_a_file_of_another_form_is_named_with_the_remedy_in_one_line(tmp_path, text, complaint):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(DatasetError) as error:
        read_classes(path)
    assert str(error.value).startswith(str(path))
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"mine\.yaml cannot be read"):
        read_classes(tmp_path / "mine.yaml")
