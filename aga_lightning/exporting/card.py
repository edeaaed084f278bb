"""The card of an exported set: the collection's own, as a hub expects it in README.md, for what was exported."""

from collections import Counter
from collections.abc import Mapping, Sequence

import yaml

from aga_lightning.augment.card import dataset_card
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
_ONE_KIND = "With `datasets`: `load_dataset(FOLDER)`."  # it takes the files of all samples to have the same endings
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
        collection: What was exported.
        rows: The columns of each image.
        finished: What was asked, accepted and rejected.
        folders: The folder, or the start of the keys, of each class by its name, in label order.
        shards: How many WebDataset shards there are; None for an ImageFolder.

    Returns:
        Markdown with the hub's front matter.
    """
    augmented = [row for row in rows if row["augmented"]]
    card = dataset_card(collection.name, collection.augmenter, collection.seed, augmented, finished.rejected)
    front, sections = _parts_of(card)
    webdataset = shards is not None
    files = "aga-*.tar" if webdataset else f"{SPLIT}/**"
    config: dict[str, object] = {"config_name": "default", "data_files": [{"split": SPLIT, "path": files}]}
    if not webdataset and (features := _features(rows, list(folders))):
        config["features"] = features
    front["configs"] = [config]
    title, sentence, *_ = sections.pop("").split("\n\n")
    loading = _LOADING["webdataset"].format(last=shards - 1) if shards is not None else _LOADING["imagefolder"]
    if webdataset:
        loading += f" {_ONE_KIND}" * all(row["augmented"] for row in rows)
    else:
        present = [folders[name] for name in folders if any(row["class"] == name for row in rows)]
        loading += " " + (_SORTED if present == sorted(folders.values()) else _UNSORTED)
    sections |= {"Loading": loading, "Classes": _classes(rows, folders)}
    if "Rejected" in sections:
        sections["Rejected"] = sections["Rejected"].partition("\n\nExamples, ")[0]
    facts = _facts(collection, rows, finished, "`<key>.json`" if webdataset else f"`{SPLIT}/metadata.jsonl`")
    head = f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---"
    body = [part for name, text in sections.items() for part in (f"## {name}", text)]
    return "\n\n".join([head, title, sentence, facts, *body]) + "\n"


def _parts_of(card: str) -> tuple[dict[str, object], dict[str, str]]:
    """Front matter, and the text of each section by its heading; what stands before the first is ""."""
    _, front, body = card.split("---\n", 2)
    first, *others = body.strip().split("\n## ")
    titled = (text.partition("\n") for text in others)
    return yaml.safe_load(front), {"": first.strip(), **{name.strip(): text.strip() for name, _, text in titled}}


def _facts(collection: Collection, rows: Sequence[Row], finished: Finished, told_in: str) -> str:
    augmented = sum(bool(row["augmented"]) for row in rows)
    lines = [
        f"- images: {len(rows)} ({augmented} augmentations, {len(rows) - augmented} training images)",
        f"- asked: {finished.asked}, {collection.degree} of each training image that shows a subject; "
        f"accepted: {finished.accepted}, rejected: {len(finished.rejected)}, not made yet: {finished.missing}",
        f"- seed of the augmentations: {collection.seed}",
        "- settings, resolved: `config.yaml`",
        "- made from training images only",
        f"- told of each image in {told_in}: label, class, whether it is augmented, its source and the digest of the "
        "source's bytes, the variant, and what its method says, such as a caption",
    ]
    return "\n".join(lines)


def _classes(rows: Sequence[Row], folders: Mapping[str, str]) -> str:
    counts = Counter((row["class"], row["augmented"]) for row in rows)
    lines = ["| label | class | name in files | augmentations | training images |", "| --- | --- | --- | --- | --- |"]
    for label, (name, folder) in enumerate(folders.items()):
        cell = " ".join(name.split()).replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| {label} | {cell} | {folder} | {counts[name, True]} | {counts[name, False]} |")
    return "\n".join(lines)


def _features(rows: Sequence[Row], classes: Sequence[str]) -> list[dict[str, object]] | None:
    """The columns' types in the words of `datasets`, so that labels have names; None where one has no plain type."""
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
