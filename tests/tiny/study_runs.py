"""Finished cells made by hand, with the files that a run leaves of its training and its augmentations."""

import json

import numpy as np
from PIL import Image

from aga_lightning.study.outcomes import Outcome, Outcomes
from aga_lightning.study.plan import Cell, Plan
from aga_lightning.study.report.page import rows_of
from aga_lightning.study.settings import Study

COLOURS = {"gull": (200, 30, 30), "wren": (30, 200, 30), "jay": (30, 30, 200)}


def cell(root, **levels):
    """A cell of these levels; its store lies below the study's folder."""
    settings = {"data.cache_dir": str(root / "store")}
    return Cell(levels, (), settings, root / "cells" / "_".join(levels.values()))


def finished(of_cell, seconds=60.0, steps=None, training=None, augmentation=None):
    """A finished cell, and the files that are read from its folder."""
    of_cell.folder.mkdir(parents=True, exist_ok=True)
    if training is not None:
        (of_cell.folder / "training.json").write_text(json.dumps({"optimiser_steps": steps, "seconds": training}))
    return Outcome(of_cell, {"test": {"acc": 0.5}}, seconds, steps, augmentation)


def outcomes(root, cells, done):
    """A study of cells, of which some are done."""
    axes = {axis: tuple(dict.fromkeys(one.levels[axis] for one in cells)) for axis in cells[0].levels}
    return Outcomes(Plan(Study(str(root)), axes, tuple(cells), ()), done, [], [], [])


def augmentation(collection, asked=8, rejected=None, stages=(), seconds=2.0, **more):
    """What a run's `augmentation.json` tells."""
    rejected = rejected or {}
    accepted = asked - sum(rejected.values())
    found = {"collection": str(collection), "asked": asked, "accepted": accepted, "rejected": rejected}
    return found | {"seconds": seconds, "stages": list(stages)} | more


def stage(name, units, seconds=1.0, denoiser_calls=0, **model_calls):
    """A stage of it."""
    numbers = {"units": units, "model_calls": model_calls, "denoiser_calls": denoiser_calls, "seconds": seconds}
    return {"name": name, **numbers}


def paint(path, colour, size=(48, 32)):
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def examples(of_cell, collection, variants):
    """A class each, with originals in its colour, and as many augmentations, each a shade darker; None for rejects."""
    found = []
    for number, (name, colour) in enumerate(COLOURS.items()):
        original = f"originals/{number}.png"
        paint(of_cell.folder / original, colour)
        made = []
        for place, caption in enumerate(variants):
            if caption is None:
                made.append({"rejected": "too small"})
                continue
            file = f"{name}/{name}-{place}.png"
            paint(collection / file, tuple(int(value) for value in np.array(colour) // (place + 2)))
            made.append({"file": file, "caption": caption})
        found.append({"class": name, "original": original, "variants": made})
    return found


def plain(table):
    """The texts of a table's cells, with their small print in brackets."""
    return [[f"{one.text} ({one.detail})" if one.detail else one.text for one in row] for row in rows_of(table)]
