"""The tables of a Hugging Face data set: loaded by its package, with the splits and columns that are used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from aga_lightning.datasets.base import Split
from aga_lightning.datasets.columns import usual_column
from aga_lightning.datasets.split_folders import SPELLINGS
from aga_lightning.files import shown
from aga_lightning.images.records import DatasetError

_IMAGE_NAMES = ("image", "img", "photo", "picture")


def load_tables(path: str, name: str | None, revision: str | None, aside: Path | None) -> dict[str, Any]:
    """The tables of a data set by its own names of the splits.

    Args:
        path: A file, a folder, or a name on the hub.
        name: The configuration; None for the only one.
        revision: The hub's revision; None for the main branch.
        aside: A folder for what `datasets` makes of local files; None for a name on the hub, which has its own cache.

    Raises:
        DatasetError: If the package is missing, or cannot read the data set.
    """
    try:
        import datasets
    except ImportError as error:
        raise DatasetError('HubImages needs the package datasets: pip install "aga-lightning[hub]"') from error
    local, cache = Path(path), None if aside is None else str(aside)
    try:
        if (local / "dataset_dict.json").is_file() or (local / "state.json").is_file():
            found = datasets.load_from_disk(path)
        elif local.is_file():
            kind = "arrow" if local.suffix == ".arrow" else "parquet"
            found = datasets.load_dataset(kind, data_files=path, cache_dir=cache)
        else:
            found = datasets.load_dataset(path, name, revision=revision, cache_dir=cache)
    except MemoryError:
        raise
    except Exception as error:  # it raises what its many readers and the network raise
        reason = " ".join(str(error).split())[:300]
        raise DatasetError(
            shown(f"{path} cannot be read by datasets ({reason}): correct `path`, `name` or `revision`")
        ) from error
    return {split: found[split] for split in found} if isinstance(found, dict) else {"train": found}


def find_splits(tables: Mapping[str, object], named: Mapping[str, str] | None, path: str) -> dict[Split, str]:
    """The data set's own name of each split that it has.

    Args:
        tables: What it has, by its own names.
        named: The user's choice, which has a split train; None for the usual names. A data set with one split trains
            on it.
        path: The data set, for errors.

    Raises:
        DatasetError: If a split is missing, or there are two for one.
    """
    there = f"its splits are {', '.join(tables)}"
    if named is not None:
        if missing := [own for own in named.values() if own not in tables]:
            raise DatasetError(shown(f"{path} has no split {missing[0]!r}; {there}: correct `splits`"))
        return {split: named[split] for split in get_args(Split) if split in named}
    if len(tables) == 1:
        return {"train": next(iter(tables))}
    found: dict[Split, str] = {}
    for own in tables:
        if (split := SPELLINGS.get(own.lower())) and found.setdefault(split, own) != own:
            raise DatasetError(shown(f"{path} has two splits for {split}; {there}: set `splits`"))
    if "train" not in found:
        raise DatasetError(shown(f"{path} has no split train; {there}: set `splits`"))
    return found


def find_columns(features: Mapping[str, Any], image: str | None, label: str | None, path: str) -> tuple[str, str]:
    """The columns of the images and of the labels.

    Args:
        features: The type of each column, as `datasets` tells it.
        image: The user's choice; None for the only column of images.
        label: The user's choice; None for the only column with class names, or one with a usual name.
        path: The data set, for errors.

    Raises:
        DatasetError: If a column is missing or cannot be chosen, or an image has several labels.
    """
    if image is None:
        typed = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
        image = _only(typed or [name for name in features if name.lower() in _IMAGE_NAMES])
    if label is None:
        label = _only([name for name, feature in features.items() if hasattr(feature, "names")])
        label = label or usual_column("label", [*features], Path(path))
    for setting, column in (("image_column", image), ("label_column", label)):
        if column not in features:
            problem = f"has no column {column!r}" if column else f"has no single column that could be {setting}"
            columns = ", ".join(features)
            raise DatasetError(
                shown(f"{path} {problem}; its columns are {columns}: name the right one in the setting {setting}")
            )
    if not hasattr(features[label], "names") and type(features[label]).__name__ != "Value":
        raise DatasetError(
            shown(f"the column {label!r} of {path} is no single label: name another one in the setting label_column")
        )
    return image, label


def _only(names: list[str]) -> str:
    """The only one of some names; empty if there are none or several."""
    return names[0] if len(names) == 1 else ""
