"""Figures and texts go to the loggers that take them, and to files."""

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny.explained import open_trainer

from aga_lightning.callbacks.figures import show_figure, show_text, takes_figures


def drawn():
    figure = Figure()
    figure.subplots().plot([0, 1])
    return figure


def test_tensorboard_and_a_file_get_the_figure_whose_bytes_name_no_version(tmp_path):
    trainer = open_trainer(logger=TensorBoardLogger(tmp_path, "", ""))
    assert takes_figures(trainer)
    for name in ("one", "two"):
        figure = drawn()
        show_figure(trainer, f"sheets/{name}", figure, tmp_path / "new" / f"{name}.png")
        assert figure.axes == [], "an emptied figure holds no memory"
    show_text(trainer, "words", "| a |")
    trainer.logger.experiment.flush()
    tags = EventAccumulator(str(tmp_path)).Reload().Tags()
    assert tags["images"] == ["sheets/one", "sheets/two"] and tags["tensors"] == ["words/text_summary"]
    one, two = ((tmp_path / "new" / f"{name}.png").read_bytes() for name in ("one", "two"))
    assert one == two and b"Software" not in one


def test_other_loggers_get_nothing_and_a_file_is_written_all_the_same(tmp_path):
    trainer = open_trainer(logger=CSVLogger(tmp_path, "", ""))
    assert not takes_figures(trainer)
    show_text(trainer, "words", "| a |")
    show_figure(trainer, "sheet", drawn(), tmp_path / "sheet.png")
    assert [path.name for path in tmp_path.glob("*")] == ["sheet.png"]


def test_a_disk_that_refuses_is_told(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(OSError, match="taken"):
        show_figure(open_trainer(), "sheet", drawn(), tmp_path / "taken" / "sheet.png")
