"""A report is sent to others: it tells no places of the machine that made it."""

import dataclasses
import os
import re
import sysconfig
from pathlib import Path
from typing import Any, TypeVar

_AROUND = 2
"""How many folders up a path may lead: further up, it would tell where the study lies."""

_Found = TypeVar("_Found")
_PLACE = re.compile(r"(?<![\w.~…/}])(?:file://)?/(?:[^\s/'\"<>,;:]+/)+([^\s/'\"<>,;:]*)")


def place_from(path: Path, out: Path) -> str:
    """Where a file lies, as seen from the study's folder; from far away, its name only.

    Args:
        path: The file, or a folder.
        out: The study's folder.
    """
    seen = Path(os.path.relpath(path, out))
    return f"…/{path.name}" if seen.parts.count("..") > _AROUND else seen.as_posix()


def hide_places(found: _Found, out: Path) -> _Found:
    """Blocks, or anything made of them, with the same words but for absolute paths.

    Args:
        found: Words, blocks, and lists, tuples and mappings of them; other things stay as they are.
        out: The study's folder: paths in it are told from there on. Those in the working directory and among Python's
            packages are told from there on too; of others, only the last part is.
    """
    places = [f"{out.resolve()}/", *(f"{Path(sysconfig.get_path(name))}/" for name in ("purelib", "platlib", "stdlib"))]
    told = dict.fromkeys((*places, f"{Path.cwd()}/"), "") | {f"{Path.home()}/": "~/"}
    return _hide(found, told)  # type: ignore[no-any-return]


def _hide(found: Any, told: dict[str, str]) -> Any:  # noqa: ANN401 what blocks may hold
    if isinstance(found, str):
        for place, words in told.items():
            found = found.replace(place, words)
        return _PLACE.sub(r"…/\1", found)
    if isinstance(found, list | tuple):
        return type(found)(_hide(one, told) for one in found)
    if isinstance(found, dict):
        return {_hide(key, told): _hide(one, told) for key, one in found.items()}
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        fields = (field.name for field in dataclasses.fields(found))
        return dataclasses.replace(found, **{name: _hide(getattr(found, name), told) for name in fields})
    return found
