"""A run's folder: what lies in it, by name, and how a run gets one that nobody else has.

    run.json                    the command, and when it started: the mark that the folder belongs to a run
    config.yaml                 the resolved configuration
    checkpoints/                best.ckpt, last.ckpt
    metrics.csv  hparams.yaml  events.out.tfevents.*                                 what was logged
    results.json  accuracy_per_class.csv  accuracy_per_group.csv  predictions.csv    what was judged
    training.json  augmentation.json  originals/  augmentations.png                  what was trained on, and its cost
    predictions-<rank>.csv  training_predictions.csv                                 the verb predict; a callback
    explain/<stage>/  faithfulness*.csv  background_reliance.csv  *.png              what explains the model
    earlier/<n>/                what a run that goes on in its folder had written before, checkpoints excepted

A user's own files may lie beside these; none is ever written over.
"""

import datetime
import shlex
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aga_lightning.files import json_bytes

RUN = "run.json"
CHECKPOINTS = "checkpoints"
BEST = f"{CHECKPOINTS}/best.ckpt"
LAST = f"{CHECKPOINTS}/last.ckpt"
METRICS = "metrics.csv"
HPARAMS = "hparams.yaml"
RESULTS = "results.json"
PREDICTIONS = "predictions.csv"
TRAINING_PREDICTIONS = "training_predictions.csv"
TRAINING = "training.json"
AUGMENTATION = "augmentation.json"
GALLERY = "augmentations.png"
PER_CLASS = "accuracy_per_class.csv"
PER_GROUP = "accuracy_per_group.csv"
EXPLAIN = "explain"
FAITHFULNESS = "faithfulness.csv"
FAITHFULNESS_CURVES = "faithfulness_curves.csv"
FAITHFULNESS_PER_IMAGE = "faithfulness_per_image.csv"
RELIANCE = "background_reliance.csv"
EARLIER = "earlier"

_OTHERS = (
    *("config.yaml", METRICS, HPARAMS, "events.out.tfevents.*", RESULTS, "accuracy_per_*.csv", "predictions*.csv"),
    *(TRAINING, TRAINING_PREDICTIONS, AUGMENTATION, "originals", GALLERY, EXPLAIN),
)


class RunFolderError(ValueError):
    """A folder that a run cannot have; the message names it and the remedy."""


def next_folder(parent: Path) -> Path:
    """Make the next free `version_<n>`, for this run alone: of several that start at once, each gets its own.

    Args:
        parent: The folder of all runs; it is made if it is missing.

    Raises:
        RunFolderError: If it cannot be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            taken = [path.name.removeprefix("version_") for path in parent.glob("version_*")]
            number = 1 + max((int(name) for name in taken if name.isdecimal()), default=-1)
            folder = parent / f"version_{number}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue  # another run was faster
            _mark(folder)
            return folder
    except OSError as error:
        raise _refused(parent, error) from error


def claim(folder: Path, goes_on: bool = False) -> Path:
    """Make a folder of a chosen name a run's own.

    Args:
        folder: It may exist and hold other files, but none that a run would write.
        goes_on: Whether it is this run's own already: what lies there is set aside, checkpoints excepted.

    Raises:
        RunFolderError: If it holds a run, or a file with the name of one of a run's; if it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if goes_on:
            set_aside(folder)
        elif found := next(iter([*_held(folder), *folder.glob(CHECKPOINTS)]), None):
            raise _taken(folder, found.name)
        _mark(folder)
    except FileExistsError as error:
        if not folder.is_dir():
            raise _refused(folder, error) from error
        raise _taken(folder, RUN) from error  # another run was faster
    except OSError as error:
        raise _refused(folder, error) from error
    return folder


def set_aside(folder: Path) -> None:
    """Move what an earlier start of a run has written into `earlier/<n>`; its checkpoints stay.

    Args:
        folder: The run's folder.
    """
    found = list(_held(folder))
    if not found:
        return
    earlier = folder / EARLIER
    earlier.mkdir(exist_ok=True)
    place = earlier / str(1 + max((int(path.name) for path in earlier.iterdir() if path.name.isdecimal()), default=0))
    place.mkdir()
    for path in found:
        path.rename(place / path.name)


def written_before(folder: Path, name: str) -> Path | None:
    """A file as the last start of a run that wrote it left it; None where none did.

    Args:
        folder: The run's folder.
        name: One of a run's files.
    """
    starts = (path for path in (folder / EARLIER).glob("*") if path.name.isdecimal())
    newest_first = sorted(starts, key=lambda path: int(path.name), reverse=True)
    return next((place / name for place in (folder, *newest_first) if (place / name).exists()), None)


def require_room(folder: Path, needed: int) -> None:
    """Check that the disk is not too full for a run.

    Args:
        folder: The run's folder; it need not be there yet.
        needed: Bytes that its checkpoints will certainly take.

    Raises:
        RunFolderError: If there is less room.
    """
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise RunFolderError(
            f"{folder} has room for {free / 1e6:.1f} MB, and the checkpoints take {needed / 1e6:.1f} MB: make room, or "
            "name a folder on another disk in --trainer.run_dir"
        )


@contextmanager
def written_if_possible(path: Path) -> Iterator[None]:
    """A block that writes one of a run's files; where the disk refuses, a line says so and the run goes on.

    Args:
        path: The file.
    """
    try:
        yield
    except OSError as error:
        warnings.warn(f"{path} cannot be written ({error.strerror or error}); the run goes on without it", stacklevel=3)


def give_back(folder: Path) -> None:
    """Remove a folder in which its run has written nothing."""
    if [path.name for path in folder.iterdir()] == [RUN]:
        (folder / RUN).unlink()
        folder.rmdir()


def _held(folder: Path) -> Iterator[Path]:
    for pattern in (RUN, *_OTHERS):
        yield from folder.glob(pattern)


def _mark(folder: Path) -> None:
    """Claim a folder, once: raises FileExistsError where another run has."""
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    content = json_bytes({"command": shlex.join(sys.argv), "started": started}, indent=2) + b"\n"
    with (folder / RUN).open("xb") as file:
        try:
            file.write(content)
            file.flush()
        except OSError:
            (folder / RUN).unlink()  # the disk is full: the folder is not taken
            raise


def _taken(folder: Path, name: str) -> RunFolderError:
    last = folder / LAST
    hint = f"; to go on with its training, fit with --ckpt_path {last}" if last.is_file() else ""
    return RunFolderError(
        f"{folder} holds {name} already, and a run writes over nothing: name another --trainer.run_dir, or null for "
        f"the next free runs/version_<n>{hint}"
    )


def _refused(folder: Path, error: OSError) -> RunFolderError:
    reason = error.strerror or str(error)
    return RunFolderError(f"no run can write to {folder} ({reason}): name another folder in --trainer.run_dir")
