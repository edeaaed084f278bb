"""Curves of faithfulness as figures: a line for each set, the baseline's dashed."""

import math
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aga_lightning.callbacks.attributing import BASELINE
from aga_lightning.callbacks.faithfulness_summary import COMMON, OWN, Summary
from aga_lightning.callbacks.measuring import Measure
from aga_lightning.images.drawing import blank_figure

_INFORMATION: dict[Measure, tuple[str, str]] = {
    "aic": ("Accuracy information curve (AIC): more area is better", "target predicted (1) or not (0)"),
    "sic": ("Softmax information curve (SIC): more area is better", "probability, hidden image 0, original 1"),
}
_CAUSAL: dict[Measure, tuple[str, str]] = {
    "insertion": ("Insertion: more area is better", "probability of the target"),
    "deletion": ("Deletion: less area is better", "probability of the target"),
}
_ACROSS = {
    "aic": "information shown (hidden image 0, original 1)",
    "sic": "information shown (hidden image 0, original 1)",
    "insertion": "share of the pixels revealed, most important first",
    "deletion": "share of the pixels removed, most important first",
}


def draw_information_curves(summaries: Sequence[Summary]) -> Figure | None:
    """The accuracy and softmax information curves of all sets; None if neither was measured.

    With a baseline, both models' curves are those of the images that both can use.

    Args:
        summaries: Of any measures.
    """
    return _draw(summaries, _INFORMATION)


def draw_insertion_and_deletion(summaries: Sequence[Summary]) -> Figure | None:
    """The insertion and deletion curves of all sets; None if neither was measured.

    Args:
        summaries: Of any measures.
    """
    return _draw(summaries, _CAUSAL)


def _draw(summaries: Sequence[Summary], panels: dict[Measure, tuple[str, str]]) -> Figure | None:
    images = COMMON if any(summary.images == COMMON for summary in summaries) else OWN
    chosen = [summary for summary in summaries if summary.images == images and summary.measure in panels]
    shown = [measure for measure in panels if any(summary.measure == measure for summary in chosen)]
    if not shown:
        return None
    sets = list(dict.fromkeys(summary.set for summary in chosen))
    most = max(sum(summary.measure == measure for summary in chosen) for measure in shown)
    legend = 0.22 * most + 0.35
    longest = max(len(_label(summary)) for summary in chosen)
    # One above the other: TensorBoard shows a wide figure too small to be read.
    figure = blank_figure(max(5.4, 0.085 * longest + 1.2), (3.9 + legend) * len(shown))
    axes = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axis, measure in zip(axes, shown, strict=True):
        of_measure = [summary for summary in chosen if summary.measure == measure]
        _panel(axis, of_measure, sets)
        title, vertical = panels[measure]
        which = "\non the images that both models can use" if images == COMMON else ""
        axis.set_title(title + which, fontsize=11)
        axis.set_xlabel(_ACROSS[measure], fontsize=10)
        axis.set_ylabel(vertical, fontsize=10)
    figure.tight_layout(pad=0.8, h_pad=1.6)
    return figure


def _panel(axis: Axes, summaries: Sequence[Summary], sets: Sequence[str]) -> None:
    colours = matplotlib.colormaps["tab10"].colors  # type: ignore[attr-defined] # a ListedColormap has them
    for summary in summaries:
        of_baseline = summary.model == BASELINE
        axis.plot(
            summary.x.tolist() if summary.used else [],
            summary.y.tolist() if summary.used else [],
            color=colours[sets.index(summary.set) % len(colours)],
            linestyle="--" if of_baseline else "-",
            linewidth=1.6,
            label=_label(summary),
        )
    axis.set_xlim(0, 1)
    axis.set_ylim(-0.02, 1.02)
    axis.grid(color="0.9")
    axis.tick_params(labelsize=9)
    axis.legend(
        loc="upper left",
        bbox_to_anchor=(0, -0.16),
        borderaxespad=0,
        fontsize=10,
        frameon=False,
        handlelength=2.4,
    )


def _label(summary: Summary) -> str:
    """Set, model, area, images."""
    model = "" if summary.images == OWN else f", {summary.model}"
    total = summary.used + sum(summary.skipped.values())
    if math.isnan(summary.value):
        return f"{summary.set}{model}: none of {total} images can be used"
    return f"{summary.set}{model}: area {summary.value:.3f}, {summary.used} of {total} images"
