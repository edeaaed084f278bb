"""The jobs of a study: its cells and comparisons, with the command and the folder of each."""

import hashlib
import itertools
import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aga_lightning.configurations import find_config
from aga_lightning.paths import UserPath
from aga_lightning.run_folder import BEST
from aga_lightning.study.axes import Level, read_axes
from aga_lightning.study.settings import Explain, Study, StudyError

ARM = "arm"
"""The axis whose levels are compared."""

_BRACED = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Cell:
    """One `fit` of a study.

    Args:
        levels: The level of each axis, by the axis's name.
        configs: The configurations of the fit; later ones win.
        settings: The settings that follow the configurations, by dotted names.
        folder: The run folder; its name ends with a digest of everything that the fit depends on.
        needs: The cells that have to be finished before this one starts.
    """

    levels: Mapping[str, str]
    configs: tuple[str, ...]
    settings: Mapping[str, Any]
    folder: Path
    needs: tuple["Cell", ...] = ()

    @property
    def title(self) -> str:
        """The cell's levels in words."""
        return levels_in_words(self.levels)

    @property
    def others(self) -> tuple[tuple[str, str], ...]:
        """The cell's levels of all axes except `arm`."""
        return tuple((axis, level) for axis, level in self.levels.items() if axis != ARM)

    def fits(self, levels: Mapping[str, str | Collection[str] | None]) -> bool:
        """Whether the cell has these levels: by axis, a level, several of which one fits, or None for any."""
        return all(
            wanted is None or self.levels.get(axis) in ([wanted] if isinstance(wanted, str) else wanted)
            for axis, wanted in levels.items()
        )

    @property
    def arguments(self) -> list[str]:
        """The arguments of `python -m aga_lightning`."""
        return ["fit", *_arguments(self.configs, {**self.settings, "trainer.run_dir": str(self.folder)})]


@dataclass(frozen=True)
class Comparison:
    """One `test` of a study: a cell explained beside the reference's.

    Args:
        cell: The cell of an arm.
        reference: The cell of the reference arm that agrees with `cell` in all other axes.
        explain: The study's setting `explain`.
        folder: The run folder of the test.
    """

    cell: Cell
    reference: Cell
    explain: Explain
    folder: Path

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The cells that have to be finished before this test starts."""
        return (self.cell, self.reference)

    @property
    def title(self) -> str:
        """The compared cells in words."""
        return f"{self.cell.title} explained beside {self.reference.levels[ARM]}"

    @property
    def arguments(self) -> list[str]:
        """The arguments of `python -m aga_lightning`."""
        compared = {"compare_to": str(self.reference.folder / BEST)}
        callbacks = [
            {"class_path": callback["class_path"], "init_args": {**callback.get("init_args", {}), **compared}}
            for callback in self.explain.callbacks
        ]
        settings = {
            **self.cell.settings,
            **self.explain.settings,
            "trainer.callbacks": callbacks,
            "trainer.run_dir": str(self.folder),
            "ckpt_path": str(self.cell.folder / BEST),
        }
        return ["test", *_arguments(self.cell.configs, settings)]


@dataclass(frozen=True)
class Plan:
    """All jobs of a study, in the order in which they start.

    Args:
        study: The study's settings.
        axes: The names of each axis's levels, in order.
        cells: The cells, seed by seed, so that a study stopped early has all arms of its first seeds.
        comparisons: The comparisons, in the order of their cells.
    """

    study: Study
    axes: Mapping[str, tuple[str, ...]]
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]

    def where(self, levels: Mapping[str, str | Collection[str] | None]) -> list[Cell]:
        """The planned cells with these levels, in order; None stands for any level of an axis."""
        return [cell for cell in self.cells if cell.fits(levels)]

    def levels_of(self, axis: str, asked: Any) -> list[str]:  # noqa: ANN401 what a YAML file may hold
        """The names of the levels of an axis that a section asks for, one or a list; all for None.

        Raises:
            StudyError: If the study has no such axis or level.
        """
        if axis not in self.axes:
            raise StudyError(f"the report names the axis {axis}; the study's axes are {', '.join(self.axes)}")
        if asked is None:
            return list(self.axes[axis])
        names = [str(level) for level in (asked if isinstance(asked, list | tuple) else [asked])]
        if unknown := [name for name in names if name not in self.axes[axis]]:
            raise StudyError(
                f"the report asks for {axis} {', '.join(unknown)}; its levels are {', '.join(self.axes[axis])}"
            )
        return names

    @property
    def out(self) -> Path:
        """The study's folder."""
        return Path(UserPath.of(self.study.out))


def plan(study: Study) -> Plan:
    """Expand the axes and grids of a study.

    Raises:
        StudyError: If an axis, a level, a path or a configuration does not exist, or if arms would take different
            numbers of optimiser steps.
    """
    if study.jobs < 1:
        raise StudyError(f"jobs is {study.jobs}; give at least 1")
    axes = read_axes(study.axes)
    contents = _Contents()
    cells: dict[str, Cell] = {}
    for levels in _combinations(study.grids, axes):
        cell = _cell(study, levels, axes, contents)
        for one in (*cell.needs, cell):
            cells.setdefault(one.folder.name, one)
    ordered = tuple(sorted(cells.values(), key=lambda cell: _rank(cell, axes)))
    names = {axis: tuple(level.name for level in levels) for axis, levels in axes.items()}
    comparisons = tuple(_comparisons(study, names, ordered)) if study.explain else ()
    return Plan(study, names, ordered, comparisons)


def _combinations(
    grids: Sequence[Mapping[str, Any]] | None, axes: Mapping[str, Sequence[Level]]
) -> Iterator[dict[str, Level]]:
    for number, grid in enumerate([dict.fromkeys(axes, "all")] if grids is None else grids, 1):
        if unknown := sorted(set(grid) - set(axes)):
            raise StudyError(f"grid {number} names {', '.join(unknown)}; the axes are {', '.join(axes)}")
        chosen = [_levels(axis, grid.get(axis), axes[axis], number) for axis in axes]
        for combination in itertools.product(*chosen):
            yield dict(zip(axes, combination, strict=True))


def _levels(axis: str, asked: Any, levels: Sequence[Level], grid: int) -> Sequence[Level]:  # noqa: ANN401 what a YAML file may hold
    if asked is None:
        return levels[:1]
    if asked == "all":
        return levels
    by_name = {level.name: level for level in levels}
    names = [str(level) for level in (asked if isinstance(asked, list) else [asked])]
    if unknown := [name for name in names if name not in by_name]:
        raise StudyError(f"grid {grid} asks for {axis} {', '.join(unknown)}; its levels are {', '.join(by_name)}")
    return [by_name[name] for name in names]


def _cell(
    study: Study, levels: Mapping[str, Level], axes: Mapping[str, Sequence[Level]], contents: "_Contents"
) -> Cell:
    needs = tuple(
        _cell(study, {**levels, axis: other}, axes, contents)
        for axis, level in levels.items()
        for other in axes[axis]
        if other.name == level.after
    )
    names = {axis: level.name for axis, level in levels.items()}
    configs = tuple(study.base)
    configs += tuple(_with_levels(config, names) for level in levels.values() for config in level.configs)
    if not configs:
        raise StudyError("the study has no base: name the configuration of its cells, such as base: [quickstart.yaml]")
    settings: dict[str, Any] = {"data.cache_dir": str(_place(study) / "store")} | study.settings
    for level in levels.values():
        settings |= level.settings
    if study.budget == "epochs":
        settings["data.steps_per_epoch"] = None
    settings |= study.overrides
    filled = _filled(settings, study.paths, *(str(cell.folder) for cell in needs))
    if study.budget == "steps" and not contents.fixes_steps(configs, filled):
        raise StudyError(
            "budget is steps, but nothing sets data.steps_per_epoch, so that arms with more images would take more "
            "steps: set it in settings, or set budget to epochs, as the paper does"
        )
    # Neither the store's folder nor the study's changes a result, so that the cells of a moved study stay finished.
    del settings["data.cache_dir"]
    depends = _filled(settings, study.paths, *(cell.folder.name for cell in needs))
    digest = contents.digest(configs, {key: _word(value) for key, value in depends.items()})
    slug = "_".join(_slug(axis, name) for axis, name in names.items())
    return Cell(names, configs, filled, _place(study) / "cells" / f"{slug}_{digest}", needs)


def _comparisons(study: Study, axes: Mapping[str, Sequence[str]], cells: Sequence[Cell]) -> Iterator[Comparison]:
    explain = study.explain
    assert explain is not None
    if unknown := [arm for arm in (*explain.arms, explain.reference) if arm not in axes.get(ARM, ())]:
        raise StudyError(f"explain names {', '.join(unknown)}; the levels of {ARM} are {', '.join(axes.get(ARM, ()))}")
    if unknown := [axis for axis in explain.only if axis not in axes]:
        raise StudyError(f"explain.only names {', '.join(unknown)}; the axes are {', '.join(axes)}")
    only = {axis: {str(level) for level in levels} for axis, levels in explain.only.items()}
    references = {cell.others: cell for cell in cells if cell.levels[ARM] == explain.reference}
    for cell in cells:
        wanted = cell.levels[ARM] in explain.arms and cell.levels[ARM] != explain.reference
        if wanted and all(cell.levels[axis] in levels for axis, levels in only.items()):
            reference = references.get(cell.others)
            if reference is not None:
                method = hashlib.sha256(
                    json.dumps([explain.callbacks, explain.settings, reference.folder.name], sort_keys=True).encode()
                ).hexdigest()[:8]
                folder = _place(study) / "comparisons" / f"{cell.folder.name}_{method}"
                yield Comparison(cell, reference, explain, folder)


def _rank(cell: Cell, axes: Mapping[str, Sequence[Level]]) -> tuple[int, ...]:
    places = {axis: [level.name for level in levels].index(cell.levels[axis]) for axis, levels in axes.items()}
    return (places.get("seed", 0), *places.values())


def _place(study: Study) -> Path:
    return Path(UserPath.of(study.cells or study.out))


def _with_levels(config: str, names: Mapping[str, str]) -> str:
    return _BRACED.sub(lambda found: names.get(found[1], found[0]), config)


def _filled(settings: Mapping[str, Any], paths: Mapping[str, str | None], *after: str) -> dict[str, Any]:
    """Settings with what stands for the names in braces: paths, and the folder that `after` names."""
    known = {**paths, **dict(zip(["after"], after, strict=False))}
    return {key: _with_paths(value, known, key) for key, value in settings.items()}


def _with_paths(value: Any, paths: Mapping[str, str | None], key: str) -> Any:  # noqa: ANN401 any setting
    if isinstance(value, str):
        for name in _BRACED.findall(value):
            if name not in paths:
                raise StudyError(f"{key} names the path {{{name}}}, but paths has {', '.join(paths) or 'none'}")
            if paths[name] is None:
                raise StudyError(f"the study has to know where {name} lies: --paths.{name} PATH")
        return _BRACED.sub(lambda found: str(paths[found[1]]), value)
    if isinstance(value, Mapping):
        return {name: _with_paths(part, paths, key) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_paths(part, paths, key) for part in value]
    return value


class _Contents:
    """The contents of configurations, each read once."""

    def __init__(self) -> None:
        self._read: dict[str, Any] = {}

    def of(self, config: str) -> Any:  # noqa: ANN401 what a YAML file may hold
        if config not in self._read:
            try:
                self._read[config] = yaml.safe_load(Path(find_config(config)).read_text(encoding="utf-8"))
            except (OSError, yaml.YAMLError) as error:
                raise StudyError(f"{config}: this configuration cannot be read ({error})") from error
        return self._read[config]

    def fixes_steps(self, configs: Sequence[str], settings: Mapping[str, Any]) -> bool:
        """Whether the number of optimiser steps of an epoch is set."""
        key = "data.steps_per_epoch"
        if key in settings:
            return settings[key] is not None
        found = [((self.of(config) or {}).get("data") or {}).get("steps_per_epoch") for config in configs]
        return any(steps is not None for steps in found)

    def digest(self, configs: Sequence[str], settings: Mapping[str, Any]) -> str:
        """Eight characters that change with any setting, including those inside the configurations."""
        everything = json.dumps([[self.of(config) for config in configs], settings], sort_keys=True, default=str)
        return hashlib.sha256(everything.encode()).hexdigest()[:8]


def _arguments(configs: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    arguments = [word for config in configs for word in ("--config", config)]
    for key, value in settings.items():
        arguments += [f"--{key}", _word(value)]
    return arguments


def _word(value: Any) -> str:  # noqa: ANN401 any setting
    return value if isinstance(value, str) else json.dumps(value)


def command_line(arguments: Sequence[str]) -> list[str]:
    """The command that runs a verb in a process of its own."""
    return [sys.executable, "-m", "aga_lightning", *arguments]


def _slug(axis: str, level: str) -> str:
    word = re.sub(r"[^\w.+-]+", "-", level)
    return f"{axis}-{word}" if _is_number(level) else word


def levels_in_words(levels: Mapping[str, str]) -> str:
    """Levels of axes in words, such as "resnet18, degree 4"."""
    return ", ".join(f"{axis} {level}" if _is_number(level) else level for axis, level in levels.items())


def _is_number(word: str) -> bool:
    return re.fullmatch(r"[-+]?\d+(\.\d+)?", word) is not None
