"""Where the figures and tables of callbacks go: to files, and to the loggers that take them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure
from PIL import Image

from aga_lightning.files import csv_bytes, shown, write_bytes, write_csv
from aga_lightning.images.codec import decode_rgb
from aga_lightning.images.drawing import png

Rows = Sequence[Sequence[object]]


class _Taker(NamedTuple):
    """How a kind of logger takes a figure, as a picture in RGB, and a table, at a step."""

    picture: Callable[[Any, str, Image.Image, int], object]
    table: Callable[[Any, str, Sequence[str], Rows, int], object]


def show_figure(trainer: Trainer, tag: str, figure: Figure, path: Path | None = None) -> None:
    """Write a figure to a file, give it to the loggers that take figures, and empty it.

    Args:
        trainer: Whose loggers get the figure, at the trainer's step.
        tag: What the loggers call the figure.
        figure: The figure, of no further use afterwards.
        path: A PNG file to write; None for none.

    Raises:
        OSError: If the disk refuses.
    """
    drawn = png(figure)
    figure.clear()  # the parts of a figure hold each other, and would stay until the next collection of garbage
    if path is not None:
        write_bytes(path, drawn)
    for taker, logger in _takers(trainer):
        taker.picture(logger, tag, Image.fromarray(decode_rgb(drawn)), trainer.global_step)


def show_table(trainer: Trainer, tag: str, header: Sequence[str], rows: Rows, path: Path | None = None) -> None:
    """Write a table to a file, and give it to the loggers that take tables.

    Args:
        trainer: Whose loggers get the table, at the trainer's step.
        tag: What the loggers call the table.
        header: The names of the columns.
        rows: A cell a column each.
        path: A CSV file to write; None for none.

    Raises:
        OSError: If the disk refuses.
    """
    if path is not None:
        write_csv(path, header, rows)
    # Loggers take no bytes that are no UTF-8.
    cells = [[shown(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    for taker, logger in _takers(trainer):
        taker.table(logger, tag, header, cells, trainer.global_step)


def takes_figures(trainer: Trainer) -> bool:
    """Whether a logger of the trainer takes figures.

    Args:
        trainer: Whose loggers are asked.
    """
    return bool(_takers(trainer))


def _takers(trainer: Trainer) -> list[tuple[_Taker, Logger]]:
    return [(taker, one) for one in trainer.loggers for kind, taker in _TAKERS.items() if isinstance(one, kind)]


def _markdown(header: Sequence[str], rows: Rows) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _picture_to_tensorboard(logger: TensorBoardLogger, tag: str, picture: Image.Image, step: int) -> None:
    logger.experiment.add_image(tag, np.asarray(picture), step, dataformats="HWC")


def _table_to_tensorboard(logger: TensorBoardLogger, tag: str, header: Sequence[str], rows: Rows, step: int) -> None:
    logger.experiment.add_text(tag, _markdown(header, rows), step)


def _picture_to_wandb(logger: WandbLogger, tag: str, picture: Image.Image, step: int) -> None:
    logger.log_image(tag, [picture], step)


def _table_to_wandb(logger: WandbLogger, tag: str, header: Sequence[str], rows: Rows, step: int) -> None:
    logger.log_table(tag, list(header), [list(row) for row in rows], step=step)


def _picture_to_mlflow(logger: MLFlowLogger, tag: str, picture: Image.Image, step: int) -> None:
    logger.experiment.log_image(logger.run_id, picture, artifact_file=f"{tag}/step-{step:06d}.png")


def _table_to_mlflow(logger: MLFlowLogger, tag: str, header: Sequence[str], rows: Rows, step: int) -> None:
    text = csv_bytes([header, *rows]).decode()
    logger.experiment.log_text(logger.run_id, text, artifact_file=f"{tag}/step-{step:06d}.csv")


_TAKERS: dict[type[Logger], _Taker] = {
    TensorBoardLogger: _Taker(_picture_to_tensorboard, _table_to_tensorboard),
    WandbLogger: _Taker(_picture_to_wandb, _table_to_wandb),
    MLFlowLogger: _Taker(_picture_to_mlflow, _table_to_mlflow),
}
