"""What is said of evaluation images that resemble training images."""

import io
import shutil

import pytest
from PIL import Image
from rich.console import Console
from tiny.blots import blots

from aga_lightning.cli.duplicate_report import report_duplicates
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.files import read_csv


@pytest.fixture
def folder(tmp_path):
    """An ImageFolder of pictures that are nothing like each other."""
    for number, name in enumerate(f"{split}/{kind}" for split in ("train", "val", "dusk") for kind in ("lime", "plum")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for copy in range(3):
            blots(10 * number + copy).save(tmp_path / "photos" / name / f"{copy}.png")
    return tmp_path / "photos"


@pytest.fixture
def report(folder, tmp_path):
    def report():
        dataset = ImageFolder(str(folder), ood={"dusk": str(folder / "dusk")})
        sets = {split: dataset.records(split) for split in ("train", "val")} | {
            "ood/dusk": dataset.ood_records()["dusk"]
        }
        console = Console(file=io.StringIO(), width=200)
        report_duplicates(sets, tmp_path / "cache" / "near.csv", console)
        return console.file.getvalue()

    return report


def test_a_clean_data_set_leaves_no_list(report, tmp_path):
    shown = report()
    assert "val: 0 of 6 images resemble a training image\n" in shown
    assert not (tmp_path / "cache" / "near.csv").exists()


def test_copies_are_counted_set_by_set_and_listed(report, folder, tmp_path):
    source = folder / "train" / "plum" / "1.png"
    shutil.copy(source, folder / "val" / "lime" / "copy.png")
    with Image.open(source) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "dusk" / "plum" / "turned.png")
    shown = report()
    assert "val: 1 of 7 images resemble a training image, 1 of them with the same hash" in shown
    assert "ood/dusk: 1 of 7 images resemble a training image" in shown
    rows = read_csv(tmp_path / "cache" / "near.csv")
    assert [(row["set"], row["mirrored"]) for row in rows] == [("val", "False"), ("ood/dusk", "True")]
    assert all(row["training image"] == str(source) for row in rows)
    assert rows[0]["distance"] == "0"


def test_where_no_list_can_be_written_the_pairs_are_printed(report, folder, tmp_path):
    shutil.copy(folder / "train" / "plum" / "1.png", folder / "val" / "lime" / "copy.png")
    (tmp_path / "cache").write_text("in the way")
    shown = " ".join(report().split())
    assert f"val: {folder}/val/lime/copy.png is like {folder}/train/plum/1.png" in shown
    assert "near.csv cannot be written" in shown


def test_a_list_of_an_earlier_look_does_not_stay(report, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "near.csv").write_text("old")
    report()
    assert not (tmp_path / "cache" / "near.csv").exists()
