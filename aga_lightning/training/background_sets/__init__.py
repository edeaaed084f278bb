"""How much a model goes by backgrounds: the sets of "Noise or Signal", made of any test images that have masks."""

from aga_lightning.training.background_sets.sets import BackgroundSets

__all__ = ["BackgroundSets"]
