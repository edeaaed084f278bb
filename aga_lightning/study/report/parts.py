"""The sections of a report; jsonargparse accepts their bare class names once they are imported."""

from aga_lightning.study.report.accuracy_curve import AccuracyCurve
from aga_lightning.study.report.accuracy_table import AccuracyTable
from aga_lightning.study.report.attribution_sheets import AttributionSheets
from aga_lightning.study.report.claims import Claims
from aga_lightning.study.report.costs import Costs
from aga_lightning.study.report.faithfulness_curves import FaithfulnessCurves
from aga_lightning.study.report.faithfulness_table import FaithfulnessTable
from aga_lightning.study.report.galleries import Augmentations, Rejects

__all__ = [
    "AccuracyCurve",
    "AccuracyTable",
    "AttributionSheets",
    "Augmentations",
    "Claims",
    "Costs",
    "FaithfulnessCurves",
    "FaithfulnessTable",
    "Rejects",
]
