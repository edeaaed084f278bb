import inspect

import pytest

from aga_lightning import augment
from aga_lightning.cli.renamed import RENAMED


@pytest.mark.parametrize(
    "kind, old, new", [(kind, *names) for kind, all_names in RENAMED.items() for names in all_names.items()]
)
def test_a_setting_that_was_renamed_is_told_by_its_new_name(kind, old, new, command, capsys):
    settings = inspect.signature(getattr(augment, kind)).parameters
    assert new in settings and old not in settings
    with pytest.raises(SystemExit):
        command("check", "--config", "photos.yaml", "--data.augmenter", kind, f"--data.augmenter.{old}", "null")
    assert capsys.readouterr().err == f"error: data.augmenter.{kind}: {old} is called {new} now\n"


def test_it_is_told_too_for_a_setting_below_it_and_no_other_mistake_is_touched(command, capsys):
    for words, said in (
        (
            ["BeyondGeneration", "--data.augmenter.finder.margin", "3"],
            "BeyondGeneration: finder is called detector now",
        ),
        (["AGA", "--data.augmenter.filters", "null"], "AGA: Option 'filters' is not accepted"),
    ):
        with pytest.raises(SystemExit):
            command("check", "--config", "photos.yaml", "--data.augmenter", *words)
        assert capsys.readouterr().err == f"error: data.augmenter.{said}\n"
