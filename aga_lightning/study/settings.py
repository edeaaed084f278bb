"""What a study runs: a base configuration, axes, which combinations of their levels, and how."""

from dataclasses import dataclass, field
from typing import Any, Literal

from aga_lightning.paths import NameOrPath, UserPath

Budget = Literal["steps", "epochs"]


class StudyError(Exception):
    """A study that cannot be planned or read; the message tells the remedy."""


@dataclass(frozen=True)
class Explain:
    """Which cells are explained beside which.

    Args:
        arms: Levels of the axis `arm`; each of their cells is tested once more, beside the reference's cell that agrees
            with it in all other axes.
        reference: The level of `arm` to compare with.
        only: Levels of other axes to stay with, such as {backbone: [resnet18]}; empty for all.
        callbacks: What explains: callbacks with a setting `compare_to`, which is set to the reference's checkpoint.
        settings: Settings for these tests only, by dotted names.
    """

    arms: list[str]
    reference: str = "baseline"
    only: dict[str, list[Any]] = field(default_factory=dict)
    callbacks: list[dict[str, Any]] = field(
        default_factory=lambda: [{"class_path": "Faithfulness"}, {"class_path": "AttributionPanels"}]
    )
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """Arms x backbones x seeds: each cell is a `fit` of its own, and together they make a report.

    Args:
        out: The study's folder, where the report goes.
        cells: Where the runs and the store of augmentations lie; null for `out`. What is finished there is not run
            again, so that studies with one such folder run the cells that they have in common once.
        title: What the report is called.
        about: What it asks, in a paragraph.
        base: Configurations of every cell, later ones winning, as behind `fit --config`.
        settings: Settings of every cell behind these, by dotted names: {data.degree: 4}.
        overrides: Settings of every cell that win over those of the axes too; what stands behind a -- on the command
            line is added to them: study --config quick.yaml -- --data.degree 4.
        axes: By name, the levels of each axis: a mapping of a level's name to its settings (with `config` among them, a
            list of further configurations; {axis} in their names stands for the level of another axis), or a plain
            list, for `backbone`, `degree` and `seed`, which know their settings; {levels: [...], sets: [...]} names
            the settings that take the level's value. Later axes win.
        grids: Which combinations are run, each a mapping of an axis to a list of its levels, or to "all"; an axis that
            is left out stays at its first level. Cells that several grids ask for are run once. Null for all.
        paths: Where data lie on this machine; settings name them as {name}. A null has to be given: --paths.name PATH.
        budget: "steps" holds that all arms take the same number of optimiser steps (data.steps_per_epoch has to be
            set); "epochs" takes the same number of epochs, as the paper does, so that more images are more steps.
        explain: Which cells are explained beside which; null for none.
        jobs: Cells that run at a time, each in a process of its own.
        threads: CPU threads of each; null for an even share of the cores.
        goes_on: Whether a cell that was killed goes on from its last epoch; what is random in the epochs that are left
            then differs from a run that was never interrupted. False starts it anew, which costs its time again and
            gives the same results however often a study is stopped.
        gpus: Numbers of GPUs that are dealt out, one to each cell that runs; empty leaves them to the cell's trainer.
    """

    out: UserPath | str
    cells: UserPath | str | None = None
    title: str = "Study"
    about: str = ""
    base: list[NameOrPath | str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, Any] = field(default_factory=dict)
    grids: list[dict[str, Any]] | None = None
    paths: dict[str, str | None] = field(default_factory=dict)
    budget: Budget = "steps"
    explain: Explain | None = None
    jobs: int = 1
    threads: int | None = None
    goes_on: bool = True
    gpus: list[int] = field(default_factory=list)
