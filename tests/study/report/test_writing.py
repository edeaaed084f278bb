import csv
import getpass
import html
from pathlib import Path

import pytest
from PIL import Image
from tiny.study_page import every_block, figure
from tiny.study_report import Said, outcomes

from aga_lightning.study.report.blocks import Cell, Paragraph, Table
from aga_lightning.study.report.writing import write_report
from aga_lightning.study.settings import StudyError


def lines(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def table(name="claims"):
    rows = [["a, b", Cell("1", "0 to 2"), "x"], ["c", Cell("3"), Cell("y")]]
    return Table(name, "Some.", ["arm", "acc", "note"], rows)


def test_the_numbers_of_every_cell_are_written(tmp_path):
    write_report(outcomes(tmp_path), [], tmp_path, "command")
    assert lines(tmp_path / "results.csv") == [
        ["arm", "seed", "set", "metric", "value", "optimiser_steps", "seconds", "folder"],
        ["aga", "0", "test", "acc", "0.95", "600", "31.3", "cells/aga_0"],
        ["aga", "0", "test", "f1", "0.9", "600", "31.3", "cells/aga_0"],
        ["aga", "0", "ood/new", "acc", "0.30000000000000004", "600", "31.3", "cells/aga_0"],
    ]


def test_tables_are_written_with_details_in_columns_of_their_own(tmp_path):
    write_report(outcomes(tmp_path), [Said(table())], tmp_path, "command")
    assert lines(tmp_path / "tables" / "claims.csv") == [
        ["arm", "acc", "acc (detail)", "note"],
        ["a, b", "1", "0 to 2", "x"],
        ["c", "3", "", "y"],
    ]


def test_figures_are_written_in_both_formats(tmp_path):
    write_report(outcomes(tmp_path), [Said(figure("degree"))], tmp_path, "command")
    with Image.open(tmp_path / "figures" / "degree.png") as image:
        assert image.size == (1800, 600)
    assert (tmp_path / "figures" / "degree.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_two_tables_of_one_name_are_both_written_and_the_page_names_them(tmp_path):
    write_report(outcomes(tmp_path), [Said(table()), Said(table(), table("a/b"))], tmp_path, "command")
    assert files(tmp_path / "tables") == ["a-b.csv", "claims-2.csv", "claims.csv", "versions.csv"]
    assert "tables/claims-2.csv" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_what_an_earlier_report_wrote_goes_and_what_others_wrote_stays(tmp_path):
    write_report(outcomes(tmp_path), [Said(table(), figure("degree"))], tmp_path, "command")
    others = [tmp_path / "figures" / "notes.txt", tmp_path / "claims.csv", tmp_path / "cells" / "a.png"]
    for path in others:
        path.write_text("mine", encoding="utf-8")
    write_report(outcomes(tmp_path), [Said(table("other"))], tmp_path, "command")
    assert files(tmp_path / "tables") == ["other.csv", "versions.csv"]
    assert files(tmp_path / "figures") == ["notes.txt"]
    assert all(path.read_text(encoding="utf-8") == "mine" for path in others)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StudyError("give the axis arm"), "This section could not be made: give the axis arm"),
        (ValueError("no rows"), "This section could not be made: ValueError: no rows"),
        (FileNotFoundError(2, "No such file", "predictions.csv"), "No such file: &#39;predictions.csv&#39;"),
    ],
)
def test_a_section_that_cannot_be_made_says_why_and_the_others_are_shown(tmp_path, error, told):
    sections = [Said(Paragraph("lost with it"), error, title="Broken"), Said(Paragraph("Still here."))]
    written = write_report(outcomes(tmp_path), sections, tmp_path, "command").read_text(encoding="utf-8")
    broken = written[written.index('id="section-broken"') : written.index("Still here.")]
    assert told in broken
    assert "lost with it" not in written


def test_a_fault_of_a_section_is_raised_and_the_last_report_stays(tmp_path):
    page = write_report(outcomes(tmp_path), [], tmp_path, "command")
    before = page.read_bytes()
    with pytest.raises(KeyError, match="acc"):
        write_report(outcomes(tmp_path), [Said(KeyError("acc"))], tmp_path, "command")
    assert page.read_bytes() == before


def test_the_page_ends_with_what_failed_and_how_it_was_made(tmp_path):
    command = ["python", "-m", "aga_lightning", "study", "--config", "my studies/a.yaml"]
    page = write_report(outcomes(tmp_path), [Said()], tmp_path, command)
    assert page == tmp_path / "report.html"
    written = html.unescape(page.read_text(encoding="utf-8"))
    places = [written.index(f">{title}</h2>") for title in ("Found", "What failed", "How this was made")]
    assert places == sorted(places)
    assert "python -m aga_lightning study --config 'my studies/a.yaml'" in written
    assert "<h1>Quick</h1>" in written
    assert "MemoryError" in written


def test_no_place_of_the_machine_is_in_any_file(tmp_path):
    place = f"{Path.cwd()}/x and {Path.home()}/y and {tmp_path}/z and /mnt/{getpass.getuser()}/w"
    found = outcomes(tmp_path, paths={"cub": f"{tmp_path.parent}/cub"})
    sections = [Said(Paragraph(place), Table("t", place, ["a"], [[place]])), Said(ValueError(place))]
    write_report(found, sections, tmp_path, ["python", f"{Path.cwd()}/a.py"])
    for path in [tmp_path / "report.html", tmp_path / "results.csv", *(tmp_path / "tables").iterdir()]:
        written = path.read_text(encoding="utf-8")
        for secret in (tmp_path, tmp_path.parent, Path.cwd(), Path.home(), "/mnt/"):
            assert f"{secret}/".replace("//", "/") not in written
    assert "x and ~/y and z and …/w" in (tmp_path / "tables" / "t.csv").read_text(encoding="utf-8")


def test_nothing_half_written_is_left(tmp_path):
    sections = [Said(*blocks, title=title) for title, blocks in every_block()]
    write_report(outcomes(tmp_path), sections, tmp_path, "command")
    assert not [name for name in files(tmp_path) if Path(name).name.startswith(".")]


def test_a_study_of_which_nothing_is_finished_has_a_report(tmp_path):
    found = outcomes(tmp_path)
    found = type(found)(found.plan, [], [], [], ["aga, seed 0"])
    written = write_report(found, [Said()], tmp_path / "new", "command").read_text(encoding="utf-8")
    assert "0 of 3 finished" in written
    assert len(lines(tmp_path / "new" / "results.csv")) == 1
