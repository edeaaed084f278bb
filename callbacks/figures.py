"""Where the figures and texts of callbacks go: to the loggers that take them, and to files."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure

from aga_lightning.files import written_aside
from aga_lightning.images.drawing import all_letters, png


def takes_figures(trainer: Trainer) -> bool:
    """Whether a logger of the trainer takes figures.

    Args:
        trainer: Whose loggers are asked.
    """
    return bool(_boards(trainer))


def show_figure(trainer: Trainer, tag: str, figure: Figure, path: Path | None = None) -> None:
    """Give a figure to the loggers that take figures, write it to a file, and empty it.

    Args:
        trainer: Whose loggers get the figure, at the trainer's step.
        tag: What the loggers call the figure.
        figure: The figure, of no further use afterwards.
        path: A PNG file to write; None for none.

    Raises:
        OSError: If the disk refuses.
    """
    if boards := _boards(trainer):
        with all_letters(figure):
            for board in boards:
                board.add_figure(tag, figure, global_step=trainer.global_step, close=False)
    if path is not None:
        with written_aside(path) as aside:
            aside.write_bytes(png(figure))
    figure.clear()  # the parts of a figure hold each other, and would stay until the next collection of garbage


def show_text(trainer: Trainer, tag: str, text: str) -> None:
    """Give a text to the loggers that take texts.

    Args:
        trainer: Whose loggers get the text, at the trainer's step.
        tag: What the loggers call the text.
        text: In Markdown.
    """
    for board in _boards(trainer):
        board.add_text(tag, text, global_step=trainer.global_step)


def _boards(trainer: Trainer) -> list[Any]:
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
