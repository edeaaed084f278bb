"""What a setting that does not exist may have been meant to be, found among those that there are."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

import yaml

from aga_lightning.cli.usage import configurations_in
from aga_lightning.configurations import find_config

_MOST = 2


def hint(name: str, keys: Iterable[str]) -> str:
    """A question for the setting that was meant, such as "; did you mean --data.batch_size?", or nothing.

    Args:
        name: What was given, without dashes: "batch_size", "data.batchsize", "trainer.epochs".
        keys: The settings that there are, from the likeliest.
    """
    room, _, last = name.rpartition(".")
    ends: dict[str, list[str]] = {}
    for key in dict.fromkeys(key.replace(".init_args", "") for key in keys):
        if key != name:
            ends.setdefault(key.rpartition(".")[2], []).append(key)
    within = {end for end, found in ends.items() if any(key.rpartition(".")[0] == room for key in found)}
    near = get_close_matches(last, within, n=2, cutoff=0.7) or get_close_matches(last, ends, n=1, cutoff=0.8)
    meant = ends.get(last) or [key for end in near for key in ends[end]]
    meant = meant or [key for end, found in ends.items() if last in end.split("_") for key in found]
    nearest = sorted(meant, key=lambda key: (key.rpartition(".")[0] != room, key.count(".")))[:_MOST]
    return f"; did you mean {' or '.join(f'--{key}' for key in nearest)}?" if nearest else ""


def class_hint(name: str, names: Iterable[str]) -> str:
    """The same for the name of a class.

    Args:
        name: What was given.
        names: The classes that there are.
    """
    near = get_close_matches(name.rpartition(".")[2], names, n=_MOST, cutoff=0.75)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def keys_of_configurations() -> Iterator[str]:
    """The settings that the command's configurations make."""
    for given in configurations_in(sys.argv[1:]):
        path = Path(find_config(given))
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
        except (OSError, UnicodeDecodeError, yaml.YAMLError):  # which is told elsewhere
            continue
        yield from _keys(content)


def _keys(content: object, above: str = "") -> Iterator[str]:
    if isinstance(content, Mapping):
        for key, value in content.items():
            name = f"{above}.{key}" if above else str(key)
            yield name
            yield from _keys(value, name)
