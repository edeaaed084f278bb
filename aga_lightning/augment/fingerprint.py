"""Describe a part by its class and settings, and shorten a description to a key."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path

from aga_lightning.augment.base import Part


def describe(value: object) -> object:
    """Turn a setting, or a part with all its settings, into plain JSON values.

    Args:
        value: A part (its constructor arguments are read from the attributes of the same names), a plain value, or a
            list or mapping of these.

    Returns:
        The description. Two parts with the same description give the same output.

    Raises:
        TypeError: If a value cannot be described by plain values.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Part):
        kind = type(value)
        settings = {
            argument: describe(value.setting(argument))
            for argument in inspect.signature(kind).parameters
            if argument not in kind.not_in_key and not _as_before(value, argument)
        }
        return {"part": part_name(kind), "version": kind.version, **settings}
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a setting of type {_full_name(type(value))} cannot be part of a key; use a plain value or a Part")


def _as_before(part: Part, argument: str) -> bool:
    """Whether an argument that was added later has the value under which the part works as it did without."""
    added = type(part).added_later
    return argument in added and bool(getattr(part, argument) == added[argument])


def fingerprint(*values: object, length: int = 32) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of the values' descriptions."""
    text = json.dumps(describe(values), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def part_name(kind: type) -> str:
    """How a key names a class: by its bare name where it is ours, so that files may move."""
    return kind.__qualname__ if kind.__module__.startswith("aga_lightning.") else _full_name(kind)


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
