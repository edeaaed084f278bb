import sys

import pytest
import yaml

from aga_lightning.cli.verbs.study import run
from aga_lightning.study import runner

# Stands in for `python -m aga_lightning fit`: leaves what a finished fit leaves, or fails where it is told to.
FIT = """
import json, pathlib, sys
said = dict(zip(sys.argv[2::2], sys.argv[3::2]))
folder = pathlib.Path(said["--trainer.run_dir"])
if said.get("--fail"):
    raise SystemExit("no such photo")
right = int(said["--model.width"])
(folder / "results.json").write_text(json.dumps({"test": {"acc": right / 4, "recall": 0, "f1": 0, "loss": 0}}))
rows = [f"test,{n}.jpg,wren,{'wren' if n < right else 'tit'},0.9" for n in range(4)]
(folder / "predictions.csv").write_text("\\n".join(["set,image,label,predicted,confidence", *rows]) + "\\n")
(folder / "training.json").write_text(json.dumps({"optimiser_steps": 600, "epochs": 1, "seconds": 1.0}))
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of two arms, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "command_line", lambda arguments: [sys.executable, "-c", FIT, *arguments])
    (tmp_path / "base.yaml").write_text("data: {steps_per_epoch: 5}")
    content = {
        "out": "runs/small",
        "title": "A small study",
        "base": ["base.yaml"],
        "axes": {"arm": {"baseline": {"model.width": 1}, "AGA": {"model.width": 3}}, "seed": [0]},
        "report": ["AccuracyTable"],
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return tmp_path


def exit_status(verb, *words):
    with pytest.raises(SystemExit) as stop:
        run(verb, ["--config", "small.yaml", *words])
    return stop.value.code


def test_a_study_runs_its_cells_and_reports(study, capsys):
    assert exit_status("study") == 0
    said = capsys.readouterr().out
    assert "[2/2" in said and f"Report: {study / 'runs/small/report.html'}" in said
    page = (study / "runs/small/report.html").read_text()
    assert "A small study" in page and "75.0" in page and "25.0" in page
    assert "python -m aga_lightning study --config small.yaml" in page, "the command that made it"
    assert (study / "runs/small/results.csv").read_text().count("\n") == 1 + 2 * 4
    kept = yaml.safe_load((study / "runs/small/study.yaml").read_text())
    assert kept["axes"]["arm"]["AGA"] == {"model.width": 3}


def test_the_report_is_made_again_without_a_run(study, capsys):
    exit_status("study")
    (study / "runs/small/report.html").unlink()
    logs = {path: path.read_text() for path in (study / "runs").rglob("log.txt")}
    assert exit_status("report", "--title", "Another title") == 0
    assert "Another title" in (study / "runs/small/report.html").read_text()
    assert {path: path.read_text() for path in (study / "runs").rglob("log.txt")} == logs


def test_what_it_kept_is_a_study_too(study):
    exit_status("study")
    with pytest.raises(SystemExit) as stop:
        run("report", ["--config", "runs/small/study.yaml"])
    assert stop.value.code == 0


def test_a_failure_is_told_and_reported(study, capsys):
    words = ["--axes.arm", "{baseline: {model.width: 1}, AGA: {fail: true, model.width: 3}}"]
    assert exit_status("study", *words) == 1
    said = capsys.readouterr().out
    assert "failed: AGA, seed 0" in said
    assert "no such photo" in (study / "runs/small/report.html").read_text(), "with the end of its log"


def test_a_dry_run_only_tells(study, capsys):
    assert exit_status("study", "--dry_run", "true") == 0
    said = capsys.readouterr().out
    assert said.count("to run") == 2 and "2 cells and 0 comparisons; of 2 here 0 are finished" in said
    assert not (study / "runs").exists()


def test_settings_behind_two_dashes_are_those_of_every_cell(study):
    assert exit_status("study", "--", "--data.degree", "7", "--model.stem=small") == 0
    kept = yaml.safe_load((study / "runs/small/study.yaml").read_text())
    assert kept["overrides"] == {"data.degree": 7, "model.stem": "small"}
    logs = [path.read_text() for path in (study / "runs").rglob("log.txt")]
    assert len(logs) == 2 and all("--data.degree 7 --model.stem small" in log for log in logs)


def test_a_shard_runs_its_part_and_leaves_the_report(study, capsys):
    assert exit_status("study", "--shard", "1/2") == 0
    assert len(list((study / "runs").rglob("done.json"))) == 1
    assert not (study / "runs/small/report.html").exists()
    assert exit_status("study") == 0
    assert "1 of 2 are finished already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grids", "[{arm: [BGA]}]"], "grid 1 asks for arm BGA"),
        (["--axes.arm", "{}"], "axes.arm has no levels"),
        (["--report", "[{class_path: AccuracyTable, init_args: {where: {colour: red}}}]"], "names the axis colour"),
        (["--shard", "8/8"], "--shard is '8/8'; give i/n"),
        (["--", "--data.degree"], "after -- give settings of fit"),
        (["--", "degree", "4"], "after -- give settings of fit"),
        (["--base", "[nowhere.yaml]"], "nowhere.yaml: this configuration cannot be read"),
    ],
)
def test_a_mistake_in_a_study_is_told_in_a_line(study, words, message):
    told = exit_status("study", *words)
    assert told.startswith("StudyError: ") and message in told and "\n" not in told


def test_a_mistake_on_the_command_line_is_told_in_a_line(study, capsys):
    assert exit_status("study", "--jobs", "many") == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "jobs" in told
