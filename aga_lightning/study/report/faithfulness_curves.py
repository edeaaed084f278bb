"""The curves behind AIC, SIC, insertion and deletion, with and without an arm."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aga_lightning.run_folder import FAITHFULNESS_CURVES
from aga_lightning.study.outcomes import Outcomes
from aga_lightning.study.report.blocks import Block, Figure, Paragraph
from aga_lightning.study.report.explanations import (
    MEASURES,
    NOTHING_PLANNED,
    Compared,
    aggregation_of,
    compared,
    protocol_of,
)
from aga_lightning.study.report.figures import COLOURS, new_figure
from aga_lightning.study.report.section import Section
from aga_lightning.study.report.wording import file_name, listed, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The x (K,) and the y (S, K) of a curve, with a row for each seed."""

Place = tuple[str, str, str]
"""The set, the measure and the level of `arm` of a curve."""

_GROUPS = (("aic", "sic"), ("insertion", "deletion"))
_ACROSS = {
    "aic": "information shown (0..1)",
    "sic": "information shown (0..1)",
    "insertion": "pixels revealed (share)",
    "deletion": "pixels removed (share)",
}
_UP = {
    "aic": "AIC: accuracy (0..1)",
    "sic": "SIC: softmax ratio (0..1)",
    "insertion": "insertion: probability",
    "deletion": "deletion: probability",
}
_COLUMNS = 4
_PANEL = (2.35, 2.2)  # inches
_LEGEND = 0.45


@dataclass(kw_only=True)
class FaithfulnessCurves(Section):
    """Curves of faithfulness: a panel for each measure and set, a line each for the reference and an arm.

    Curves are computed from the images that both models can use. Thick lines are means over seeds, thin lines single
    seeds.

    Args:
        arm: An arm that the study explains; null for all, with a figure for each.
        where: By axis, the levels to restrict the comparisons to, such as {backbone: resnet18}; each other level makes
            a figure of its own.
        measures: Any of aic, sic, insertion and deletion.
        sets: The evaluation sets; null for all that were measured.
    """

    heading: str = "Curves of faithfulness"
    arm: str | None = None
    where: dict[str, Any] = field(default_factory=dict)
    measures: list[str] = field(default_factory=lambda: list(_ACROSS))
    sets: list[str] | None = None

    def __post_init__(self) -> None:
        if unknown := [measure for measure in self.measures if measure not in _ACROSS]:
            raise ValueError(f"measures names {listed(unknown)}; those with curves are {', '.join(_ACROSS)}")

    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """The figures, or a sentence on why there are none.

        Raises:
            StudyError: If the study has no such arm, axis or level.
        """
        groups = compared(outcomes, None if self.arm is None else [self.arm], self.where)
        blocks: list[Block] = [] if groups else [Paragraph(NOTHING_PLANNED)]
        for group in groups:
            curves, images = read_curves(group)
            known = list(dict.fromkeys(name for name, _, _ in curves))
            for measures in _GROUPS:
                asked = [measure for measure in measures if measure in self.measures]
                shown = [measure for measure in asked if any(measure == drawn for _, drawn, _ in curves)]
                if shown:
                    blocks.append(self._figure(group, curves, images, shown, self.sets or known))
                if group.finished and len(shown) < len(asked):
                    absent = listed([MEASURES[measure] for measure in asked if measure not in shown])
                    blocks.append(Paragraph(f"{group.title}: there are no curves of {absent}.", "note"))
            if group.missing:
                blocks.append(Paragraph(group.missing, "note"))
        return blocks

    def _figure(
        self,
        group: Compared,
        curves: Mapping[Place, Curve],
        images: str,
        measures: Sequence[str],
        sets: Sequence[str],
    ) -> Figure:
        columns = min(len(sets), _COLUMNS)
        rows = math.ceil(len(sets) / columns)
        size = (_PANEL[0] * max(columns, 2) + 0.3, _PANEL[1] * rows * len(measures) + _LEGEND)
        drawing = new_figure(*size)
        axes = drawing.subplots(rows * len(measures), columns, sharex=True, sharey=True, squeeze=False)
        for row, measure in enumerate(measures):
            panels = axes[rows * row : rows * (row + 1)].reshape(-1)
            for place, axis in enumerate(panels):
                if place >= len(sets):
                    axis.set_axis_off()
                    continue
                _panel(axis, group, {model: curves.get((sets[place], measure, model)) for model in _models(group)})
                if row == 0 or rows > 1:
                    axis.set_title(sets[place])
                if place % columns == 0:
                    axis.set_ylabel(_UP[measure])
                if place + columns >= len(sets):  # the lowest of its column
                    axis.set_xlabel(_ACROSS[measure])
                    axis.tick_params(labelbottom=True)
        lines = _legend(group)
        drawing.legend(handles=lines, loc="outside lower center", ncols=len(lines), frameon=False)
        return Figure(
            name=file_name(" ".join([self.heading, group.arm, *group.levels.values(), *measures])),
            drawing=drawing,
            alt=_alt(group, curves, measures, sets),
            caption=_caption(group, curves, images, measures, sets),
        )


def read_curves(group: Compared) -> tuple[dict[Place, Curve], str]:
    """The curves of both models, and a phrase on the images that they are computed from.

    These are the images that both models can use if the comparisons have such curves, else the images that each model
    can use. Seeds without a curve, because no image can be used, are left out.
    """
    from aga_lightning.callbacks.attributing import BASELINE, THIS_MODEL
    from aga_lightning.callbacks.faithfulness_summary import COMMON, OWN

    names = {THIS_MODEL: group.arm, BASELINE: group.reference}
    tables = [explained.table(FAITHFULNESS_CURVES).assign(seed=n) for n, explained in enumerate(group.finished)]
    rows = pd.concat(tables) if tables else pd.DataFrame()
    if rows.empty:
        return {}, "each model"
    images = COMMON if (rows["images"] == COMMON).any() else OWN
    rows = rows[(rows["images"] == images) & rows["measure"].isin(_ACROSS) & (rows["x"] != "") & (rows["y"] != "")]
    rows = rows.assign(model=rows["model"].map(names)).astype({"x": float, "y": float})
    curves = {
        place: _on_one_grid([of_seed[["x", "y"]].to_numpy() for _, of_seed in of_place.groupby("seed")])
        for place, of_place in rows.groupby(["set", "measure", "model"], sort=False)
    }
    return curves, "both models" if images == COMMON else "each model"


def _on_one_grid(seeds: Sequence[NDArray[np.float64]]) -> Curve:
    """Curves (K, 2) interpolated at the x of the first; x differs only if settings changed between seeds."""
    x = seeds[0][:, 0]
    return x, np.array([np.interp(x, *points.T) for points in seeds])


def _models(group: Compared) -> dict[str, dict[str, Any]]:
    """The lines' styles, which also differ without colours."""
    return {
        group.reference: {"color": COLOURS[1], "linestyle": "--"},
        group.arm: {"color": COLOURS[0], "linestyle": "-"},
    }


def _panel(axis: "Axes", group: Compared, curves: Mapping[str, Curve | None]) -> None:
    for model, style in _models(group).items():
        curve = curves[model]
        if curve is not None:
            x, y = curve
            if len(y) > 1:
                axis.plot(x, y.T, **style, linewidth=0.7, alpha=0.5)
            axis.plot(x, y.mean(axis=0), **style)
    if not any(curve is not None for curve in curves.values()):
        axis.text(0.5, 0.5, "no curve", ha="center", va="center", transform=axis.transAxes)
    axis.set_xlim(0, 1)
    axis.set_ylim(-0.02, 1.02)
    axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])  # few, since panels stand close
    axis.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])


def _legend(group: Compared) -> list[Any]:
    from matplotlib.lines import Line2D

    return [Line2D([], [], label=model, **style) for model, style in _models(group).items()]


def _caption(
    group: Compared, curves: Mapping[Place, Curve], images: str, measures: Sequence[str], sets: Sequence[str]
) -> str:
    seeds = len(group.finished)
    shown = [curves.get((name, measure, model)) for name in sets for measure in measures for model in _models(group)]
    words = [f"{group.title}, on the images that {images} can use."]
    if "aic" in measures or "sic" in measures:
        kind = aggregation_of([group])
        aggregated = f"the {kind} of the images' curves" if kind else "the images' curves"
        named = " and ".join(MEASURES[measure] for measure in measures)
        words.append(
            f"{named}: {aggregated} against the information in what is shown, from 0 with everything hidden "
            "to 1 for the original."
        )
    if "insertion" in measures or "deletion" in measures:
        words.append("Means of the images' curves; the most important pixels are revealed or removed first.")
    if "deletion" in measures:
        words.append("More area is better, for deletion less." if len(measures) > 1 else "Less area is better.")
    else:
        words.append("More area is better.")
    words.append(f"Thin lines: single seeds, of {seeds}; thick: their mean." if seeds > 1 else "One seed.")
    if any(curve is None or len(curve[1]) < seeds for curve in shown):
        words.append("A seed has no curve if it has no image that can be used, or if nothing was measured.")
    return " ".join([*words, protocol_of([group])]).strip()


def _alt(group: Compared, curves: Mapping[Place, Curve], measures: Sequence[str], sets: Sequence[str]) -> str:
    """A description of the figure by the areas under the mean curves."""
    from scipy.integrate import trapezoid

    parts = []
    for measure in measures:
        for name in sets:
            areas = [
                f"{model} {number(float(trapezoid(curve[1].mean(axis=0), curve[0])), 2)}"
                for model in _models(group)
                if (curve := curves.get((name, measure, model))) is not None
            ]
            parts.append(f"{MEASURES[measure]} on {name}: {', '.join(areas) or 'no curve'}")
    return f"Curves of {group.title}. Areas under them: {'; '.join(parts)}."
