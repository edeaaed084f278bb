"""The studies that are shipped, on miniatures of their data sets and with shrunken models, as a user runs them."""

import json
from pathlib import Path

import pytest
import yaml
from tiny.arms import configured, save_weights
from tiny.cub import write_cub
from tiny.imagenet import write_imagenet, write_sketch, write_v2
from tiny.iwildcam import write_alia

from aga_lightning.files import read_csv
from aga_lightning.study import runner
from aga_lightning.study.state import DONE, write_state

CONFIGS = Path(__file__).parents[1] / "configs"
STUDIES = sorted(path.name for path in (CONFIGS / "studies").glob("*.yaml"))

# What makes a cell one of two steps. The models of the arms are shrunken by configurations of the same names in the
# working directory, which come before the packaged ones.
SHRUNKEN = {
    "trainer.accelerator": "cpu",
    "trainer.max_epochs": "1",
    "trainer.check_val_every_n_epoch": "1",
    "trainer.enable_model_summary": "false",
    "trainer.enable_progress_bar": "false",
    "data.batch_size": "4",
    "data.num_workers": "0",
    "data.image_size": "32",
    "data.steps_per_epoch": "2",
    "model.width": "8",
    "model.weights": "null",
}
ARMS = {
    "parts/paper.yaml": "AGA",
    "arms/da_fusion.yaml": "DAFusion",
    "arms/beyond_generation.yaml": "BeyondGeneration",
    "arms/alia_cub.yaml": "ALIA",
    "arms/alia_iwildcam.yaml": "ALIA",
}


@pytest.fixture(scope="session")
def trees(tmp_path_factory):
    """A miniature of each data set, by the names that the studies have for their places."""
    folder = tmp_path_factory.mktemp("trees")
    return {
        "cub": write_cub(folder),
        "iwildcam": write_alia(folder),
        "imagenet": write_imagenet(folder / "imagenet", train_per_class=2, val_per_class=1),
        "v2": write_v2(folder),
        "sketch": write_sketch(folder),
    }


@pytest.fixture(scope="session")
def shrunken_models(tmp_path_factory):
    """The configurations of the arms, on tiny checkpoints."""
    weights = save_weights(tmp_path_factory.mktemp("weights"))
    written = {}
    for name, arm in ARMS.items():
        content = configured(arm, weights)
        content["data"]["degree"] = 1
        content["data"]["augmenter"]["init_args"]["max_side"] = 48
        if arm == "AGA":  # the data set's configuration may name other parts, whose settings these are not
            cut = {"class_path": "GrabCut", "init_args": {"size": 64}}
            content["data"]["augmenter"]["init_args"] |= {"detector": {"class_path": "CentrePrior"}, "segmenter": cut}
        written[name] = yaml.safe_dump(content)
    imagenet10 = yaml.safe_load((CONFIGS / "imagenet10.yaml").read_text())
    imagenet10["data"]["dataset"]["init_args"]["val_per_class"] = 1  # of its two images
    return written | {"imagenet10.yaml": yaml.safe_dump(imagenet10)}


@pytest.fixture
def study(trees, shrunken_models, command, tmp_path, monkeypatch):
    """Runs a study whole, each cell in this process, which saves the start of a process for each; its folder."""
    monkeypatch.chdir(tmp_path)
    for name, content in shrunken_models.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content)

    def run_here(job, plan, slots, processes):
        command(*job.arguments)
        write_state(job.folder / DONE, {"seconds": 1.0, "versions": {}})
        return 0

    monkeypatch.setattr(runner, "_run", run_here)

    def run(name, *words):
        paths = yaml.safe_load((CONFIGS / "studies" / name).read_text()).get("paths", {})
        given = [word for path in paths for word in (f"--paths.{path}", str(trees[path]))]
        shrunken = [f"--{key}={value}" for key, value in SHRUNKEN.items()]
        behind = words.index("--") if "--" in words else len(words)
        with pytest.raises(SystemExit) as stop:
            typed = [*given, "--jobs", "1", *words[:behind], "--", *shrunken, *words[behind + 1 :]]
            command("study", "--config", f"studies/{name}", *typed)
        assert stop.value.code == 0
        return Path(yaml.safe_load((CONFIGS / "studies" / name).read_text())["out"])

    return run


def results(out):
    return read_csv(out / "results.csv")


MEASURED = {"images": 2, "measures": ["aic", "sic", "insertion"], "min_prediction": 0.0, "triangulation": "reduced"}
EXPLAINED = ["--explain.callbacks", json.dumps([{"class_path": "Faithfulness", "init_args": MEASURED}])]
SMALL = {"train": 2, "val": 2, "test": 2, "ood": 2}
FEW = ["--axes.backbone", "[resnet18]", "--axes.seed", "[0]"]


@pytest.mark.filterwarnings("ignore:.*augmentations were rejected")
def test_the_tables_and_figures_of_imagenet10(study):
    out = study("table1.yaml", *FEW)
    assert {(row["arm"], row["set"]) for row in results(out)} == {
        (arm, name) for arm in ("baseline", "AGA") for name in ("test", "ood/v2", "ood/sketch")
    }
    page = (out / "report.html").read_text()
    assert "93.4" in page and "47.8" in page, "the paper's numbers stand beside ours"
    cells = {path: path.stat().st_mtime_ns for path in Path("runs/imagenet10/cells").rglob(DONE)}
    assert len(cells) == 2

    out = study("table2.yaml", *FEW, *EXPLAINED)
    assert {path: path.stat().st_mtime_ns for path in cells} == cells, "cells that studies share are run once"
    assert "0.764" in (out / "report.html").read_text()

    out = study("figure6.yaml", *FEW, "--axes.degree", "[2, 10]")
    assert (out / "figures").is_dir() and list((out / "figures").glob("*.svg"))
    assert len(list(Path("runs/imagenet10/cells").iterdir())) >= 4

    out = study("figure9.yaml", *FEW)
    assert (out / "report.html").read_text().count("<img") >= 3, "a sheet of each set"


@pytest.mark.filterwarnings("ignore:.*augmentations were rejected")
def test_arms_on_three_data_sets(study):
    grids = [
        {"dataset": ["cub"], "arm": ["baseline", "ALIA", "AGA 2X"]},
        {"dataset": ["iwildcam"], "arm": ["baseline", "ALIA"]},
        {"dataset": ["imagenet10"], "arm": ["baseline"]},
    ]
    out = study("figure8.yaml", "--grids", json.dumps(grids), "--", "--model.backbone=resnet18")
    found = {(row["dataset"], row["arm"]) for row in results(out)}
    assert len(found) == 3 + 2 + 1
    assert {row["optimiser_steps"] for row in results(out)} == {"2"}, "all arms take the same number of steps"


@pytest.mark.filterwarnings("ignore:.*augmentations were rejected")
def test_the_quick_one(study):
    words = ["--axes.backbone", "[resnet18]", "--axes.degree", "[4, 1]"]
    seeds = {"levels": [0], "sets": ["seed_everything", "data.dataset.seed"]}
    grids = [{"arm": ["baseline", "AGA", "background swap"]}, {"arm": ["AGA"], "degree": "all"}]
    small = [f"--data.dataset.{split}_per_class={count}" for split, count in SMALL.items()]
    out = study(
        "quick.yaml", *words, "--axes.seed", json.dumps(seeds), "--grids", json.dumps(grids), *EXPLAINED, "--", *small
    )
    page = (out / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page


@pytest.mark.filterwarnings("ignore:.*augmentations were rejected")
def test_the_arms_that_take_aga_apart(study):
    grids = [{"arm": ["none", "mixup", "aga-1x", "swap within class 4x"]}]
    small = [f"--data.dataset.{split}_per_class={count}" for split, count in SMALL.items()]
    out = study("effect.yaml", "--grids", json.dumps(grids), "--explain.arms", '["aga-1x"]', *EXPLAINED, "--", *small)
    sets = {"test", "ood/new_habitats", "ood/only_fg", "ood/only_bg_t", "ood/mixed_same", "ood/mixed_rand"}
    assert set(grids[0]["arm"]) == {row["arm"] for row in results(out)}
    assert sets <= {row["set"] for row in results(out)}
    tables = {path.name for path in (out / "tables").iterdir()}
    assert {"accuracy.csv", "how-much-the-arms-rely-on-backgrounds.csv", "costs.csv"} <= tables


@pytest.mark.parametrize("name", STUDIES)
def test_it_is_planned_with_equal_steps_and_a_folder_for_each_cell(name, command, capsys):
    paths = yaml.safe_load((CONFIGS / "studies" / name).read_text()).get("paths", {})
    given = [word for path in paths for word in (f"--paths.{path}", "somewhere")]
    with pytest.raises(SystemExit) as stop:
        command("study", "--config", f"studies/{name}", *given, "--dry_run", "true", "--out", "nowhere")
    assert stop.value.code == 0
    assert "to run" in capsys.readouterr().out
    assert not Path("nowhere").exists(), "a dry run writes nothing"
