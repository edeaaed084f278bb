"""Progress of what a callback does, beside the trainer's own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import RichProgressBar
from tqdm import tqdm  # type: ignore[import-untyped] # it ships no type information


@contextmanager
def progress(trainer: Trainer, description: str, total: int) -> Iterator[Callable[[int], object]]:
    """A bar that goes when the block is left; none where the trainer shows none, or on ranks other than the first.

    Args:
        trainer: One that is running.
        description: Stands before the bar.
        total: How many there are to do.

    Yields:
        To be called with how many more were done.
    """
    bar = trainer.progress_bar_callback
    if not getattr(bar, "is_enabled", False) or not trainer.is_global_zero:
        yield lambda more: None
    elif isinstance(bar, RichProgressBar) and bar.progress is not None:
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
        with tqdm(total=total, desc=description, leave=False) as line:
            yield line.update
