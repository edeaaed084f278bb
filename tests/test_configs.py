"""Every shipped configuration is one that the command line takes, and that trains."""

import json
from pathlib import Path

import pytest
import yaml
from tiny.cub import write_cub
from tiny.imagenet import write_imagenet, write_sketch, write_v2
from tiny.iwildcam import write_alia

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.cli import main as cli
from aga_lightning.training.datamodule import AGADataModule

CONFIGS = Path(__file__).parents[1] / "configs"

# A recipe says how to train, a part how to augment, an arm how by another method, explain.yaml what to look at; they
# are put behind a configuration that says of what.
ALL = sorted(path for path in CONFIGS.rglob("*.yaml") if path.parent.name != "studies")  # see test_studies.py
WHOLE = ("csv.yaml", "cub.yaml", "imagenet10.yaml", "iwildcam.yaml", "photos.yaml", "quickstart.yaml")


@pytest.fixture(scope="session")
def trees(tmp_path_factory):
    """A miniature of each data set in its authors' layout, and the words that point a configuration to it."""
    folder = tmp_path_factory.mktemp("trees")
    root = "--data.dataset.root"
    imagenet = [root, str(write_imagenet(folder / "imagenet", train_per_class=2, val_per_class=1))]
    imagenet += ["--data.dataset.v2", str(write_v2(folder, 1)), "--data.dataset.sketch", str(write_sketch(folder, 1))]
    cameras = write_alia(folder)
    for name, rows in (("train", 15), ("val", 15), ("test", 29)):  # one camera is enough to train on
        path = cameras / f"{name}_subset.csv"
        path.write_text("\n".join(path.read_text().splitlines()[:rows]))
    (folder / "list.csv").write_text("path,label\n1.jpg,owl\n2.jpg,owl\n3.jpg,wren\n4.jpg,wren\n")
    return {
        "csv.yaml": ["--data.dataset.file", str(folder / "list.csv")],
        "cub.yaml": [root, str(write_cub(folder))],
        "imagenet10.yaml": [*imagenet, "--data.dataset.val_per_class", "1"],
        "iwildcam.yaml": [root, str(cameras)],
        "quickstart.yaml": [],
    }


@pytest.fixture
def words(trees, shared_disc_folder):
    """What the command line is given for a configuration: behind another one if it is only a part of one."""

    def words(path):
        name = path.relative_to(CONFIGS).as_posix()
        # The name of an arm that is for one configuration ends in its name.
        base = f"{path.stem.rpartition('_')[2]}.yaml"
        base = base if path.parent.name == "arms" and base in WHOLE else "photos.yaml"
        whole = name if name in WHOLE else base
        given = ["--config", name] if name in WHOLE else ["--config", base, "--config", str(path)]
        return [*given, *trees.get(whole, ["--data.dataset.root", str(shared_disc_folder)])]

    return words


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_it_is_instantiated_whole(path, tmp_path, monkeypatch, words, command):
    monkeypatch.chdir(tmp_path)
    seen = []
    # The verb itself stays away: what is tested is that every part named in the file can be made.
    monkeypatch.setattr(
        cli.AgaTrainer, "augment", lambda self, model=None, datamodule=None, shard="": seen.append(datamodule)
    )
    command("augment", *words(path))
    (datamodule,) = seen
    assert isinstance(datamodule, AGADataModule)
    named = yaml.safe_load(path.read_text()).get("data", {}).get("augmenter", {}).get("class_path", "AGA")
    assert isinstance(datamodule.augmenter, Augmenter)
    assert type(datamodule.augmenter).__name__ == named
    assert datamodule.num_classes > 1


# What makes a fit of any of them one of two steps, without a weight from outside.
SHRUNKEN = [
    *("--trainer.accelerator", "cpu", "--trainer.max_epochs", "1", "--trainer.check_val_every_n_epoch", "1"),
    *("--trainer.limit_train_batches", "2", "--trainer.limit_val_batches", "1", "--trainer.limit_test_batches", "1"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    *("--trainer.log_every_n_steps", "1", "--trainer.callbacks", "[]"),
    *("--data.batch_size", "4", "--data.num_workers", "0", "--data.image_size", "32", "--data.degree", "1"),
    *("--data.augmenter.max_side", "48", "--data.augmenter.gates", "[]", "--data.steps_per_epoch", "2"),
    *("--model.backbone", "resnet18", "--model.width", "8", "--model.weights", "null"),
]
TRAINED = [CONFIGS / name for name in WHOLE if name not in ("csv.yaml", "photos.yaml", "quickstart.yaml")]
TRAINED += sorted((CONFIGS / "recipes").glob("*.yaml"))


EVALUATED = {"imagenet10.yaml": {"test", "ood/v2", "ood/sketch"}}  # all others judge their test images alone


@pytest.mark.filterwarnings("ignore:.*augmentations were rejected")
@pytest.mark.parametrize("path", TRAINED, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_it_fits_and_one_of_them_validates_and_tests(path, tmp_path, monkeypatch, words, command):
    monkeypatch.chdir(tmp_path)
    command("fit", *words(path), *SHRUNKEN, "--trainer.run_dir", "fit")
    results = json.loads(Path("fit/results.json").read_text())
    assert set(results) == EVALUATED.get(path.name, {"test"})
    assert ("worst_group_acc" in results["test"]) == (path.name == "iwildcam.yaml")
    steps = [row.split(",") for row in Path("fit/metrics.csv").read_text().splitlines()]
    losses = [row for row in steps[1:] if row[steps[0].index("train/loss")]]
    assert len(losses) == 2
    recipe = yaml.safe_load(path.read_text())["model"]["optimizer"]["init_args"]
    ran = yaml.safe_load(Path("fit/config.yaml").read_text())["model"]["optimizer"]["init_args"]
    assert recipe.items() <= ran.items()
    if path.name == "imagenet10.yaml":
        for verb, sets in (("validate", {"val", "ood/v2", "ood/sketch"}), ("test", set(results))):
            command(verb, *words(path), *SHRUNKEN, "--ckpt_path", "best", "--trainer.run_dir", verb)
            judged = json.loads(Path(verb, "results.json").read_text())
            assert set(judged) == sets and all(judged[name] == results[name] for name in sets - {"val"})


def test_imagenet10_trains_by_the_reference_of_torchvision():
    imagenet10, recipe = (
        yaml.safe_load((CONFIGS / name).read_text()) for name in ("imagenet10.yaml", "recipes/torchvision.yaml")
    )
    defaults = {"check_val_every_n_epoch": 1, "steps_per_epoch": None, "image_size": 224}  # those of the command line
    model = {"weights": None, "body_lr": 1.0, "width": 64, "label_smoothing": 0.0, "mixing": "none"}
    assert recipe["model"].items() <= (model | imagenet10["model"]).items()
    for group in ("trainer", "data"):
        assert recipe[group].items() <= (defaults | imagenet10[group]).items()


def test_a_list_of_photos_is_treated_as_a_folder_of_photos_is():
    listed, photos = (yaml.safe_load((CONFIGS / name).read_text()) for name in ("csv.yaml", "photos.yaml"))
    assert listed["data"].pop("dataset")["class_path"] == "CsvImages"
    del photos["data"]["dataset"]
    assert listed == photos


def test_the_quickstart_trains_by_the_recipe_of_its_name():
    quickstart, recipe = (
        yaml.safe_load((CONFIGS / name).read_text()) for name in ("quickstart.yaml", "recipes/fieldguide.yaml")
    )
    assert recipe["model"] == quickstart["model"]
    for group in ("trainer", "data"):
        assert recipe[group].items() <= (quickstart[group] | {"batch_size": 32}).items()
