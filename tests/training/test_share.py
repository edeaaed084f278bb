"""A share of each class: drawn by the seed alone, or the images that a table calls least probable."""

from collections import Counter
from pathlib import Path

import pytest

from aga_lightning.files import write_csv
from aga_lightning.images.records import DatasetError, ImageRecord
from aga_lightning.training.share import HEADER, choose_images

CLASSES = {"lime": 7, "plum": 10, "fig": 1}


def records(root="/data"):
    return [
        ImageRecord(Path(root) / name / f"{number}.png", label, name, "fruit")
        for label, (name, count) in enumerate(CLASSES.items())
        for number in range(count)
    ]


def digest(path):
    return f"digest of {path.parent.name}/{path.name}"


def chosen(share, order=None, seed=0, among=None):
    picked = choose_images(among or records(), share, order, digest, seed)
    return {f"{record.class_name}/{record.path.name}" for record in picked}


def write(path, rows, header=HEADER):
    write_csv(path, header, rows)
    return path


def rows(probability=lambda record: 0.5, among=None):
    return [
        [record.path.name, record.class_name, "fig", probability(record), digest(record.path)]
        for record in among or records()
    ]


@pytest.mark.parametrize(("share", "counts"), [(0.35, (2, 4, 1)), (0.01, (1, 1, 1)), (1, (7, 10, 1))])
def test_each_class_gives_its_share_and_one_image_at_least(share, counts):
    found = Counter(name.partition("/")[0] for name in chosen(share))
    assert tuple(found[name] for name in CLASSES) == counts


def test_a_draw_depends_on_names_and_seed_alone():
    assert chosen(0.4) == chosen(0.4, among=records("/elsewhere")[::-1])
    assert len({frozenset(chosen(0.4, seed=seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize("ordered", [False, True])
def test_a_larger_share_keeps_what_a_smaller_one_has_chosen(tmp_path, ordered):
    order = write(tmp_path / "table.csv", rows()) if ordered else None  # all equal: the draw decides
    assert chosen(0.2, order) < chosen(0.5, order) < chosen(0.9, order)


def test_the_least_probable_of_each_class_are_chosen_whatever_their_names(tmp_path):
    order = write(tmp_path / "table.csv", rows(lambda record: 1 / (1 + int(record.path.stem)) ** 2))
    expected = {"lime/5.png", "lime/6.png", "plum/6.png", "plum/7.png", "plum/8.png", "plum/9.png", "fig/0.png"}
    assert chosen(0.35, order) == chosen(0.35, order, seed=3, among=records("/elsewhere")[::-1]) == expected
    assert chosen(0.35, str(order)) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no table of training predictions .*No such file"),
        (([["a", 0.5]], ["label", "probability"]), "is no table of training predictions .*it has no column 'sha256'"),
        ((rows(lambda record: "high"),), "is no table of training predictions .*'high'"),
        ((rows(lambda record: "nan"),), "holds probabilities that are no numbers"),
        ((rows(among=records()[2:]),), "lacks 2 of 18 training images, such as .*/lime/0.png"),
        (([[*row[:4], "another"] for row in rows()],), "lacks 18 of 18 training images"),
        (([[row[0], "pear", *row[2:]] for row in rows()],), "lacks 18 of 18 training images"),
        (([*rows(), ["b.png", "plum", "fig", 0.5, "another"]],), "holds 1 images that are no training images here"),
    ],
)
def test_a_table_of_other_images_is_refused_in_a_line(tmp_path, content, message):
    path = tmp_path / "table.csv"
    if content is not None:
        write(path, *content)
    with pytest.raises(DatasetError, match=message) as told:
        chosen(0.35, path)
    assert str(told.value).startswith(str(path)) and "\n" not in str(told.value)
    assert "with the callback TrainingPredictions" in str(told.value)
