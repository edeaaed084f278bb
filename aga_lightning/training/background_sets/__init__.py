"""Background sets: the sets of "Noise or Signal", made from any test images with masks."""

from aga_lightning.training.background_sets.sets import BackgroundSets

__all__ = ["BackgroundSets"]
