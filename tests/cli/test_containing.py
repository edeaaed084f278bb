"""What fails beside a training, or after it, costs neither its results nor its checkpoints, and is told in a line."""

import json

import pytest

from aga_lightning.callbacks.attribution_panels import AttributionPanels


@pytest.fixture
def fit(command, shared_disc_folder, tmp_path, monkeypatch):
    """Runs a fit of one epoch with one callback, and its results are read."""
    monkeypatch.chdir(tmp_path)
    dataset = {"class_path": "ImageFolder", "init_args": {"root": str(shared_disc_folder)}}
    words = ["--data.dataset", json.dumps(dataset), "--data.image_size", "32", "--data.num_workers", "0"]
    words += ["--model.width", "8", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"]
    words += ["--trainer.enable_model_summary", "false"]

    def run(verb, callback, *more):
        command(verb, *words, "--trainer.callbacks", json.dumps([{"class_path": callback}]), *more)

    return run


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_panels_that_cannot_be_drawn_are_told_and_the_run_ends_well(fit, tmp_path, capsys, monkeypatch):
    there = []

    def fails(self, occasion):
        if occasion.trainer.testing:
            there.append(sorted(path.name for path in (tmp_path / "runs" / "version_0").iterdir()))
        raise OSError(28, "No space left on device", "panel.png")

    monkeypatch.setattr(AttributionPanels, "explain", fails)
    fit("fit", "AttributionPanels", "--trainer.max_epochs", "1")
    told = capsys.readouterr()
    assert "AttributionPanels failed and is left out" in told.err and "panel.png" in told.err
    assert "Traceback" not in told.err and "Results" in told.out
    assert {"results.json", "predictions.csv", "checkpoints", "accuracy_per_class.csv"} <= set(there[0]), "before it"
    best = str(tmp_path / "runs" / "version_0" / "checkpoints" / "best.ckpt")
    with pytest.raises(SystemExit) as ended:
        fit("test", "AttributionPanels", "--ckpt_path", best)
    assert ended.value.code == 1, "what was asked for has failed"
    assert results(tmp_path / "runs" / "version_1") == results(tmp_path / "runs" / "version_0")


def test_a_callback_of_the_users_may_fail_after_the_training(fit, tmp_path, capsys):
    fit("fit", "tiny.failing.FailsAtTheEnd", "--trainer.max_epochs", "1")
    assert "FailsAtTheEnd failed and is left out (KeyError: 'no such dashboard')" in capsys.readouterr().err
    assert set(results(tmp_path / "runs" / "version_0")) == {"test"}


def test_a_callback_of_the_users_may_end_the_training(fit):
    with pytest.raises(SystemExit, match="not worth going on"):
        fit("fit", "tiny.failing.EndsTheTraining", "--trainer.max_epochs", "2")
