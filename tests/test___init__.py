import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import aga_lightning


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, aga_lightning; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "aga_lightning" in loaded
    assert not {"torch", "numpy", "lightning", "cv2"} & set(loaded)


@pytest.mark.parametrize("name", [name for name in aga_lightning.__all__ if name != "__version__"])
def test_each_public_name_is_what_its_module_defines(name):
    value = getattr(aga_lightning, name)
    assert value.__name__ == name and value.__doc__
    assert getattr(import_module(value.__module__), name) is value
    assert name in dir(aga_lightning)


def test_a_name_that_is_not_public_is_told():
    with pytest.raises(AttributeError, match="'aga_lightning' has no attribute 'Nothing'"):
        _ = aga_lightning.Nothing


def test_type_checkers_are_told_the_same_names():
    stub = Path(aga_lightning.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    told = {
        alias.asname: node.module
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == {name: f"aga_lightning.{module}" for name, module in aga_lightning._HOME_OF.items()}
