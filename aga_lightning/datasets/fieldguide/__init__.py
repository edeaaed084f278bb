"""FieldGuide: bird species drawn offline, told apart by their field marks alone."""

from aga_lightning.datasets.fieldguide.dataset import FieldGuide

__all__ = ["FieldGuide"]
