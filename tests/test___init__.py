import subprocess
import sys
from importlib import import_module

import pytest

import aga_lightning

ROOMS = ("augment", "callbacks", "datasets", "explain", "images", "training")
NAMES = [("", name) for name in aga_lightning.__all__]
NAMES += [(f".{room}", name) for room in ROOMS for name in import_module(f"aga_lightning.{room}").__all__]


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, aga_lightning; from aga_lightning import {', '.join(ROOMS)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "aga_lightning" in loaded
    assert not {"torch", "numpy", "lightning", "cv2"} & set(loaded)


def test_each_public_name_is_documented_where_it_is_defined():
    for room, name in NAMES:
        value = getattr(import_module(f"aga_lightning{room}"), name)
        if value.__module__.startswith("aga_lightning"):  # the others are names of NumPy's arrays
            assert value.__doc__, name
            assert getattr(import_module(value.__module__), value.__name__) is value


def test_the_package_exports_what_its_rooms_export():
    there = {name for room in ROOMS for name in import_module(f"aga_lightning.{room}").__all__}
    assert set(aga_lightning.__all__) <= there
    assert set(aga_lightning.__all__) <= set(dir(aga_lightning))


def test_a_name_that_is_not_public_is_told():
    with pytest.raises(AttributeError, match="No aga_lightning attribute Nothing"):
        _ = aga_lightning.Nothing
