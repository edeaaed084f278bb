"""The README.md of an export."""

import pytest
import yaml
from tiny.captioned import collected

from aga_lightning.exporting.card import export_card
from aga_lightning.exporting.items import finished_items, rows_of, with_originals

FOLDERS = {"plum": "plum", "lime": "lime"}


@pytest.fixture
def write_card(disc_records, tmp_path):
    def write_card(folders=FOLDERS, originals=False, shards=None, **settings):
        collection = collected(disc_records, tmp_path, **settings)
        finished = finished_items(collection)
        items = with_originals(finished.items, collection) if originals else finished.items
        card = export_card(collection, rows_of(items), finished, folders, shards)
        _, front, body = card.split("---\n", 2)
        return yaml.safe_load(front), body

    return write_card


def test_the_front_matter_gives_split_and_columns(write_card):
    front, _ = write_card(refuse=[0], originals=True)
    (config,) = front["configs"]
    assert config["config_name"] == "default"
    assert config["data_files"] == [{"split": "train", "path": "train/**"}]
    assert config["features"] == [
        {"name": "image", "dtype": "image"},
        {"name": "label", "dtype": {"class_label": {"names": {"0": "plum", "1": "lime"}}}},
        {"name": "class", "dtype": "string"},
        {"name": "augmented", "dtype": "bool"},
        {"name": "source", "dtype": "string"},
        {"name": "source_sha256", "dtype": "string"},
        {"name": "variant", "dtype": "int64"},
        {"name": "caption", "dtype": "string"},
        {"name": "box", "sequence": "float64"},
    ]
    assert front["license"] == "other" and front["size_categories"] == ["n<1K"] and "synthetic" in front["tags"]


def test_the_card_counts_what_was_exported(write_card):
    _, body = write_card(degree=3, made=7, refuse=[1], originals=True)
    assert "- images: 13 (5 augmentations, 8 training images)" in body
    assert "asked: 24, 3 of each of 8 training images; accepted: 5, rejected: 2, not made yet: 17" in body
    assert "| 0 | plum | plum | 5 | 4 |\n| 1 | lime | lime | 0 | 4 |" in body
    assert "## Rejected\n\n| reason | rejected |\n| --- | --- |\n| variant is refused | 2 |\n" in body
    assert "rejected.png" not in body and "rejected.jsonl" not in body


def test_the_order_of_torchvision_is_told(write_card):
    assert "gives other labels than the column `label`" in write_card()[1]  # it has lime before plum
    assert "gives the same labels" in write_card(folders={"plum": "a", "lime": "b"})[1]
    # A class without an image has no folder, which moves those behind it.
    assert "gives other labels" in write_card(folders={"plum": "a", "mango": "b", "lime": "c"})[1]


def test_shards_are_read_by_their_names(write_card):
    front, body = write_card(shards=12)
    assert front["configs"] == [{"config_name": "default", "data_files": [{"split": "train", "path": "aga-*.tar"}]}]
    assert 'WebDataset("FOLDER/aga-{000000..000011}.tar")' in body
    assert "load_dataset(FOLDER)" in body
    assert "load_dataset(FOLDER)" not in write_card(shards=12, originals=True)[1]  # JPEG and PNG side by side
