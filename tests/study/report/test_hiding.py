import sysconfig
from pathlib import Path

import pytest
from tiny.study_page import figure, picture

from aga_lightning.study.report.blocks import Cell, Gallery, Listing, Paragraph, Table
from aga_lightning.study.report.hiding import hide_places, place_from

OUT = Path("/disk/scratch/studies/quick")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (f"see {OUT}/cells/aga/log.txt", "see cells/aga/log.txt"),
        (f"{Path.cwd()}/studies/a.yaml", "studies/a.yaml"),
        (f'File "{sysconfig.get_path("purelib")}/torch/nn/x.py", line 3', 'File "torch/nn/x.py", line 3'),
        (f"{Path.home()}/data/cub", "~/data/cub"),
        ("cub: /disk/data/cub", "cub: …/cub"),
        ("No such file: '/disk/a b'", "No such file: '…/a b'"),
        ("path:/disk/x/y.txt, then", "path:…/y.txt, then"),
        ("file:///disk/x/y.txt", "…/y.txt"),
        (str(OUT), "…/quick"),
        ("runs/quick/cells and {cub}/images/train", "runs/quick/cells and {cub}/images/train"),
        ("https://example.org/a/b/c", "https://example.org/a/b/c"),
        ("SIC/AIC/insertion, 1/2/3, a / b / c", "SIC/AIC/insertion, 1/2/3, a / b / c"),
    ],
)
def test_no_place_of_the_machine_is_told(words, told):
    assert hide_places(words, OUT) == told


def test_places_are_hidden_in_all_that_blocks_say():
    place, told = f"{OUT}/a.txt", "a.txt"
    shown = figure(alt=place)
    blocks = [
        Paragraph(place),
        Table("t", place, [place], [[place], [Cell("1", place)]], notes=[place]),
        Listing(place, place),
        Gallery(place, [(place, [picture(alt=place, caption=place)])]),
    ]
    paragraph, table, listing, gallery = hide_places(blocks, OUT)
    assert paragraph == Paragraph(told)
    assert table == Table("t", told, [told], [[told], [Cell("1", told)]], notes=[told])
    assert listing == Listing(told, told)
    (title, (found,)) = gallery.rows[0]
    assert (gallery.caption, title, found.alt, found.caption) == (told,) * 4
    hidden = hide_places(shown, OUT)
    assert hidden.alt == told
    assert hidden.drawing is shown.drawing


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (OUT / "cells" / "a", "cells/a"),
        (OUT.parent / "table1" / "cells" / "a", "../table1/cells/a"),
        (Path("/elsewhere/store/cells/a"), "…/a"),
    ],
)
def test_a_place_is_told_from_the_study_s_folder(path, told):
    assert place_from(path, OUT) == told
