"""The public names of this room; each is loaded when it is first used."""

from .attribution import attribute as attribute
from .insertion import deletion_curve as deletion_curve, insertion_curve as insertion_curve
from .localisation import energy_inside_mask as energy_inside_mask, pointing_game as pointing_game
from .metrics import (
    DeletionAUC as DeletionAUC,
    EnergyInsideMask as EnergyInsideMask,
    InsertionAUC as InsertionAUC,
    PerformanceInformationCurve as PerformanceInformationCurve,
    PointingGame as PointingGame,
)
from .overlay import overlay as overlay
from .pic import performance_information_curve as performance_information_curve
from .prediction import Pixels as Pixels, probabilities as probabilities
