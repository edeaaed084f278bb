"""What kind of thing a class is: from the data set, a word, a mapping, a YAML file or WordNet."""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import yaml

from aga_lightning.data.base import DatasetError

Superclasses = dict[str, str] | str | None
"""The setting `superclasses`: one word for all classes, a mapping from class to superclass, the path of a YAML file
(`.yaml` or `.yml`) with such a mapping, `wordnet:<depth>`, or null for what the data set knows. An empty superclass
says that a class has no subject."""

_WORDNET = re.compile(r"wordnet:(\d+)")


def find_superclasses(
    setting: Superclasses,
    classes: Sequence[str],
    default: Callable[[str], str] = str,
    known: Collection[str] = (),
    wordnet_ids: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The superclass of each class.

    Args:
        setting: What the user has set.
        classes: The classes, as the data set spells them.
        default: What the data set says of a class that the setting leaves out; the class itself by default.
        known: Further classes that a mapping may name without being wrong.
        wordnet_ids: The WordNet id of a class (n01592084), where the data set knows it.

    Raises:
        DatasetError: If a mapping names an unknown class, or its file or WordNet cannot be read.
    """
    if setting is None:
        return {name: default(name) for name in classes}
    if isinstance(setting, str):
        if match := _WORDNET.fullmatch(setting):
            from aga_lightning.data.wordnet import hypernyms  # an extra

            return hypernyms(classes, int(match[1]), wordnet_ids or {}) | _subjectless(classes, default)
        if not setting.lower().endswith((".yaml", ".yml")):
            return dict.fromkeys(classes, setting) | _subjectless(classes, default)
    source, mapping = "in the setting `superclasses`", setting
    if isinstance(mapping, str):
        source, mapping = f"in {mapping}", _read_mapping(Path(mapping))
    for name in mapping:
        check_known(name, {*classes, *known}, source)
    return {name: mapping.get(name, default(name)) for name in classes}


def check_known(name: str, known: Collection[str], where: str) -> None:
    """Refuse a class that nobody knows.

    Raises:
        DatasetError: With the classes nearest to it.
    """
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)[:3]
        raise DatasetError(
            f"class {name!r} {where} is unknown: the training classes nearest to it are {', '.join(nearest)}"
        )


def _subjectless(classes: Sequence[str], default: Callable[[str], str]) -> dict[str, str]:
    """The classes that the data set knows to have no subject; a word for all classes does not give them one."""
    return {name: "" for name in classes if not default(name)}


def _read_mapping(path: Path) -> dict[str, str]:
    """A YAML mapping of words to words, each as it is written (`no` and `007` stay text)."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(word, str) for pair in content.items() for word in pair):
        raise DatasetError(f"{path} must map each class to its superclass, one `class: superclass` a line")
    return content
