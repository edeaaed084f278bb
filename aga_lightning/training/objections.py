"""Settings of a data module that cannot work: numbers are checked when it is made, the rest before a run starts."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aga_lightning.augment.fingerprint import fingerprint
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


def check_numbers(data: Any) -> None:  # noqa: ANN401 an AGADataModule, which imports this
    """Refuse numbers that are out of range.

    Args:
        data: The data module; settings that are None are not checked.

    Raises:
        SettingError: If a number is out of range.
    """
    for name, least in _LEAST.items():
        if (value := getattr(data, name)) is not None and value < least:
            raise SettingError(f"data.{name} is {least} or more, not {value}")
    if data.std is not None and min(data.std) <= 0:
        raise SettingError(f"data.std is a deviation above 0 for each channel, not {list(data.std)}")
    if not 0 < data.augment_share <= 1:
        raise SettingError(f"data.augment_share is a share above 0, 1 at most, not {data.augment_share}")
    if data.augment_order is not None and data.augment_share == 1:
        raise SettingError("data.augment_order chooses nothing where data.augment_share is 1: set it to 0.35, say")
    if not 0 <= data.replace_probability <= 1:
        raise SettingError(f"data.replace_probability is a probability in 0..1, not {data.replace_probability}")
    quota = data.augmented_per_class or 0
    for number in quota.values() if isinstance(quota, dict) else [quota]:
        if number < 0:
            raise SettingError(f"data.augmented_per_class is a number of augmentations, 0 or more, not {number}")


def objections(data: Any, run: Run) -> Iterator[str]:  # noqa: ANN401 an AGADataModule, which imports this
    """Reasons why a run cannot work, one line each.

    Args:
        data: The data module.
        run: The run that is about to start.
    """
    if len(data.class_names) < 2:
        root = getattr(data.dataset, "root", type(data.dataset).__name__)
        known = ", ".join(data.class_names) or "none"
        yield f"a classifier needs two classes; {root} has one, {known}: give a folder of class folders"
    if run.verb == "predict" and data.predict_folder is not None and not Path(data.predict_folder).exists():
        yield f"data.predict_folder is {data.predict_folder}, which is not there: check the path"
    if run.verb != "fit":
        return
    quotas(data.augmented_per_class, data.class_names)
    policy = data.mixing_policy(run.trainer)
    if data.augmenter is None:
        return
    if policy.is_real_only(0):
        yield (
            f"data.real_only_epochs is {data.real_only_epochs}, but the fit has {policy.max_epochs} epochs, so that no "
            "augmentation would be shown: lower it, or set data.augmenter null"
        )
    if data.replace_schedule != "constant" and data.replace_probability == 0:
        yield f"data.replace_schedule is {data.replace_schedule}, but data.replace_probability is 0: set a probability"
    if data.augment_order is not None and not Path(data.augment_order).is_file():
        yield f"data.augment_order is {data.augment_order}, which is no file: name a training_predictions.csv"
    if data.mode == "online" and not data.augmenter.recombines:
        name = type(data.augmenter).__name__
        yield f"data.mode is online, but {name} has no separate backgrounds: set data.mode pregenerate or lazy"
    if obstacle := _obstacle(data.store.cache_dir):
        yield f"data.cache_dir is {data.store.cache_dir}, but {obstacle}: name another folder"
    fingerprint(data.augmenter)  # looks at what its settings name, such as a folder of photos, and raises what is wrong


def _obstacle(folder: Path) -> str | None:
    """Reason why a folder, existing or not, cannot be written to; None if it can, or if it holds finished work."""
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        return f"{there} is no folder"
    if os.access(there, os.W_OK | os.X_OK) or (folder / "augmented").is_dir():
        return None
    return f"{there} cannot be written"
