"""Every arm of the experiment, whole: told by --help, made by `augment`, trained on by `fit`, on photos.

Those that need no weights run as they are, those that do on tiny checkpoints of the real classes.
"""

import inspect
import json
import re
from pathlib import Path

import pytest
import yaml
from tiny.arms import SETTINGS, configured, save_weights

import aga_lightning.cli.parts  # noqa: F401 so that all arms are known
from aga_lightning.augment.augmenter import Augmenter

QUICK = [
    *("--trainer.max_epochs", "1", "--trainer.check_val_every_n_epoch", "1", "--trainer.callbacks", "[]"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    *("--data.num_workers", "0", "--data.degree", "1", "--data.steps_per_epoch", "2", "--data.batch_size", "4"),
    *("--data.image_size", "32", "--model.weights", "null", "--model.width", "8", "--trainer.run_dir", "run"),
]


def arms(kind=Augmenter):
    """All methods of ours that a configuration may name."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("aga_lightning.") and not inspect.isabstract(child):
            yield child.__name__
        yield from arms(child)


def test_no_arm_is_forgotten_here():
    assert set(SETTINGS) == set(arms())


@pytest.mark.parametrize("arm", sorted(SETTINGS))
def test_help_tells_what_it_is_whose_and_what_an_image_costs(arm, command, capsys):
    with pytest.raises(SystemExit) as stop:
        command("fit", f"--data.augmenter.help={arm}")
    assert stop.value.code == 0
    about = " ".join(capsys.readouterr().out.partition("Settings:")[0].split())
    assert re.search(r"et al\. \(?20\d\d", about), "its paper"
    assert "Cost an image: " in about


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder of tiny checkpoints of the real classes."""
    return save_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def photos(shared_disc_folder):
    """Two classes of four training photos each."""
    return shared_disc_folder


@pytest.mark.filterwarnings("ignore:.*augmentations were rejected")
@pytest.mark.parametrize("arm", sorted(SETTINGS))
def test_it_augments_and_trains(arm, weights, photos, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("arm.yaml").write_text(yaml.safe_dump(configured(arm, weights)))
    words = ["--config", "photos.yaml", "--config", "arm.yaml", "--data.dataset.root", str(photos), *QUICK]
    words += ["--data.augmenter.max_side", "96"]
    command("augment", *words)
    (collection,) = Path("cache/augmented").iterdir()
    assert collection.name.startswith(arm.lower())
    rows = [json.loads(line) for line in (collection / "metadata.jsonl").read_text().splitlines()]
    rejected = (collection / "rejected.jsonl").read_text().splitlines()
    assert rows and len(rows) + len(rejected) == 8
    assert all(row["caption"] and (collection / row["file_name"]).is_file() for row in rows)
    made = {path: path.stat().st_mtime_ns for path in Path("cache").rglob("*.jpg")}
    command("fit", *words)
    assert {path: path.stat().st_mtime_ns for path in Path("cache").rglob("*.jpg")} == made, "nothing is made twice"
    assert "acc" in json.loads(Path("run/results.json").read_text())["test"]
    assert arm in Path("run/config.yaml").read_text()


CLASSICAL = [("randaugment", "mixup"), ("trivialaugment", "cutmix"), ("augmix", "both"), ("autoaugment", "none")]


@pytest.mark.parametrize(("policy", "mixing"), CLASSICAL)
def test_classical_rivals_train(policy, mixing, photos, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--config", "photos.yaml", "--data.dataset.root", str(photos), "--data.augmenter", "null"]
    command("fit", *words, *QUICK, "--data.policy", policy, "--model.mixing", mixing)
    assert "acc" in json.loads(Path("run/results.json").read_text())["test"]
