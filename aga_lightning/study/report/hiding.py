"""Hide the machine's folders in a report, which may be sent to others."""

import dataclasses
import os
import re
import sysconfig
from pathlib import Path
from typing import Any, TypeVar

_AROUND = 2
"""The number of folders that a path may lead up: further up, it would reveal the folders above the study."""

_Found = TypeVar("_Found")
_PLACE = re.compile(r"(?<![\w.~…/}])(?:file://)?/(?:[^\s/'\"<>,;:]+/)+([^\s/'\"<>,;:]*)")


def place_from(path: Path, out: Path) -> str:
    """The path of a file relative to the study's folder; only its name if it lies far away.

    Args:
        path: The file or folder.
        out: The study's folder.
    """
    seen = Path(os.path.relpath(path, out))
    return f"…/{path.name}" if seen.parts.count("..") > _AROUND else seen.as_posix()


def hide_places(found: _Found, out: Path) -> _Found:
    """Shorten the absolute paths in texts and blocks.

    Args:
        found: Texts, blocks, and lists, tuples and mappings of them; other objects stay unchanged.
        out: The study's folder. Paths in it, in the working directory and in Python's package folders become relative
            to that folder; other paths keep only their last part.
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
