"""Before work starts: every part of a run is asked what stands in its way, and all answers are told at once.

A part, whether data module, model, callback or trainer, answers with a method `objections(run)`, which gives a line for
each setting that cannot work, with the remedy. Parts without the method object to nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal


class SettingError(ValueError):
    """Settings that cannot work, a line each; it names the setting and the remedy."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is about to start.

    Args:
        verb: What will be done.
        trainer: The Trainer.
        model: The LightningModule.
        datamodule: The data module; None where there is none.
        network: Whether files may be fetched now, as the run itself would.
    """

    verb: Literal["fit", "validate", "test", "predict"]
    trainer: Any
    model: Any
    datamodule: Any = None
    network: bool = True

    @property
    def judges(self) -> bool:
        """Whether evaluation sets are judged."""
        return self.verb != "predict"


def objections(run: Run) -> list[str]:
    """What stands in the way of a run, a line each; nothing is made, and no photo is read.

    Args:
        run: What is about to start.
    """
    parts = [run.trainer, run.datamodule, run.model, *getattr(run.trainer, "callbacks", [])]
    return list(dict.fromkeys(line for part in parts for line in _of(part, run)))


def require(run: Run) -> None:
    """Refuse a run that cannot work.

    Raises:
        SettingError: With all that stands in the way.
    """
    if found := objections(run):
        raise SettingError("\n".join([f"{len(found)} settings cannot work"] * (len(found) > 1) + found))


def _of(part: object, run: Run) -> Iterator[str]:
    ask = getattr(part, "objections", None)
    if ask is None:
        return
    try:
        yield from ask(run)
    except (ValueError, RuntimeError, TypeError, NotImplementedError, OSError) as error:
        yield " ".join([*str(error).split(), *getattr(error, "__notes__", [])])
