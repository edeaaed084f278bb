import pytest

from aga_lightning.cli.hints import class_hint, hint, keys_of_configurations

KEYS = ["data.dataset.init_args.root", "data.batch_size", "data.degree", "model.optimizer"]
KEYS += ["model.optimizer.init_args.lr"]
KEYS += ["trainer.max_epochs", "trainer.min_epochs", "data.augmenter.painter", "data.augmenter.gates"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("batch_size", "--data.batch_size"),
        ("data.batchsize", "--data.batch_size"),
        ("dat.batch_size", "--data.batch_size"),
        ("optimizer", "--model.optimizer"),
        ("lr", "--model.optimizer.lr"),
        ("model.lr", "--model.optimizer.lr"),
        ("root", "--data.dataset.root"),
        ("data.augmenter.panter", "--data.augmenter.painter"),
        ("data.augmenter.degree", "--data.degree"),
        ("epochs", "--trainer.max_epochs or --trainer.min_epochs"),
    ],
)
def test_a_setting_of_the_same_or_nearly_the_same_name_is_proposed(name, meant):
    assert hint(name, [*KEYS, name]) == f"; did you mean {meant}?"


def test_nothing_is_proposed_for_what_resembles_nothing():
    assert hint("xyzzy", KEYS) == class_hint("xyzzy", ["AGA", "ALIA"]) == ""
    assert class_hint("my.ImageFoldr", ["AGA", "ImageFolder"]) == "; did you mean ImageFolder?"


def test_the_settings_that_configurations_make_are_known(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("data: {dataset: {init_args: {root: here}}}\n")
    (tmp_path / "broken.yaml").write_text("data: [\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["x", "fit", "--config", "mine.yaml", "-c", "broken.yaml", "--config=none.yaml"])
    found = ["data", "data.dataset", "data.dataset.init_args", "data.dataset.init_args.root"]
    assert list(keys_of_configurations()) == found
