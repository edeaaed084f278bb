"""What cannot work among the settings of a data module: numbers when it is made, the rest before a run starts."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.preflight import Run, SettingError
from aga_lightning.training.quota import quotas

_LEAST = {
    "degree": 0,
    "batch_size": 1,
    "num_workers": 0,
    "image_size": 1,
    "steps_per_epoch": 1,
    "real_only_epochs": 0,
}


def check_numbers(**settings: Any) -> None:  # noqa: ANN401 settings of any type
    """Refuse numbers that are out of their range.

    Args:
        settings: Of a data module, by name; those that are None are left to their defaults.

    Raises:
        SettingError: If one is.
    """
    for name, least in _LEAST.items():
        if settings[name] is not None and settings[name] < least:
            raise SettingError(f"data.{name} is {least} or more, not {settings[name]}")
    probability = settings["replace_probability"]
    if not 0 <= probability <= 1:
        raise SettingError(f"data.replace_probability is a probability in 0..1, not {probability}")
    quota = settings["augmented_per_class"] or 0
    for number in quota.values() if isinstance(quota, dict) else [quota]:
        if number < 0:
            raise SettingError(f"data.augmented_per_class is a number of augmentations, 0 or more, not {number}")


def objections(data: Any, run: Run) -> Iterator[str]:  # noqa: ANN401 an AGADataModule, which imports this
    """What stands in the way of a run, a line each.

    Args:
        data: The data module.
        run: What is about to start.
    """
    if len(data.class_names) < 2:
        root = getattr(data.dataset, "root", type(data.dataset).__name__)
        known = ", ".join(data.class_names) or "none"
        yield f"a classifier needs two classes; {root} has one, {known}: give a folder of class folders"
    if run.verb == "predict" and data.predict_folder is not None and not Path(data.predict_folder).is_dir():
        yield f"data.predict_folder is {data.predict_folder}, which is no folder: check the path"
    if run.verb != "fit":
        return
    quotas(data.augmented_per_class, data.class_names)
    data.mixing_policy(run.trainer)
    if data.augmenter is None:
        return
    if data.mode == "online" and type(data.augmenter).recombine is Augmenter.recombine:
        name = type(data.augmenter).__name__
        yield f"data.mode is online, but {name} has no separate backgrounds: set data.mode pregenerate or lazy"
    if obstacle := _obstacle(data.store.cache_dir):
        yield f"data.cache_dir is {data.store.cache_dir}, but {obstacle}: name another folder"


def _obstacle(folder: Path) -> str | None:
    """Why nothing can be written below a folder, there or not; None where it can, or where finished work lies there."""
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        return f"{there} is no folder"
    if os.access(there, os.W_OK | os.X_OK) or (folder / "augmented").is_dir():
        return None
    return f"{there} cannot be written"
