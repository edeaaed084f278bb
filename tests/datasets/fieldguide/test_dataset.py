import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from aga_lightning.datasets.fieldguide import FieldGuide, dataset
from aga_lightning.images.records import DatasetError

SMALL = {"size": 24, "train_per_class": 2, "val_per_class": 2, "test_per_class": 2, "ood_per_class": 3}


def pixels(records):
    return [record.path.read_bytes() for record in records]


@pytest.fixture(scope="module")
def guide(tmp_path_factory):
    made = FieldGuide(str(tmp_path_factory.mktemp("guide")), **SMALL)
    made.prepare()
    return made


def test_it_gives_what_a_data_set_gives(guide):
    assert guide.num_classes == 8
    assert guide.superclass("azure_jay") == "bird"
    assert [len(guide.records(split)) for split in ("train", "val", "test")] == [16, 16, 16]
    assert {name: len(records) for name, records in guide.ood_records().items()} == {
        "new_habitats": 24, "swapped_habitats": 24, "sketch": 24
    }  # fmt: skip
    for record in guide.records("train"):
        assert guide.classes[record.label] == record.class_name == record.path.parent.name
        assert record.superclass == "bird"


def test_masks_and_boxes_are_those_of_the_picture(guide):
    for record in guide.records("val"):
        with Image.open(record.path) as image, Image.open(record.mask_path) as opened:
            mask = np.asarray(opened)
            assert image.size == opened.size == (24, 24)
            assert image.mode == "RGB"
        down, across = np.nonzero(mask)
        assert record.box == (across.min(), down.min(), across.max() + 1, down.max() + 1)


def test_a_seed_changes_the_training_pictures_and_no_others(guide):
    other = FieldGuide(guide.root, **SMALL, seed=1)
    other.prepare()
    assert other.folder == guide.folder
    assert not set(pixels(other.records("train"))) & set(pixels(guide.records("train")))
    assert other.records("val") == guide.records("val")


def test_the_number_of_pictures_does_not_change_the_pictures(guide, tmp_path):
    other = FieldGuide(str(tmp_path), **(SMALL | {"train_per_class": 1, "val_per_class": 3}))
    other.prepare()
    assert pixels(other.records("train")) == pixels(guide.records("train"))[::2]
    assert set(pixels(guide.records("val"))) < set(pixels(other.records("val")))
    assert pixels(other.records("test")) == pixels(guide.records("test"))
    assert other.folder.name != guide.folder.name


def test_no_picture_is_in_two_splits(guide):
    splits = [guide.records(split) for split in ("train", "val", "test")] + [*guide.ood_records().values()]
    every = [content for records in splits for content in pixels(records)]
    assert len(set(every)) == len(every)


def test_a_process_that_dies_leaves_no_split_behind(tmp_path, monkeypatch):
    guide, drawn = FieldGuide(str(tmp_path), **SMALL), []

    def dying(*arguments):
        drawn.append(arguments)
        if len(drawn) == 20:  # 16 are the whole of "train"
            raise KeyboardInterrupt
        return original(*arguments)

    original = dataset.render
    monkeypatch.setattr(dataset, "render", dying)
    with pytest.raises(KeyboardInterrupt):
        guide.prepare()
    assert len(guide.records("train")) == 16
    with pytest.raises(DatasetError, match=r"val is not complete.*prepare\(\)"):
        guide.records("val")
    monkeypatch.setattr(dataset, "render", original)
    guide.prepare()
    assert len(guide.records("val")) == 16
    assert not list(guide.folder.glob("*.partial")) + list(guide.folder.glob(".*.partial"))


def test_two_processes_may_prepare_at_once(tmp_path, guide):
    code = "from aga_lightning.datasets.fieldguide import FieldGuide;"
    code += f" FieldGuide({str(tmp_path)!r}, **{SMALL!r}).prepare()"
    racers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [racer.wait(timeout=120) for racer in racers] == [0, 0]
    twin = FieldGuide(str(tmp_path), **SMALL)
    assert pixels(twin.records("train")) == pixels(guide.records("train"))
    assert pixels(twin.ood_records()["sketch"]) == pixels(guide.ood_records()["sketch"])


@pytest.mark.parametrize("wrong", [{"size": 4}, {"val_per_class": 0}, {"correlation": 1.5}])
def test_wrong_settings_are_named(wrong):
    with pytest.raises(DatasetError, match=next(iter(wrong)).removeprefix("val")):
        FieldGuide(**wrong)
