"""Every shipped configuration is one that the command line takes."""

from pathlib import Path

import pytest
import yaml

from aga_lightning import cli
from aga_lightning.augment.aga import AGA
from aga_lightning.data.datamodule import AGADataModule

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_it_is_instantiated_whole(path, tmp_path, monkeypatch, disc_folder, command):
    monkeypatch.chdir(tmp_path)
    seen = []
    # The verb itself stays away: what is tested is that every part named in the file can be made.
    monkeypatch.setattr(
        cli.AgaTrainer, "augment", lambda self, model=None, datamodule=None, shard="": seen.append(datamodule)
    )
    # A recipe says how to train, a part how to augment, explain.yaml what to look at; they are put behind a
    # configuration that says of what.
    behind = path.parent.name in ("recipes", "parts") or path.name == "explain.yaml"
    before = ["--config", "photos.yaml"] if behind else []
    words = ["augment", *before, "--config", str(path)]
    if before or "root" in str(yaml.safe_load(path.read_text())):
        words += ["--data.dataset.root", str(disc_folder)]
    command(*words)
    (datamodule,) = seen
    assert isinstance(datamodule, AGADataModule)
    assert isinstance(datamodule.augmenter, AGA)
    assert datamodule.num_classes > 1


def test_the_quickstart_trains_by_the_recipe_of_its_name():
    quickstart, recipe = (
        yaml.safe_load((CONFIGS / name).read_text()) for name in ("quickstart.yaml", "recipes/fieldguide.yaml")
    )
    assert recipe["model"] == quickstart["model"]
    for group in ("trainer", "data"):
        assert recipe[group].items() <= (quickstart[group] | {"batch_size": 32}).items()
