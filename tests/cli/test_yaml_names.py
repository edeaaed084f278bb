"""A name that is no UTF-8 is read from a command line, and from a configuration that was saved with it."""

import os

import pytest
import yaml

from aga_lightning.cli.yaml_names import loads_any_name

NAME = os.fsdecode(b"caf\xe9 [1]: x.jpg")
LOADERS = [yaml.safe_load, lambda text: yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))]


@pytest.mark.parametrize("load", LOADERS, ids=["python", "c"])
def test_names_that_are_no_utf8_are_read(load):
    values = {"root": NAME, "ood": {NAME: [NAME, 1, None]}, "plain": "Höhle \U0001f408"}
    assert loads_any_name(load)(yaml.safe_dump(values, allow_unicode=True)) == values
    assert loads_any_name(load)("{root: 'a\udce9'}") == {"root": "a\udce9"}  # typed on a command line


@pytest.mark.parametrize("load", LOADERS, ids=["python", "c"])
def test_what_is_no_yaml_is_still_an_error(load):
    with pytest.raises(yaml.YAMLError):
        loads_any_name(load)("[a\udce9")
    with pytest.raises(yaml.YAMLError):
        loads_any_name(load)("{a: ]")
    assert loads_any_name(load)(r"{a: '\uDCE9'}") == {"a": r"\uDCE9"}  # single quotes: no escape
