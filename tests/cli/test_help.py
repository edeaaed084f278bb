from argparse import ArgumentParser

import pytest

from aga_lightning.cli.help import ALL, short_help
from aga_lightning.cli.main import AgaCLI, run


@pytest.fixture
def parser():
    parser = ArgumentParser(prog="x fit")
    trainer = parser.add_argument_group("The trainer")
    trainer.add_argument("--trainer.max_epochs", help="How long.")
    model = parser.add_argument_group("The model")
    model.add_argument("--model", metavar="CONFIG", help="All of it in a file.")
    model.add_argument("--model.width", default=64, help="Channels, as in Xiao et al. 2020. More of it.")
    model.add_argument("--model.optimizer.help", help="Its settings.")
    data = parser.add_argument_group("The data")
    data.add_argument("--data.root", help="Where the images are: a folder")
    return parser


def test_a_verbs_help_has_our_settings_with_a_sentence_each(parser):
    told = short_help("fit", [(group.title, group._group_actions) for group in parser._action_groups])
    entries = [" ".join(line.split()) for line in told.splitlines()]
    assert "--model.width Channels, as in Xiao et al. 2020 (64)" in entries
    assert entries.index("--data.root Where the images are: a folder") < entries.index("The model:")
    assert (
        "--trainer.max_epochs How long" not in entries and "help Its settings" not in told and "in a file" not in told
    )


@pytest.mark.parametrize(("word", "whole"), [("--help", False), (ALL, True)])
def test_lightnings_settings_are_told_where_all_is_asked_for(capsys, monkeypatch, word, whole):
    monkeypatch.setattr("sys.argv", ["aga_lightning", "fit", word])
    with pytest.raises(SystemExit) as stop:
        run()
    told = capsys.readouterr().out
    assert stop.value.code == 0 and "--data.degree" in told
    assert ("--trainer.max_epochs MAX_EPOCHS" in told) == whole
    assert len(told.splitlines()) < 150 or whole


def test_a_mistake_comes_with_the_setting_that_was_meant(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["aga_lightning", "fit", "--config", "photos.yaml", "--max_epochs", "3"])
    with pytest.raises(SystemExit):
        AgaCLI()
    assert capsys.readouterr().err == (
        "error: unrecognized arguments: --max_epochs 3; did you mean --trainer.max_epochs?\n"
    )
