"""The images of a sample that each of two models classifies right."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from aga_lightning.callbacks.evaluation_sample import EvaluationSample


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models' answers on the same images.

    Args:
        sample: The images that both were asked of.
        this: (N,) bool, those that the current model has right.
        baseline: (N,) bool, those that the baseline has right.
    """

    sample: EvaluationSample
    this: Tensor
    baseline: Tensor

    @property
    def only_this(self) -> Tensor:
        """(N,) bool, those that the current model alone has right."""
        return self.this & ~self.baseline

    @property
    def only_baseline(self) -> Tensor:
        """(N,) bool, those that the baseline alone has right."""
        return self.baseline & ~self.this

    @property
    def both(self) -> Tensor:
        """(N,) bool, those that both have right."""
        return self.this & self.baseline

    def words_alone(self) -> str:
        """How many images one model alone has right."""
        this, baseline = int(self.only_this.sum()), int(self.only_baseline.sum())
        return f"{this} of {len(self.sample)}: only this model is right; {baseline}: only the baseline"

    def words_both(self) -> str:
        """How many images both have right."""
        return f"{int(self.both.sum())} of {len(self.sample)}: both models are right"

    def shares(self) -> dict[str, float]:
        """The shares of the three kinds, 0..1, by what they are logged as."""
        return {
            f"{self.sample.name}/only_this_model_is_right": float(self.only_this.float().mean()),
            f"{self.sample.name}/only_the_baseline_is_right": float(self.only_baseline.float().mean()),
            f"{self.sample.name}/both_models_are_right": float(self.both.float().mean()),
        }

    def spread(self, chosen: Tensor, count: int) -> EvaluationSample:
        """Images of one kind, evenly spaced over all of that kind.

        Args:
            chosen: (N,) bool, which of the sample's images.
            count: How many, at most.
        """
        found = [self.sample.ids[place] for place in chosen.nonzero()[:, 0].tolist()]
        places = sorted({round(place) for place in np.linspace(0, len(found) - 1, count)}) if found else []
        return self.sample.chosen([found[place] for place in places])
