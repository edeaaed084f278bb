"""The settings of a study: a base configuration, axes, combinations of their levels, and how cells are run."""

from dataclasses import dataclass, field
from typing import Any, Literal

from aga_lightning.paths import NameOrPath, UserPath

Budget = Literal["steps", "epochs"]


class StudyError(Exception):
    """A study cannot be planned or read; the message names the remedy."""


@dataclass(frozen=True)
class Explain:
    """The pairs of cells whose attributions are compared.

    Args:
        arms: Levels of the axis `arm`; each of their cells is tested once more, beside the reference's cell that agrees
            with it in all other axes.
        reference: The level of `arm` to compare with.
        only: By axis, the levels to restrict the pairs to, such as {backbone: [resnet18]}; empty for all.
        callbacks: Callbacks with a setting `compare_to`, which the study sets to the reference's checkpoint.
        settings: Additional settings of these tests, by dotted names.
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
    """Arms x backbones x seeds: each cell is a `fit` of its own, and one report compares all cells.

    Args:
        out: The study's folder, which receives the report.
        cells: The folder of the runs and of the store of augmentations; null for `out`. Cells that are finished there
            are not run again, so that studies that share this folder run their common cells once.
        title: The report's title.
        about: The study's question, in a paragraph.
        base: Configurations of every cell, as for `fit --config`; later ones win.
        settings: Settings of every cell that follow `base`, by dotted names: {data.degree: 4}.
        overrides: Settings of every cell that also win over those of the axes; the arguments after a -- on the command
            line are added to them: study --config quick.yaml -- --data.degree 4.
        axes: By name, the levels of each axis: a mapping of a level's name to its settings (with `config` among them, a
            list of further configurations; {axis} in their names stands for the level of another axis), or a plain
            list, for `backbone`, `degree` and `seed`, which know their settings; {levels: [...], sets: [...]} names
            the settings that take the level's value. Later axes win. A level with `after` among its settings, the name
            of another level of its axis, uses what that one's runs leave: {after} in its settings stands for the run
            folder of the cell that agrees in all other axes, which is run first, whether a grid asks for it or not.
        grids: The combinations to run, each a mapping of an axis to a list of its levels, or to "all"; an axis that a
            grid leaves out stays at its first level. Cells that several grids ask for are run once. Null for all.
        paths: The data's folders on this machine; settings refer to them as {name}. A null must be replaced:
            --paths.name PATH.
        budget: "steps" gives all arms the same number of optimiser steps (data.steps_per_epoch has to be set); "epochs"
            gives all arms the same number of epochs, as the paper does, so that more images mean more steps.
        explain: The pairs of cells whose attributions are compared; null for none.
        jobs: Number of cells that run at the same time, each in a process of its own.
        threads: CPU threads of each cell; null for an equal share of the cores.
        goes_on: Whether a killed cell resumes after its last complete epoch; the random numbers of the remaining epochs
            then differ from those of an uninterrupted run. False restarts the cell, which costs its time again but
            gives the same results however often the study is stopped.
        gpus: Numbers of the GPUs to distribute, one for each running cell; empty leaves the choice to the cell's
            trainer.
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
