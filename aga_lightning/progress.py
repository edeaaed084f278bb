"""Progress of work that is no loop of the trainer, beside the trainer's own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import RichProgressBar
from tqdm import tqdm  # type: ignore[import-untyped] # it ships no type information


@contextmanager
def progress(trainer: Trainer | None, description: str, total: int) -> Iterator[Callable[[int], object]]:
    """A bar that goes when the block is left; none where the trainer shows none, or on ranks other than the first.

    Args:
        trainer: Whose display it is; None where there is none, which shows a bar of its own.
        description: Stands before the bar.
        total: How many there are to do.

    Yields:
        To be called with how many more were done.
    """
    bar = None if trainer is None else trainer.progress_bar_callback
    shown = trainer is None or (trainer.is_global_zero and getattr(bar, "is_enabled", False))
    if not shown or total == 0:
        yield lambda more: None
    elif isinstance(bar, RichProgressBar) and bar.progress is not None and bar.progress.live.is_started:
        # Lines of Rich and of tqdm on one terminal would overwrite each other.
        display = bar.progress
        task = display.add_task(description, total=total)

        def advance(more: int) -> None:
            display.update(task, advance=more)
            display.refresh()

        try:
            advance(0)
            yield advance
        finally:
            display.remove_task(task)
            display.refresh()
    else:
        # In a file, such as the log of a job, each state of the bar stays: one a minute is enough.
        pause = 0.1 if sys.stderr.isatty() else 60.0
        with tqdm(total=total, desc=description, leave=False, mininterval=pause, maxinterval=pause) as line:
            yield line.update
