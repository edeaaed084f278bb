"""Every arm of the experiment, whole: told by --help, made by `augment`, trained on by `fit`, on photos.

Those that need no weights run as they are, those that do on tiny checkpoints of the real classes.
"""

import inspect
import json
import re
import shutil
from itertools import product
from pathlib import Path

import pytest
import yaml
from conftest import write_disc_folder
from tiny.blip import save_blip
from tiny.clip_model import save_clip
from tiny.llama import build_llama
from tiny.sd1 import save_tiny_sd1
from tiny.sdxl import save_tiny_sdxl

import aga_lightning.parts  # noqa: F401 so that all arms are known
from aga_lightning.augment.augmenter import Augmenter

REAL = Path(__file__).parents[2] / "shared" / "data" / "imagenet9-photos"

QUICK = [
    *("--trainer.max_epochs", "1", "--trainer.check_val_every_n_epoch", "1", "--trainer.callbacks", "[]"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    *("--data.num_workers", "0", "--data.degree", "1", "--data.steps_per_epoch", "2", "--data.batch_size", "4"),
    *("--data.image_size", "32", "--model.width", "8", "--trainer.run_dir", "run"),
]

CUT = {"segmenter": {"size": 64}}
SD1 = {"weights": "{weights}/sd1", "steps": 2, "width": 64, "height": 64}
CLIP = {"weights": "{weights}/clip"}
# What a user with weights of their own puts behind the name of an arm. Few steps make it quick, and gates that ask
# random weights whether they like what random weights have painted are left out.
SETTINGS = {
    "AGA": CUT,
    "MeanColourBackground": CUT,
    "BlurredBackground": CUT,
    "OwnBackground": CUT,
    "BackgroundSwap": {**CUT, "max_hole": 0.95},
    "TextToImage": {"generator": {"weights": "{weights}/sdxl", "steps": 1, "width": 64, "height": 64}},
    "ImageToImage": {"editor": SD1},
    "Inpainting": {**CUT, "editor": {**SD1, "task": "inpainting"}},
    "ALIA": {
        "image_captioner": {"weights": "{weights}/blip"},
        "summariser": {"weights": "{weights}/llama", "max_new_tokens": 24, "tries": 4},
        "editor": SD1,
        "semantic_filter": {**CLIP, "negatives": [], "min_similarity": -1.0},
    },
    "DAFusion": {"inversion": {"initializer": "a", "steps": 2, "batch_size": 1, "resolution": 64}, "editor": SD1},
    "BeyondGeneration": {
        "foreground_painter": SD1,
        "background_painter": SD1,
        "selector": CLIP,
        "finder": "CentrePrior",
        "cutter": {"size": 64},
        "filters": [],
    },
}


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
    folder = tmp_path_factory.mktemp("weights")
    save_tiny_sd1(folder / "sd1")
    save_tiny_sdxl(folder / "sdxl")
    save_blip(folder / "blip")
    save_clip(folder / "clip")
    build_llama(folder / "llama", chat=True)
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Two classes of four training photos each: real ones, or drawn ones where those are missing."""
    root = tmp_path_factory.mktemp("photos")
    if not REAL.is_dir():
        return write_disc_folder(root)
    for split, name in product(("train", "val"), ("bird", "dog")):
        (root / split / name).mkdir(parents=True)
        for path in sorted((REAL / split / name).iterdir())[:4]:
            shutil.copy(path, root / split / name)
    return root


def configured(arm, weights):
    """A configuration's part that names an arm, its weights, and no gate for subjects."""
    settings = json.loads(json.dumps(SETTINGS[arm]).replace("{weights}", str(weights)))
    parts = {name: {"init_args": value} if isinstance(value, dict) else value for name, value in settings.items()}
    return {"data": {"augmenter": {"class_path": arm, "init_args": parts}}}


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


CLASSICAL = [
    *(("--data.policy", policy) for policy in ("randaugment", "trivialaugment", "augmix", "autoaugment")),
    *(("--model.mixing", mixing) for mixing in ("mixup", "cutmix", "both")),
]


@pytest.mark.parametrize("setting", CLASSICAL, ids=lambda setting: setting[1])
def test_a_classical_rival_trains(setting, photos, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--config", "photos.yaml", "--data.dataset.root", str(photos), "--data.augmenter", "null"]
    command("fit", *words, *QUICK, *setting)
    assert "acc" in json.loads(Path("run/results.json").read_text())["test"]
