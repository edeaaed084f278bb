import dataclasses

import pytest
from PIL import Image

from aga_lightning.study.report.blocks import Cell, Gallery, Paragraph, Picture, Table


def test_blocks_cannot_be_changed_once_they_are_made():
    table = Table("accuracy", "What it shows.", ["arm", "test"], [["AGA", Cell("94.7")]])
    for block, field in ((Paragraph("words"), "text"), (Cell("1"), "tone"), (table, "rows")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(block, field, "other")


def test_what_is_not_said_is_plain():
    assert Paragraph("words").tone == Cell("1").tone == "plain"
    assert Table("t", "", [], []).labels == 1 and Table("t", "", [], []).notes == ()


def test_pictures_are_themselves_and_not_equal_to_others_that_look_alike():
    one, other = (Picture(Image.new("RGB", (2, 2)), "two") for _ in range(2))
    assert one != other and len({one, other}) == 2
    assert Gallery("both", [("a row", [one, other])]).rows[0][1] == [one, other]
