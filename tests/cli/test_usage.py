"""What is answered at once, and what is left to the verbs."""

import subprocess
import sys

import pytest

from aga_lightning import __version__
from aga_lightning.cli.main import AgaCLI
from aga_lightning.cli.usage import STUDIES, VERBS, answer


def test_the_version_costs_no_heavy_import():
    command = [sys.executable, "-X", "importtime", "-m", "aga_lightning", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, __version__)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "aga_lightning.cli.usage" in loaded and not loaded & {"torch", "lightning", "jsonargparse", "numpy"}


def test_the_verbs_are_those_of_the_command_line(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["aga_lightning", "test"])
    assert set(AgaCLI.subcommands()) == {"test"}, "a verb that is typed does not wait for the settings of the others"
    monkeypatch.setattr(sys, "argv", ["aga_lightning"])
    assert set(VERBS) == {*AgaCLI.subcommands(), *STUDIES}
    for words in ([], ["--help"], ["-h"]):
        with pytest.raises(SystemExit) as stop:
            answer(words)
        shown = capsys.readouterr().out
        assert stop.value.code == 0 and all(f"  {verb} " in shown for verb in VERBS)
        assert "--traceback" in shown and "AGA_TRACEBACK" in shown


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["fti"], "error: there is no verb 'fti'; did you mean fit?"),
        (["paint"], "error: there is no verb 'paint'; the verbs are fit, check"),
        (["fit", "--config", "qickstart.yaml"], "did you mean quickstart.yaml"),
        (["fit", "--config=quickstart.yaml", "-c", "nowhere.yaml"], "there is no nowhere.yaml"),
        (["study", "--config", "studies/quik.yaml"], "did you mean studies/quick.yaml"),
        (["fit", "--config"], "--config names no configuration"),
        (["fit", "-c", "--data.degree", "2"], "--config names no configuration"),
    ],
)
def test_a_mistyped_word_is_told_in_a_line(capsys, tmp_path, monkeypatch, words, line):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        answer(words)
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and line in shown and len(shown.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "--help"],
        ["fit", "--config", "quickstart.yaml"],
        ["--config", "quickstart.yaml", "fit"],
        ["study", "--config", "studies/quick.yaml", "--", "--config", "nowhere.yaml"],
    ],
)
def test_the_rest_is_left_to_the_verbs_and_a_line_says_what_takes_so_long(capsys, monkeypatch, words):
    answer(words)
    shown = capsys.readouterr()
    assert (
        not shown.out
        and shown.err.startswith(("aga_lightning fit: ", "aga_lightning study: "))
        and len(shown.err.splitlines()) == 1
    )
    monkeypatch.setenv("LOCAL_RANK", "1")
    answer(words)
    assert not capsys.readouterr().err, "one rank says so"


def test_settings_in_variables_that_nobody_reads_are_refused(capsys, monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "3")  # Lightning's own
    answer(["fit", "--config", "quickstart.yaml"])
    monkeypatch.setenv("PL_FIT__TRAINER__MAX_EPOCHS", "3")
    with pytest.raises(SystemExit):
        answer(["fit", "--config", "quickstart.yaml"])
    assert "PL_FIT__TRAINER__MAX_EPOCHS is not read: unset it, and set --trainer.max_epochs" in capsys.readouterr().err
