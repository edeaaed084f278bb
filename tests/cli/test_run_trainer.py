from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch.utils.data import DataLoader

from aga_lightning.cli.run_trainer import RunTrainer
from aga_lightning.run_folder import RunFolderError

pytestmark = pytest.mark.filterwarnings("ignore:.*num_workers", "ignore:.*`GradScaler`")


class Line(LightningModule):
    """A straight line through ones."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def training_step(self, batch):
        loss = self.layer(batch).square().mean()
        self.log("loss", loss)
        return loss

    def test_step(self, batch):
        self.log("far", self.layer(batch).mean())

    def predict_step(self, batch):
        return self.layer(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Elsewhere(Logger):
    """Logs to a service; keeps its own files in the working directory, as WandbLogger does."""

    name, version, save_dir = "service", "abc", "."

    def log_metrics(self, metrics, step=None):
        pass

    def log_hyperparams(self, params):
        pass


def ones():
    return DataLoader(torch.ones(4, 3), 2)


def trainer(**settings):
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "max_epochs": 1, "log_every_n_steps": 1}
    return RunTrainer(accelerator="cpu", **(quiet | settings))


def files():
    return {path.as_posix() for path in Path().rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("logger", [False, Elsewhere(), None, True], ids=["none", "a service", "default", "true"])
def test_a_run_has_a_folder_of_its_own_whatever_the_logger(logger):
    for name in ("metrics.csv", "hparams.yaml", "checkpoints"):
        Path(name).write_text("the user's")
    for number in range(2):
        run = trainer(logger=logger, callbacks=ModelCheckpoint(filename="best"))
        assert run.log_dir is None, "no folder is made before there is a run"
        run.fit(Line(), ones())
        assert run.log_dir == str(Path(f"runs/version_{number}").absolute())
        assert Path(run.log_dir, "checkpoints", "best.ckpt").is_file()
        assert Path(run.log_dir, "metrics.csv").is_file() == (logger in (None, True))
    assert {path.name for path in Path().iterdir()} == {"metrics.csv", "hparams.yaml", "checkpoints", "runs"}
    assert {Path(name).read_text() for name in ("metrics.csv", "hparams.yaml", "checkpoints")} == {"the user's"}


def test_runs_lie_below_the_root_that_is_named():
    run = trainer(default_root_dir="there", logger=False)
    run.test(Line(), ones(), verbose=False)
    assert run.log_dir == str(Path("there/runs/version_0").absolute())
    for setting in ("default_root_dir", "run_dir"):
        with pytest.raises(RunFolderError, match=rf"--trainer\.{setting} is s3://bucket"):
            trainer(**{setting: "s3://bucket"})


def test_the_folder_of_a_run_can_be_chosen():
    run = trainer(run_dir="mine", callbacks=ModelCheckpoint(filename="best"))
    run.fit(Line(), ones())
    assert [type(logger) for logger in run.loggers] == [TensorBoardLogger, CSVLogger]
    found = files()
    assert {"mine/run.json", "mine/metrics.csv", "mine/hparams.yaml", "mine/checkpoints/best.ckpt"} <= found
    assert any(name.startswith("mine/events.out.tfevents") for name in found)
    run.test(Line(), ones(), verbose=False)
    assert run.log_dir == str(Path("mine").absolute()), "what the same trainer does next belongs to the run"
    assert not Path("runs").exists()


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
def test_the_folder_of_another_run_is_refused(verb):
    trainer(run_dir="mine").fit(Line(), ones())
    before = {name: Path(name).read_bytes() for name in files()}
    with pytest.raises(RunFolderError, match=r"mine holds run\.json already"):
        getattr(trainer(run_dir="mine"), verb)(Line(), ones())
    assert {name: Path(name).read_bytes() for name in files()} == before


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_a_fit_goes_on_in_the_folder_of_its_checkpoint():
    trainer(run_dir="mine").fit(Line(), ones())
    metrics = Path("mine/metrics.csv").read_text()
    last = next(Path("mine/checkpoints").glob("*.ckpt"))
    trainer(run_dir="mine", max_epochs=2).fit(Line(), ones(), ckpt_path=str(last))
    assert Path("mine/earlier/1/metrics.csv").read_text() == metrics
    assert Path("mine/metrics.csv").read_text() != metrics
    with pytest.raises(RunFolderError):
        trainer(run_dir="mine").test(Line(), ones(), ckpt_path=str(last))


def test_trial_runs_leave_nothing():
    for settings in ({}, {"logger": False}, {"run_dir": "mine"}):
        run = trainer(fast_dev_run=True, **settings)
        run.fit(Line(), ones())
        assert run.log_dir is None and not run.keeps_files
    assert list(Path().iterdir()) == []


def test_a_run_that_fails_before_it_writes_leaves_no_folder():
    with pytest.raises(FileNotFoundError):
        trainer(logger=False).test(Line(), ones(), ckpt_path="nowhere.ckpt")
    assert list(Path("runs").iterdir()) == []


@pytest.mark.parametrize("name", ["metrics.csv", "hparams.yaml"])
def test_a_file_where_the_users_logger_writes_is_kept(name):
    Path(name).write_text("the user's")
    with pytest.raises(RunFolderError, match=rf"holds {name} already.*CSVLogger"):
        trainer(logger=CSVLogger(".", "", "")).fit(Line(), ones())
    assert Path(name).read_text() == "the user's" and files() == {name}
    trainer(logger=CSVLogger("logs")).fit(Line(), ones())
    assert Path("logs/lightning_logs/version_0/metrics.csv").is_file()


def test_there_has_to_be_room_for_the_checkpoints(monkeypatch):
    asked = []
    monkeypatch.setattr("aga_lightning.cli.run_trainer.require_room", lambda folder, needed: asked.append(needed))
    trainer().fit(Line(), ones())
    trainer(enable_checkpointing=False).fit(Line(), ones())
    trainer().test(Line(), ones(), verbose=False)
    assert asked == [2 * 4 * 4]


def test_all_ranks_ask_the_first_for_the_folder(monkeypatch):
    run = trainer(logger=False)
    monkeypatch.setattr(type(run.strategy), "broadcast", lambda self, thing: f"told: {thing}")
    monkeypatch.setattr(RunTrainer, "is_global_zero", False)
    run.open_run()
    assert run.keeps_files and str(run.log_dir).startswith("told: ")
    assert list(Path().iterdir()) == [], "the first rank makes the folder"
