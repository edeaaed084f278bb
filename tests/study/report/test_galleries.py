import shutil

import numpy as np
import pytest
from tiny.study_runs import COLOURS, augmentation, cell, examples, finished, outcomes, paint, plain

from aga_lightning.study.report.blocks import Gallery, Paragraph, Picture, Table
from aga_lightning.study.report.galleries import Augmentations, Rejects


def colour(picture):
    return tuple(np.asarray(picture.image)[0, 0].tolist())


class Built:
    """A study of a baseline, an arm with augmentations, a picture method and one that is not finished."""

    def __init__(self, root):
        self.root = root
        self.store = root / "store" / "augmented"
        self.cells = [cell(root, arm=arm, seed=seed) for arm in ("baseline", "aga", "sd", "late") for seed in "01"]
        by_title = {one.title: one for one in self.cells}
        aga, sd = by_title["aga, seed 1"], by_title["sd, seed 0"]
        shown = examples(aga, self.store / "aga-1", ["a lake", None, "a moor", "a wall", "a reed"])
        made = augmentation(self.store / "aga-1", 10, {"too small": 3, "odd": 1}, examples=shown)
        pictures = examples(sd, self.store / "sd-1", [""])
        self.done = [
            finished(by_title["baseline, seed 0"]),
            finished(aga, augmentation=made),
            finished(sd, augmentation=augmentation(self.store / "sd-1", 6, examples=pictures)),
        ]
        self.aga = aga

    @property
    def outcomes(self):
        return outcomes(self.root, self.cells, self.done)


@pytest.fixture
def built(tmp_path):
    return Built(tmp_path)


def test_each_arm_with_augmentations_has_a_gallery(built):
    galleries = Augmentations().blocks(built.outcomes)
    assert [gallery.caption.split(":")[0] for gallery in galleries] == ["aga", "sd"]
    assert "aga, seed 1" in galleries[0].caption
    for (title, pictures), (name, own) in zip(galleries[0].rows, COLOURS.items(), strict=True):
        assert title == f"{name} (1 of 4 rejected: too small)"
        darker = [tuple(value // (place + 2) for value in own) for place in (0, 2, 3)]
        assert [colour(picture) for picture in pictures] == [own, *darker]
        assert [picture.alt for picture in pictures] == [
            f"Training image of {name}",
            *(f"Augmentation of {name}: {words}" for words in ("a lake", "a moor", "a wall")),
        ]
        assert pictures[0].caption == "original"
    assert [len(pictures) for _, pictures in galleries[1].rows] == [2, 2, 2]
    assert galleries[1].rows[0][1][1].alt == "Augmentation of gull"


def test_images_and_variants_are_as_many_as_asked(built):
    (gallery,) = Augmentations(arms=["aga"], images=2, variants=1).blocks(built.outcomes)
    assert [title for title, _ in gallery.rows] == ["gull", "jay"]  # from both ends of the training set
    assert [len(pictures) for _, pictures in gallery.rows] == [2, 2]
    (gallery,) = Augmentations(arms=["aga"], images=9, variants=9).blocks(built.outcomes)
    assert [len(pictures) for _, pictures in gallery.rows] == [5, 5, 5]


def test_an_image_whose_first_variants_are_rejected_is_left_out(built):
    built.done[1].augmentation["examples"][0]["variants"][0] = {"rejected": "odd"}
    (gallery,) = Augmentations(arms=["aga"], variants=1).blocks(built.outcomes)
    assert [title for title, _ in gallery.rows] == ["wren", "jay"]


def test_what_is_not_there_is_said_in_words(built):
    found = Augmentations(arms=["baseline", "late"]).blocks(built.outcomes)
    assert [(block.text, block.tone) for block in found] == [
        ("baseline: this arm makes no augmentations.", "note"),
        ("late: no cell is finished.", "note"),
    ]
    shutil.rmtree(built.store / "aga-1")
    (block,) = Augmentations(arms=["aga"]).blocks(built.outcomes)
    assert isinstance(block, Paragraph) and "are missing from their folder" in block.text
    built.done[:] = built.done[:1]
    (block,) = Augmentations().blocks(built.outcomes)
    assert block.text == "No finished cell has augmentations."


def test_a_study_that_was_moved_with_its_store_still_shows(built):
    for outcome in built.done[1:]:
        name = outcome.augmentation["collection"].rsplit("/", 1)[1]
        outcome.augmentation["collection"] = f"/no/such/place/augmented/{name}"
    assert all(isinstance(block, Gallery) for block in Augmentations().blocks(built.outcomes))


def test_large_pictures_are_shrunk(built):
    paint(built.aga.folder / "originals/0.png", (1, 2, 3), (2048, 1024))
    (gallery,) = Augmentations(arms=["aga"], images=1).blocks(built.outcomes)
    assert gallery.rows[0][1][0].image.size == (512, 256)


def test_rejects_are_counted_by_reason(built):
    other = next(one for one in built.cells if one.title == "aga, seed 0")
    built.done.insert(1, finished(other, augmentation=augmentation(built.store / "aga-0", 10, {"too small": 1})))
    table, *sheets = Rejects().blocks(built.outcomes)
    assert isinstance(table, Table) and table.header == ["arm", "reason", "asked", "rejected", "share"]
    assert plain(table) == [
        ["aga", "too small", "10", "2 (1 to 3)", "20.0 % (10.0 to 30.0)"],
        ["aga", "odd", "10", "0.5 (0 to 1)", "5.0 % (0.0 to 10.0)"],
        ["sd", "none rejected", "6", "0", "0.0 %"],
    ]
    assert sheets == []


def test_the_sheet_of_a_collection_is_shown_once(built):
    shared = next(one for one in built.cells if one.title == "late, seed 0")
    built.done.append(finished(shared, augmentation=augmentation(built.store / "aga-1", 5, {"too small": 2})))
    paint(built.store / "aga-1" / "rejected.png", (9, 8, 7), (900, 1200))
    _, sheet = Rejects(heading="Refused").blocks(built.outcomes)
    assert isinstance(sheet, Picture) and sheet.image.size == (900, 1200)
    assert sheet.caption.startswith("aga, late:") and "aga, late" in sheet.alt
    assert Rejects(heading="Refused").heading == "Refused"


def test_without_augmentations_there_are_no_rejects(built):
    (block,) = Rejects(arms=["late"]).blocks(built.outcomes)
    assert block.text == "None of these cells is finished."
    (block,) = Rejects(arms=["baseline"]).blocks(built.outcomes)
    assert block.text == "No finished cell has augmentations."
