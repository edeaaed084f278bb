"""The axes of a study: named levels, each with the settings that it changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aga_lightning.study.settings import StudyError

KNOWN = {
    "backbone": ("model.backbone",),
    "degree": ("data.degree",),
    "seed": ("seed_everything", "data.augmentation_seed"),
}
"""The axes that may be given as plain lists, with the settings that take the level's value."""


@dataclass(frozen=True)
class Level:
    """A level of an axis.

    Args:
        name: The name in the report.
        settings: The settings of the level, by dotted names.
        configs: Configurations that the level adds to those of `base`.
        after: Another level of the axis: the cells of this one use files of that one's, and start when those are
            finished. Empty for none.
    """

    name: str
    settings: Mapping[str, Any]
    configs: tuple[str, ...] = ()
    after: str = ""


def read_axes(axes: Mapping[str, Any]) -> dict[str, tuple[Level, ...]]:
    """The levels of each axis, in order.

    Args:
        axes: The setting `axes` of a study.

    Raises:
        StudyError: If an axis cannot be read.
    """
    if not axes:
        raise StudyError("the study has no axes: give at least one, such as axes: {seed: [0, 1, 2]}")
    return {name: _read_axis(name, levels) for name, levels in axes.items()}


def _read_axis(name: str, levels: Any) -> tuple[Level, ...]:  # noqa: ANN401 what a YAML file may hold
    if isinstance(levels, Mapping) and set(levels) == {"levels", "sets"}:
        found = _plain(levels["levels"], levels["sets"], name)
    elif isinstance(levels, Mapping):
        found = [_named(name, level, settings) for level, settings in levels.items()]
    elif isinstance(levels, Sequence) and not isinstance(levels, str):
        if name not in KNOWN:
            raise StudyError(
                f"axes.{name} is a plain list, which only {', '.join(KNOWN)} may be; give each level its settings, or "
                "{levels: [...], sets: [the settings that take the level's value]}"
            )
        found = _plain(levels, KNOWN[name], name)
    else:
        raise StudyError(f"axes.{name} is {levels!r}; give a list of levels, or a mapping of levels to settings")
    if not found:
        raise StudyError(f"axes.{name} has no levels")
    names = [level.name for level in found]
    afters = {level.name: level.after for level in found if level.after}
    for level, after in afters.items():
        if after not in names or after in afters:
            others = ", ".join(other for other in names if other not in afters)
            raise StudyError(f"axes.{name}.{level} starts after {after}; name one of {others}")
    if doubles := sorted({level for level in names if names.count(level) > 1}):
        raise StudyError(f"axes.{name} names a level twice: {', '.join(doubles)}")
    return tuple(found)


def _plain(levels: Sequence[Any], keys: Sequence[str], axis: str) -> list[Level]:
    if not all(isinstance(level, str | int | float) for level in levels):
        raise StudyError(f"axes.{axis} holds more than words and numbers; give its levels as a mapping to settings")
    return [Level(str(level), dict.fromkeys(keys, level)) for level in levels]


def _named(axis: str, name: Any, settings: Any) -> Level:  # noqa: ANN401 what a YAML file may hold
    if settings is None:
        settings = {}
    if not isinstance(settings, Mapping):
        raise StudyError(
            f"axes.{axis}.{name} is {settings!r}; give settings by dotted names, such as {{data.degree: 4}}"
        )
    configs = settings.get("config", [])
    configs = [configs] if isinstance(configs, str) else configs
    others = {key: value for key, value in settings.items() if key not in ("config", "after")}
    return Level(str(name), others, tuple(configs), str(settings.get("after", "")))
