"""The card of an exported set: the collection's card for the exported images, as README.md for a hub."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from aga_lightning.augment.card import set_card, table
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.exporting.imagefolder import SPLIT
from aga_lightning.exporting.items import Finished

Row = Mapping[str, object]

_LOADING = {
    "imagefolder": (
        'With `datasets`: `load_dataset("imagefolder", data_dir=FOLDER)`, or `load_dataset(FOLDER)`, which also gives '
        "the labels their names; with torchvision: `ImageFolder(FOLDER/train)`."
    ),
    "webdataset": (
        'With `webdataset`: `WebDataset("FOLDER/aga-{{000000..{last:06d}}}.tar").decode("pil")`, and then '
        '`.to_tuple("jpg;png", "cls", "json")`. The samples are shuffled over the shards already; the label of a class '
        "is its line in `classes.txt`, counted from 0."
    ),
}
_ONE_KIND = "With `datasets`: `load_dataset(FOLDER)`."  # it expects the same file endings for all samples
_SORTED = "torchvision counts the folders by name, which gives the same labels."
_UNSORTED = (
    "torchvision counts the folders by name, which gives other labels than the column `label`: take the order of "
    "`classes.txt` where results are compared."
)


def export_card(
    collection: Collection, rows: Sequence[Row], finished: Finished, folders: Mapping[str, str], shards: int | None
) -> str:
    """The card.

    Args:
        collection: The exported collection.
        rows: The columns of each image.
        finished: The requested, accepted and rejected augmentations.
        folders: The folder, or the start of the keys, of each class by its name, in label order.
        shards: Number of WebDataset shards; None for an ImageFolder.

    Returns:
        Markdown with the hub's front matter.
    """
    augmented = [row for row in rows if row["augmented"]]
    card = set_card(collection.name, collection.augmenter, collection.seed, augmented, finished.rejected)
    webdataset = shards is not None
    files = "aga-*.tar" if webdataset else f"{SPLIT}/**"
    config: dict[str, object] = {"config_name": "default", "data_files": [{"split": SPLIT, "path": files}]}
    if not webdataset and (features := _features(rows, list(folders))):
        config["features"] = features
    loading = _LOADING["webdataset"].format(last=shards - 1) if shards is not None else _LOADING["imagefolder"]
    if webdataset:
        loading += f" {_ONE_KIND}" * all(row["augmented"] for row in rows)
    else:
        present = [folders[name] for name in folders if any(row["class"] == name for row in rows)]
        loading += " " + (_SORTED if present == sorted(folders.values()) else _UNSORTED)
    return replace(
        card,
        front=card.front | {"configs": [config]},
        facts=_facts(collection, rows, finished, "`<key>.json`" if webdataset else f"`{SPLIT}/metadata.jsonl`"),
        sections=card.sections | {"Loading": loading, "Classes": _classes(rows, folders)},
    ).text()


def _facts(collection: Collection, rows: Sequence[Row], finished: Finished, told_in: str) -> list[str]:
    augmented = sum(bool(row["augmented"]) for row in rows)
    return [
        f"images: {len(rows)} ({augmented} augmentations, {len(rows) - augmented} training images)",
        f"asked: {finished.asked}, {collection.degree} of each of {len(collection.subjects)} training images; "
        f"accepted: {finished.accepted}, rejected: {len(finished.rejected)}, not made yet: {finished.missing}",
        f"seed of the augmentations: {collection.seed}",
        "settings, resolved: `config.yaml`",
        "made from training images only",
        f"facts of each image, in {told_in}: label, class, whether it is augmented, its source and the digest of the "
        "source's bytes, the variant, and facts of its method, such as a caption",
    ]


def _classes(rows: Sequence[Row], folders: Mapping[str, str]) -> str:
    counts = Counter((row["class"], row["augmented"]) for row in rows)
    return table(
        ("label", "class", "name in files", "augmentations", "training images"),
        [
            (label, name, folder, counts[name, True], counts[name, False])
            for label, (name, folder) in enumerate(folders.items())
        ],
    )


def _features(rows: Sequence[Row], classes: Sequence[str]) -> list[dict[str, object]] | None:
    """The columns' types as `datasets` names them, so that labels have names; None if a column has no plain type."""
    names = {str(label): name for label, name in enumerate(classes)}
    features: list[dict[str, object]] = [{"name": "image", "dtype": "image"}]
    for column in rows[0]:
        if column == "label":
            features.append({"name": column, "dtype": {"class_label": {"names": names}}})
            continue
        kinds = {_kind(row[column]) for row in rows if row[column] is not None}
        kinds -= {"int64"} if "float64" in kinds else set()
        kind = kinds.pop() if kinds else "string"
        if kinds or kind is None:
            return None
        listed, _, plain = kind.rpartition(" ")
        features.append({"name": column, "sequence" if listed else "dtype": plain})
    return features


def _kind(value: object) -> str | None:
    if isinstance(value, list):
        inner = {_kind(item) for item in value}
        if inner == {"int64", "float64"}:
            inner = {"float64"}
        (kind,) = inner if len(inner) == 1 else (None,)
        return None if kind is None or " " in kind else f"list {kind}"
    return {bool: "bool", int: "int64", float: "float64", str: "string"}.get(type(value))
