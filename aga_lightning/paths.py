"""Settings that are paths: all of them may be given in the same ways, and all are kept absolute.

`~` and environment variables (`$DATA/photos`, `${DATA}`) are expanded, and what is relative is meant from the working
directory. A constructor turns what it is given by `UserPath.of` and its kin; as the types of its arguments, they let
the parser of the command line do so before the configuration is saved, so that it can be used from other folders.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_VARIABLE = re.compile(r"\$(?:\w+|\{[^}]*\})")
_CAPITALS = re.compile(r"[A-Z0-9_]+")


_working_directory: ContextVar[str] = ContextVar("working_directory", default="")


@contextmanager
def meant_from_here() -> Iterator[None]:
    """A block in which paths are meant from the present working directory, wherever the process goes meanwhile.

    The parser goes into the folder of a configuration while it reads it.
    """
    token = _working_directory.set(os.getcwd())
    try:
        yield
    finally:
        _working_directory.reset(token)


class PathError(ValueError):
    """A path that names an environment variable which is not set."""


class UserPath(str):
    """The type of a setting that is a path of a file or a folder, whether it exists or not."""

    @classmethod
    def of(cls, given: str | os.PathLike[str]) -> str:
        """The absolute path that is meant; giving it once more gives it back.

        Addresses (`s3://...`) stay as they are.

        Args:
            given: A path as a user gives it.

        Raises:
            PathError: If it names an environment variable that is not set, and no file of this very name exists.
        """
        text = os.fspath(given)
        return _absolute(text) if cls.leads_somewhere(text) else text

    @classmethod
    def leads_somewhere(cls, text: str) -> bool:
        """Whether a text is a path at all."""
        return "://" not in text

    @classmethod
    def is_found(cls, value: object) -> bool:
        """Whether a value is such a path already, as `of` gives it."""
        try:
            return isinstance(value, str) and cls.of(value) == value
        except PathError:
            return False


class NameOrPath(UserPath):
    """The type of a setting that is a published name of weights, or the path of a local file or folder of them.

    It is a path if it starts with `/`, `.`, `~` or `$`, or if there is such a file; torchvision's names (IMAGENET1K_V1)
    never are.
    """

    @classmethod
    def leads_somewhere(cls, text: str) -> bool:
        """Whether it is a path."""
        if text.startswith(("/", ".", "~", "$")):
            return True
        return super().leads_somewhere(text) and not _CAPITALS.fullmatch(text) and os.path.exists(_here(text))


class WordOrFile(UserPath):
    """The type of a setting that is a word, or the path of a YAML file, which ends in .yaml or .yml."""

    @classmethod
    def leads_somewhere(cls, text: str) -> bool:
        """Whether it is a path."""
        return text.lower().endswith((".yaml", ".yml"))


PATH_TYPES = (UserPath, NameOrPath, WordOrFile)
"""The types that a parser has to know."""


def _absolute(text: str) -> str:
    place = Path(_here(os.path.expanduser(text))).absolute()
    if text.startswith("$") or any("$" in path.name and not os.path.lexists(path) for path in (place, *place.parents)):
        place = Path(_here(os.path.expanduser(os.path.expandvars(text)))).absolute()
        for path in (place, *place.parents):
            if (unset := _VARIABLE.search(path.name)) and not os.path.lexists(path):
                raise PathError(f"{text}: no environment variable {unset[0]} is set; set it, or write the path out")
    return str(place)  # a dollar in the name of a file or folder that exists is a dollar


def _here(path: str) -> str:
    return os.path.join(_working_directory.get(), path)
