"""Superclasses of classes: from the data set, a word, a mapping, a YAML file or WordNet."""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import yaml

from aga_lightning.images.records import DatasetError
from aga_lightning.paths import WordOrFile

Superclasses = dict[str, str] | WordOrFile | str | None
"""The setting `superclasses`: one word for all classes, a mapping from class to superclass, the path of a YAML file
(`.yaml` or `.yml`) with such a mapping, `wordnet:<depth>`, or null for the data set's own. A class with an empty
superclass has no subject."""

_WORDNET = re.compile(r"wordnet(?::(.*))?", re.IGNORECASE)
_FILE = re.compile(r"[/\\]|\.\w+$")


def find_superclasses(
    setting: Superclasses,
    classes: Sequence[str],
    default: Callable[[str], str] = str,
    known: Collection[str] = (),
    wordnet_ids: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The superclass of each class.

    Args:
        setting: The user's setting. A word, or WordNet, gives no subject to a class without a subject by `default`.
        classes: The classes, as the data set spells them.
        default: The data set's own superclass of a class, for classes that the setting leaves out.
        known: Further classes that a mapping may name.
        wordnet_ids: The WordNet ids (n01592084) of classes, as far as the data set knows them.

    Raises:
        DatasetError: If a mapping names an unknown class, its file or WordNet cannot be read, or the setting is neither
            a word nor the name of a YAML file.
    """
    defaults = {name: default(name) for name in classes}
    if setting is None:
        return defaults
    if isinstance(setting, str) and not setting.lower().endswith((".yaml", ".yml")):
        subjects = [name for name in classes if defaults[name]]
        if match := _WORDNET.fullmatch(setting.strip()):
            from aga_lightning.datasets.wordnet import hypernyms  # an extra

            return defaults | hypernyms(subjects, _depth(match), wordnet_ids or {})
        if _FILE.search(setting):
            raise DatasetError(
                f"superclasses {setting} is no word: the name of a file with a mapping ends in .yaml or .yml"
            )
        return defaults | dict.fromkeys(subjects, setting)
    source, mapping = "in the setting `superclasses`", setting
    if isinstance(mapping, str):
        source, mapping = f"in {mapping}", _read_mapping(Path(WordOrFile.of(mapping)))
    for name in mapping:
        check_known(name, {*classes, *known}, source)
    return {name: mapping.get(name, defaults[name]) for name in classes}


def check_known(name: str, known: Collection[str], where: str) -> None:
    """Refuse an unknown class.

    Raises:
        DatasetError: If it is unknown; the message names the most similar classes.
    """
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)[:3]
        raise DatasetError(
            f"class {name!r} {where} is unknown: the training classes nearest to it are {', '.join(nearest)}"
        )


def _depth(match: re.Match[str]) -> int:
    """The depth of `wordnet:<depth>`."""
    if not re.fullmatch("[0-9]+", match[1] or ""):
        raise DatasetError(
            f"superclasses {match[0]} lacks a depth: write wordnet:<depth>, counted from `entity` = 0; "
            "wordnet:9 gives bird, mammal and reptile"
        )
    return int(match[1])


def read_words(path: Path) -> object:
    """The content of a YAML file with all values as text: `no` and `007` stay as they are written.

    Raises:
        DatasetError: If the file cannot be read.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # makes nothing but text
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error


def _read_mapping(path: Path) -> dict[str, str]:
    content = read_words(path)
    if not isinstance(content, dict) or not all(isinstance(word, str) for pair in content.items() for word in pair):
        raise DatasetError(f"{path} must map each class to its superclass, one `class: superclass` a line")
    return content
