import inspect
import pkgutil
from collections import Counter
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path

import pytest
from docstring_parser import parse

import aga_lightning.augment
from aga_lightning.augment.base import Part
from aga_lightning.augment.fingerprint import describe, fingerprint
from aga_lightning.augment.pretrained import Pretrained


class Inner(Part):
    def __init__(self, level: int = 1):
        self.level = level


class Outer(Part):
    not_in_key = frozenset({"batch_size"})

    def __init__(self, inner: Inner | None = None, sizes=(1, 2), batch_size: int = 4):
        self.inner = inner or Inner()
        self.sizes = sizes
        self.batch_size = batch_size


def test_a_description_holds_settings_of_nested_parts():
    inner = {"part": f"{__name__}.Inner", "version": 1, "level": 3}
    assert describe(Outer(Inner(3))) == {"part": f"{__name__}.Outer", "version": 1, "inner": inner, "sizes": [1, 2]}


def test_a_key_changes_with_what_changes_the_output_and_with_nothing_else(monkeypatch):
    key = fingerprint(Outer())
    assert fingerprint(Outer(batch_size=9)) == key
    assert fingerprint(Outer(sizes=[1, 2])) == key
    assert fingerprint(Outer(Inner(2))) != key
    monkeypatch.setattr(Outer, "version", 2)
    assert fingerprint(Outer()) != key


def test_a_setting_that_was_added_later_leaves_the_key_alone_until_it_is_used(monkeypatch):
    before = describe(Outer())
    monkeypatch.setattr(Outer, "added_later", {"sizes": [1, 2]})
    without = describe(Outer(sizes=[1, 2]))
    assert without == {name: value for name, value in before.items() if name != "sizes"}
    assert describe(Outer(sizes=[1, 3])) == {**without, "sizes": [1, 3]}


def test_plain_values():
    assert describe({"b": Path("x"), "a": {2, 1}}) == {"b": "x", "a": ["1", "2"]}
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint(1, "2") != fingerprint(12)


def test_a_value_without_a_description_is_refused():
    with pytest.raises(TypeError, match="cannot be part of a key"):
        describe(object())


def shipped_parts():
    for module in pkgutil.walk_packages(aga_lightning.augment.__path__, "aga_lightning.augment."):
        for _, kind in inspect.getmembers(import_module(module.name), inspect.isclass):
            if issubclass(kind, Part) and not inspect.isabstract(kind) and kind.__module__ == module.name:
                yield kind


def parts_with_weights():
    return {kind for kind in shipped_parts() if issubclass(kind, Pretrained)}


@pytest.mark.parametrize("kind", sorted(set(shipped_parts()), key=lambda kind: kind.__name__))
def test_every_shipped_part_keeps_its_settings_and_documents_each_once(kind):
    settings = inspect.signature(kind).parameters
    assert set(kind.added_later) <= set(settings)
    required = [name for name, setting in settings.items() if setting.default is inspect.Parameter.empty]
    if not required:
        assert isinstance(describe(kind()), dict)
    told = Counter((one.arg_name, one.description) for base in kind.__mro__ for one in parse(base.__doc__ or "").params)
    assert set(settings) <= {name for name, _ in told}
    if is_dataclass(kind):  # a constructor of its own has to repeat what it takes
        assert [name for (name, _), times in told.items() if times > 1] == []


# Where and how fast a model runs changes no image.
NO_MATTER = {"batch_size", "device", "compile", "offload"}


@pytest.mark.parametrize("kind", sorted(parts_with_weights(), key=lambda kind: kind.__name__))
def test_each_setting_of_a_model_enters_its_key_unless_it_changes_no_image(kind):
    settings = inspect.signature(kind).parameters
    needed = {name: "x.pth" for name, setting in settings.items() if setting.default is inspect.Parameter.empty}
    key = fingerprint(kind(**needed))
    for name in set(settings) - {"architecture"}:  # by which the default weights are chosen
        other = kind(**needed)
        setattr(other, name, "something/else")
        assert (fingerprint(other) != key) == (name not in NO_MATTER), name
