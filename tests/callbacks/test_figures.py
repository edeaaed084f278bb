"""Figures and tables go to files, and to the loggers that take them."""

import inspect

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny.explained import open_trainer
from tiny.loggers import FakeMlflow, FakeWandb

from aga_lightning.callbacks.figures import show_figure, show_table, takes_figures
from aga_lightning.files import read_csv

HEADER, ROWS = ["set", "images"], [["test", 320], ["odd|\udce9", 7]]


def drawn():
    figure = Figure()
    figure.subplots().plot([0, 1])
    return figure


def show(trainer, folder):
    """Show a figure and a table, and give back the pixels of the figure's file."""
    figure = drawn()
    show_figure(trainer, "sheets/ood/dusk", figure, folder / "new" / "sheet.png")
    assert figure.axes == [], "an emptied figure holds no memory"
    show_table(trainer, "words", HEADER, ROWS, folder / "table.csv")
    with Image.open(folder / "new" / "sheet.png") as picture:
        return np.asarray(picture.convert("RGB"))


def from_tensorboard(logger):
    logger.experiment.flush()
    events = EventAccumulator(logger.log_dir).Reload()
    (picture,) = events.Images("sheets/ood/dusk")
    table = events.Tensors("words/text_summary")[0].tensor_proto.string_val[0].decode()
    return (picture.height, picture.width, 3), [line.strip("| ").split(" | ") for line in table.splitlines()]


def from_wandb(logger):
    ((picture,),), (table,) = logger.pictures.values(), logger.tables.values()
    assert [*logger.pictures, *logger.tables] == [("sheets/ood/dusk", 0), ("words", 0)]
    return picture, table


def from_mlflow(logger):
    ((picture,),), (table,) = logger.pictures.values(), logger.tables.values()
    assert [*logger.pictures, *logger.tables] == ["sheets/ood/dusk/step-000000.png", "words/step-000000.csv"]
    return picture, table


@pytest.mark.parametrize(
    ("make", "read", "rows"),
    [
        (lambda folder: TensorBoardLogger(folder, "", ""), from_tensorboard, [["---", "---"], ["test", "320"]]),
        (lambda folder: FakeWandb(), from_wandb, [["test", 320]]),
        (lambda folder: FakeMlflow(), from_mlflow, [["test", "320"]]),
    ],
    ids=["tensorboard", "wandb", "mlflow"],
)
def test_a_logger_gets_the_picture_and_the_table_of_the_files(make, read, rows, tmp_path):
    logger = make(tmp_path / "logs")
    trainer = open_trainer(logger=logger)
    assert takes_figures(trainer)
    pixels = show(trainer, tmp_path)
    picture, table = read(logger)
    assert picture == pixels.shape if isinstance(picture, tuple) else np.array_equal(picture, pixels)
    assert table[0] == HEADER and table[1:-1] == rows
    assert table[-1][0].replace("\\|", "|") == "odd|\\xe9", "loggers take no bytes that are no UTF-8"


@pytest.mark.parametrize("logger", [False, True], ids=["none", "csv"])
def test_without_a_logger_that_takes_them_the_files_are_written_all_the_same(logger, tmp_path):
    trainer = open_trainer(logger=CSVLogger(tmp_path / "logs", "", "") if logger else False)
    assert not takes_figures(trainer)
    assert show(trainer, tmp_path).std() > 10
    assert [row["images"] for row in read_csv(tmp_path / "table.csv")] == ["320", "7"]


def test_the_bytes_of_a_picture_name_no_version(tmp_path):
    for name in ("one.png", "two.png"):
        show_figure(open_trainer(), "sheet", drawn(), tmp_path / name)
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two and b"Software" not in one


def test_a_disk_that_refuses_is_told(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(OSError, match="taken"):
        show_figure(open_trainer(), "sheet", drawn(), tmp_path / "taken" / "sheet.png")


@pytest.mark.parametrize("method", ["log_image", "log_table"])
def test_the_fake_of_wandb_is_called_as_the_logger_is(method):
    fake, real = (list(inspect.signature(getattr(kind, method)).parameters) for kind in (FakeWandb, WandbLogger))
    assert fake == real


def test_wandb_itself_takes_them(tmp_path):
    pytest.importorskip("wandb")  # no dependency; the fake above is called alike
    logger = WandbLogger(save_dir=tmp_path, offline=True)
    show(open_trainer(logger=logger), tmp_path)
    logger.experiment.finish()
    kept = {path.suffix for path in tmp_path.glob("wandb/offline-run-*/files/media/**/*") if path.is_file()}
    assert kept == {".png", ".json"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what its own dependencies deprecate
def test_mlflow_itself_takes_them(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")  # no dependency; the fake above is called alike
    monkeypatch.chdir(tmp_path)  # where MLflow puts what belongs to a database
    logger = MLFlowLogger(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    show(open_trainer(logger=logger), tmp_path)
    found = {path.name for path in tmp_path.glob("**/artifacts/**/*") if path.is_file()}
    assert found == {"step-000000.png", "step-000000.csv"}
