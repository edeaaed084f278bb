"""The program as users run it: by its verbs, in an empty folder."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from aga_lightning.cli.main import end_process_group
from aga_lightning.files import read_csv, shown

# A FieldGuide that is drawn in a second, and a fit of six steps.
SMALL = [
    *("--data.dataset.train_per_class", "2", "--data.dataset.val_per_class", "1", "--data.dataset.test_per_class", "1"),
    *("--data.dataset.ood_per_class", "1", "--data.dataset.size", "32", "--data.image_size", "32"),
    *("--data.augmenter.segmenter.size", "32", "--data.augmenter.gates", "[]", "--data.degree", "1"),
    *("--data.num_workers", "0", "--data.batch_size", "8", "--data.steps_per_epoch", "3"),
    *("--model.width", "8", "--trainer.max_epochs", "2", "--trainer.check_val_every_n_epoch", "1"),
    *("--trainer.log_every_n_steps", "1"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(command):
    return lambda verb, *words: command(verb, "--config", "quickstart.yaml", *SMALL, *words)


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning")
def test_a_new_user_fits_then_evaluates_predicts_and_fits_again(folder, capsys, run, command):
    run("fit")
    shown = capsys.readouterr().out
    for name in ("test", "ood/new_habitats", "ood/swapped_habitats", "ood/sketch"):
        assert name in shown
    made = folder / "runs" / "version_0"
    assert yaml.safe_load((made / "config.yaml").read_text())["data"]["degree"] == 1
    assert (made / "augmentations.png").stat().st_size > 10_000
    results = json.loads((made / "results.json").read_text())
    assert set(results) == {"test", "ood/new_habitats", "ood/swapped_habitats", "ood/sketch"}
    header = (made / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"val/acc", "val/recall", "val/f1", "train/loss"} <= set(header)
    assert list(made.glob("events.out.tfevents.*"))
    best = str(made / "checkpoints" / "best.ckpt")

    run("validate", "--ckpt_path", best, "--trainer.callbacks", "[]")
    assert "ood/sketch" in capsys.readouterr().out
    run("test", "--ckpt_path", best, "--trainer.callbacks", "[]")
    again = json.loads((folder / "runs" / "version_2" / "results.json").read_text())
    assert again["test"] == pytest.approx(results["test"])
    capsys.readouterr()
    run("predict", "--ckpt_path", best, "--trainer.run_dir", "out")
    assert f"Predictions: {folder / 'out' / 'predictions-0.csv'}" in capsys.readouterr().out
    rows = read_csv(folder / "out" / "predictions-0.csv")
    assert len(rows) == 8 and all(0 < float(row["probability"]) <= 1 for row in rows)

    command("fit", "--config", str(made / "config.yaml"), "--trainer.run_dir", "second", "--trainer.callbacks", "[]")
    assert json.loads((folder / "second" / "results.json").read_text()) == results, "a saved configuration repeats it"


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning")
def test_any_name_is_written_and_given_back(folder, capsys, monkeypatch, command):
    classes = [os.fsdecode(b"caf\xe9"), "[bold]new\nline[red] <b>|"]
    images = [os.fsdecode(b"\xff.png"), "a\nb.png", "c\rd.png", '-q"uo,te.png', "\u202egpj.png", "n" * 251 + ".png"]
    root = folder / os.fsdecode(b"d\xe9t [x") / "red]"  # the path says [x/red]
    for number, name in enumerate(f"{split}/{label}/{image}" for split in ("train", "val") for label in classes
                                  for image in images):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture = np.full((16, 16, 3), 5 * number, np.uint8)
        with open(root / name, "wb") as file:
            Image.fromarray(picture).save(file, "png")
    dataset = {"class_path": "ImageFolder", "init_args": {"root": str(root.relative_to(folder))}}
    made = ["--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", "--trainer.max_epochs", "1"]
    made += ["--trainer.enable_model_summary", "false", "--data.image_size", "32", "--data.num_workers", "0"]
    made += ["--data.batch_size", "4", "--model.width", "8"]
    command("check", "--data.dataset", json.dumps(dataset))
    assert shown(classes[1]) in capsys.readouterr().out
    panels = '[{"class_path": "AttributionPanels", "init_args": {"images": 2}}]'
    command("fit", "--data.dataset", json.dumps(dataset), "--trainer.callbacks", panels, *made)
    run = folder / "runs" / "version_0"
    assert [row["class"] for row in read_csv(run / "accuracy_per_class.csv")] == sorted(classes)
    rows = read_csv(run / "predictions.csv")
    assert {row["image"] for row in rows} == {f"{label}/{image}" for label in classes for image in images}
    assert {row["label"] for row in rows} == set(classes)
    assert shown(classes[0]) in (run / "metrics.csv").read_text(encoding="utf-8")

    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    again = ["--config", str(run / "config.yaml"), "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]
    command("predict", *again, "--trainer.callbacks", "PredictionWriter", "--trainer.run_dir", "../out")
    assert {row["file"] for row in read_csv(folder / "out" / "predictions-0.csv")} == {
        str(root / "val" / row["image"]) for row in rows
    }


@pytest.fixture
def photos(command, disc_folder, folder):
    """Runs a verb on photos without augmentation, a network of width 8 and a constant schedule."""
    words = [
        *("--config", "photos.yaml", "--data.dataset.root", str(disc_folder), "--data.augmenter", "null"),
        *("--data.image_size", "32", "--data.num_workers", "0", "--data.batch_size", "4"),
        *("--trainer.log_every_n_steps", "1", "--trainer.check_val_every_n_epoch", "1", "--trainer.callbacks", "[]"),
        *("--data.steps_per_epoch", "2"),
        *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
        *("--model.weights", "null", "--model.width", "8", "--model.schedule.name", "constant"),
    ]
    return lambda verb, *more: command(verb, *words, *more)


@pytest.fixture
def refused(photos):
    """Runs a verb that ends with a line; the line."""

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            photos(*words)
        (line,) = str(stop.value.code).splitlines()
        return line

    return run


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning")
def test_no_run_writes_over_a_users_file_or_another_run(folder, run):
    (folder / "config.yaml").write_text("# the user's own\nseed_everything: 0\n")
    short = ["--data.augmenter", "null", "--trainer.max_epochs", "1", "--trainer.callbacks", "[]"]
    run("fit", "--config", "config.yaml", "--trainer.logger", "false", *short)
    made = folder / "runs" / "version_0"
    assert {path.name for path in folder.iterdir()} == {"cache", "config.yaml", "runs"}
    assert not (folder / "cache" / "augmented").exists() and not (made / "augmentations.png").exists()
    names = {"config.yaml", "results.json", "predictions.csv", "training.json", "checkpoints", "run.json"}
    assert {path.name for path in made.iterdir()} >= names
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for place in (str(made), "."):
        for words in (["fit", *short], ["test", "--ckpt_path", str(made / "checkpoints" / "best.ckpt")]):
            with pytest.raises(SystemExit, match=r"^RunFolderError: .* already, .* --trainer\.run_dir") as told:
                run(*words, "--trainer.run_dir", place)
            assert "\n" not in str(told.value)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning")
def test_a_run_goes_on_from_its_checkpoint_in_another_folder(folder, monkeypatch, run, command):
    short = ["--trainer.max_epochs", "1", "--model.schedule", "{name: constant}", "--trainer.callbacks", "[]"]
    run("fit", "--trainer.run_dir", "first", *short)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    monkeypatch.setenv("RUNS", str(folder))
    went_on = ["--config", "../first/config.yaml", "--ckpt_path", "../first/checkpoints/last.ckpt"]
    command("fit", *went_on, "--trainer.max_epochs", "2", "--trainer.run_dir", "$RUNS/second")
    steps = [int(row["step"]) for row in read_csv(folder / "second" / "metrics.csv")]
    assert min(steps) >= 3, "the first epoch was not trained again"
    assert (folder / "second" / "results.json").is_file()
    assert not list((folder / "elsewhere").iterdir()), "data set and store are those of the first run"


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning")
def test_a_run_that_goes_on_gives_what_one_run_gives_and_its_checkpoints_know_their_classes(
    folder, caplog, photos, refused
):
    mixed = ["fit", "--model.mixing", "both", "--trainer.run_dir"]
    photos(*mixed, "runs/whole", "--trainer.max_epochs", "2")
    photos(*mixed, "runs/first", "--trainer.max_epochs", "1")
    with caplog.at_level("INFO"):
        photos(*mixed, "runs/second", "--trainer.max_epochs", "2", "--ckpt_path", "last")
    assert "runs/first/checkpoints/last.ckpt, after epoch 1" in caplog.text
    for name in ("best", "last"):
        one, two = (
            torch.load(folder / "runs" / run / "checkpoints" / f"{name}.ckpt", weights_only=True)
            for run in ("whole", "second")
        )
        assert one["epoch"] == two["epoch"]
        assert all(value.equal(two["state_dict"][key]) for key, value in one["state_dict"].items())
    assert (folder / "runs/whole/results.json").read_text() == (folder / "runs/second/results.json").read_text()

    classes = ["--data.dataset.classes", "[plum, lime]"]
    for verb in ("fit", "test", "predict"):
        line = refused(verb, *classes, "--ckpt_path", "best", "--trainer.max_epochs", "3")
        assert "second/checkpoints/best.ckpt was trained for the same classes in another order" in line
    compare = ["--trainer.callbacks+=AttributionPanels", "--trainer.callbacks.compare_to"]
    line = refused("validate", *classes, *compare, "runs/second/checkpoints/best.ckpt")
    assert "compare_to: " in line and "another order" in line


def evil(path):
    """A checkpoint of plain values that names a command, and claims to be of the classifier."""
    command = {"class_path": "os.system", "init_args": {"command": "touch RAN"}}
    told = {"backbone": "resnet18", "stem": "imagenet", "width": 8, "num_classes": 2, "optimizer": command}
    content = {"state_dict": {}, "pytorch-lightning_version": "2.5.0", "epoch": 0, "global_step": 0, "loops": {}}
    torch.save(content | {"hyper_parameters": told | {"_class_path": "os.system", "mixing": command}}, path)


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
def test_a_checkpoint_that_names_a_command_runs_none(folder, refused, verb):
    evil(folder / "evil.ckpt")
    assert "evil.ckpt" in refused(verb, "--ckpt_path", "evil.ckpt")
    assert not (folder / "RAN").exists()


@pytest.mark.parametrize(
    "optimizer", ["{class_path: os.system, init_args: {command: touch RAN}}", "os.system", "torch.nn.Linear"]
)
def test_an_optimizer_is_a_class_of_optimizers(folder, capsys, photos, optimizer):
    with pytest.raises(SystemExit) as stop:
        photos("check", "--model.optimizer", optimizer)
    assert stop.value.code == 2 and "model.optimizer" in capsys.readouterr().err
    assert not (folder / "RAN").exists()


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_a_network_that_was_not_trained_is_told(folder, photos, caplog, verb):
    with caplog.at_level("INFO"):
        photos(verb, "--trainer.fast_dev_run", "1")
    assert "Warning: the network's weights are random, since no --ckpt_path is given" in caplog.messages


def test_ranks_part_in_good_order(tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    end_process_group()
    assert not torch.distributed.is_initialized()
    end_process_group()  # and of one process there is no group


def test_the_help_tells_the_classical_rivals_their_papers_and_their_cost(capsys, command):
    with pytest.raises(SystemExit):
        command("fit", "--help_all")
    told = " ".join(capsys.readouterr().out.split()).replace("- ", "-")
    mixing = told.partition("--model.mixing {none,mixup,cutmix,both} How")[2].partition("--model.")[0]
    policy = told.partition("{none,randaugment,trivialaugment,augmix,autoaugment} Random")[2].partition("--data.")[0]
    for name, paper in (("mixup", "Zhang et al. 2018"), ("cutmix", "Yun et al. 2019")):
        assert f'"{name}" ({paper})' in mixing
    assert "cost an image is nothing beside the network's" in mixing
    for name, paper in (
        ("randaugment", "Cubuk et al. 2020; 1 to 1.5 ms an image"),
        ("trivialaugment", "Mueller and Hutter 2021; 0.5 ms"),
        ("augmix", "Hendrycks et al. 2020, without its Jensen-Shannon loss; 5 to 6 ms"),
        ("autoaugment", "Cubuk et al. 2019; 0.5 ms"),
    ):
        assert f"({paper})" in policy.partition(f"{name}, ")[2]
    assert "none needs a model" in policy


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--data.degre", "2"], "unrecognized arguments: --data.degre 2; did you mean --data.degree?"),
        (
            ["--model.backbon", "resnet50"],
            "unrecognized arguments: --model.backbon resnet50; did you mean --model.backbone?",
        ),
        (
            ["--data.augmenter.paint", "X"],
            "data.augmenter.AGA: Option 'paint' is not accepted; did you mean --data.augmenter.painter?",
        ),
        (["--data.augmenter.painter", "Oils"], "data.augmenter.AGA.painter: there is no class 'Oils'"),
        (["--data.mode", "slow"], "data.mode: 'slow' is none of 'pregenerate', 'lazy', 'online', 'off'"),
    ],
)
def test_a_mistyped_setting_is_told_in_one_line(folder, capsys, words, line, run):
    with pytest.raises(SystemExit) as stop:
        run("fit", *words)
    assert stop.value.code == 2
    assert capsys.readouterr().err.strip() == f"error: {line}"


def test_a_mistyped_key_of_a_file_is_told_in_one_line(folder, capsys, run):
    (folder / "mine.yaml").write_text("data:\n  degre: 2\n")
    with pytest.raises(SystemExit):
        run("fit", "--config", "mine.yaml")
    error = capsys.readouterr().err.strip()
    assert "degre" in error and len(error.splitlines()) == 1


def test_later_configurations_and_words_win(folder, capsys, command):
    (folder / "mine.yaml").write_text("data:\n  degree: 7\nmodel:\n  backbone: resnet50\n")
    with pytest.raises(SystemExit) as stop:
        command("fit", "--config", "quickstart.yaml", "--config", "mine.yaml", "--data.degree", "3", "--print_config")
    assert stop.value.code in (0, None)
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["data"]["degree"] == 3
    assert config["model"]["backbone"] == "resnet50"
    assert config["data"]["recipe"] == "fieldguide"


def test_two_ranks_of_a_process_of_its_own_fill_one_store(tmp_path):
    words = ["augment", "--config", "quickstart.yaml", *SMALL[:16], "--data.degree", "2", "--trainer.devices", "2"]
    command = [sys.executable, "-m", "aga_lightning", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (metadata,) = tmp_path.glob("cache/augmented/aga-*/metadata.jsonl")
    assert len(metadata.read_text().splitlines()) == 32


def test_a_set_that_is_missing_is_found_before_anything_is_generated(folder, disc_folder, command):
    gone = "{night: " + str(disc_folder / "night") + "}"
    with pytest.raises(SystemExit, match=r"^DatasetError: .*night is not a folder"):
        command("fit", "--config", "photos.yaml", "--data.dataset.root", str(disc_folder), "--data.dataset.ood", gone)
    assert not (folder / "cache").exists()


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning")
def test_a_set_is_exported_in_both_formats(folder, capsys, run):
    with pytest.raises(SystemExit, match=r"16 augmentations asked, 0 finished: .* run the verb augment"):
        run("export", "--to", "birds")
    run("augment")
    run("export", "--to", "birds", "--originals", "true")
    run("export", "--to", "shards", "--format", "webdataset", "--shard_size", "50kB")
    lines = (folder / "birds" / "train" / "metadata.jsonl").read_text().splitlines()
    accepted = sum(json.loads(line)["augmented"] for line in lines)
    assert 0 < accepted <= 16 and len(lines) == accepted + 16
    shown = capsys.readouterr().out
    assert f"{accepted + 16} images of 8 classes, 16 of them training images:" in shown
    assert f"{accepted} images of 8 classes: " in shown
    shards = sorted((folder / "shards").glob("aga-*.tar"))
    assert shards[0].name == "aga-000000.tar" and max(path.stat().st_size for path in shards) <= 50_000
    with pytest.raises(SystemExit, match="birds is not empty: name another folder"):
        run("export", "--to", "birds")


def test_an_export_needs_a_folder(capsys, run):
    with pytest.raises(SystemExit):
        run("export")
    error = capsys.readouterr().err.strip()
    assert "to" in error and len(error.splitlines()) == 1
