"""Every part is asked before a run starts, and all that is wrong is told at once, before anything is made."""

from types import SimpleNamespace

import pytest

from aga_lightning.preflight import Run, SettingError, objections, require


class Part:
    def __init__(self, *lines, error=None):
        self.lines = lines
        self.error = error

    def objections(self, run):
        assert run.verb == "fit"
        yield from self.lines
        if self.error is not None:
            raise self.error


def run_of(datamodule, model=None, *callbacks):
    return Run("fit", SimpleNamespace(callbacks=callbacks), model or Part(), datamodule)


def test_all_parts_are_asked_and_each_line_is_told_once():
    run = run_of(Part("a", "b"), Part("c", error=ValueError("d\n  e")), Part("b"), object())
    assert objections(run) == ["a", "b", "c", "d e"]
    with pytest.raises(SettingError, match=r"^4 settings cannot work\na\nb\nc\nd e$"):
        require(run)


def test_one_objection_stands_alone_and_none_lets_the_run_start():
    with pytest.raises(SettingError, match=r"^a$"):
        require(run_of(Part("a")))
    require(run_of(Part()))


def test_a_fault_of_a_part_is_no_objection():
    with pytest.raises(KeyError):
        objections(run_of(Part(error=KeyError("x"))))


TINY = [
    *("--data.augmenter", "OwnBackground", "--data.augmenter.gates", "[]", "--data.image_size", "32"),
    *(
        "--data.batch_size",
        "4",
        "--data.num_workers",
        "0",
        "--model.weights",
        "null",
        "--model.width",
        "8",
        "--trainer.enable_progress_bar",
        "false",
    ),
]

MISTAKES = {
    "a backbone that there is not": (["--model.backbone", "resnet19"], "no backbone 'resnet19'; did you mean resnet18"),
    "images that are too small": (
        ["--model.backbone", "vgg11", "--model.width", "64", "--data.image_size", "16"],
        "vgg11 cannot work on images of 16 x 16 px",
    ),
    "a recipe that there is not": (["--data.recipe", "torchvison"], "unknown recipe 'torchvison'"),
    "a metric that there is not": (["--checkpoint.monitor", "val/los"], "monitors 'val/los'.*did you mean val/loss"),
    "an early stop by nothing": (
        ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor", "val_loss"],
        "EarlyStopping monitors 'val_loss'",
    ),
    "a schedule without an end": (["--trainer.max_epochs", "-1"], "onecycle schedule needs an end"),
    "a learning rate below 0": (["--model.optimizer.lr", "-1"], "Invalid learning rate: -1"),
    "a quota of no class": (
        ["--data.augmented_per_class", "{lemon: 2}"],
        "names 'lemon', but the classes are lime, plum",
    ),
    "weights of another net": (["--model.weights", "IMAGENET1K_V1"], "do not fit this net: conv1.weight is"),
    "a layer that there is not": (
        ["--trainer.callbacks+=AttributionPanels", "--trainer.callbacks.layer", "net.layr3"],
        "no layer 'net.layr3'; near it are net.layer3",
    ),
    "a baseline that is not there": (
        ["--trainer.callbacks+=Faithfulness", "--trainer.callbacks.compare_to", "gone.ckpt"],
        r"compare_to: .*gone\.ckpt",
    ),
    "a callback of no images": (
        ["--trainer.callbacks+=AttributionPanels", "--trainer.callbacks.images", "0"],
        "error: images is 1 or more, not 0$",
    ),
    "a logger of a package that is not installed": (
        ["--trainer.logger", "WandbLogger"],
        "^error: (WandbLogger: Requirement|api_key)[^;]*$",
    ),
    "steps of no batches": (["--trainer.accumulate_grad_batches", "0"], "accumulate_grad_batches is 1 or more, not 0"),
}


@pytest.fixture
def command_on_discs(command, disc_folder, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    root = ("--data.dataset.root", str(disc_folder))
    return lambda verb, *words: command(verb, "--config", "photos.yaml", *root, *TINY, *words)


@pytest.mark.parametrize(("words", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_a_line_before_anything_is_made(command_on_discs, tmp_path, words, told):
    with pytest.raises(SystemExit, match=told) as stop:
        command_on_discs("fit", *words)
    assert len(stop.value.code.splitlines()) == 1 and "internal error" not in stop.value.code
    assert not list((tmp_path / "here").iterdir())


def test_check_tells_what_fit_would_refuse_all_at_once(command_on_discs, tmp_path):
    (tmp_path / "file").touch()
    words = ["--checkpoint.monitor", "val/los", "--data.cache_dir", str(tmp_path / "file" / "cache")]
    for verb in ("check", "fit"):
        with pytest.raises(SystemExit) as stop:
            command_on_discs(verb, *words, "--model.weights", "gone.pth")
        told = stop.value.code.splitlines()
        assert len(told) == 4 and told[0][-1:] in "ks"
        for part in ("val/los", "gone.pth", f"{tmp_path / 'file'} is no folder: name another folder"):
            assert sum(part in line for line in told) == 1


def test_one_class_is_too_few(command_on_discs, tmp_path, disc_folder):
    (disc_folder / "train" / "lime").rename(tmp_path / "train_lime")
    (disc_folder / "val" / "lime").rename(tmp_path / "val_lime")
    for verb in ("fit", "check"):
        with pytest.raises(SystemExit, match=f"a classifier needs two classes; {disc_folder} has one, plum"):
            command_on_discs(verb)
