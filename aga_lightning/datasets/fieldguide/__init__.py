"""FieldGuide: drawn bird species that differ in their field marks alone."""

from aga_lightning.datasets.fieldguide.dataset import FieldGuide

__all__ = ["FieldGuide"]
