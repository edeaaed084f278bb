"""Sampling with one generator for each row, so that a row's text depends on its own seed, not on other rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


def warped(scores: torch.Tensor, temperature: float, top_k: int, top_p: float) -> torch.Tensor:
    """Sharpen a distribution and cut its tail off.

    Args:
        scores: (rows, vocabulary) logits.
        temperature: Divisor of the logits, above 0.
        top_k: Keep this many of the likeliest tokens; 0 keeps all.
        top_p: Keep the likeliest tokens until together they have this probability, 0 to 1; at least one is kept.

    Returns:
        (rows, vocabulary) log-probabilities, not normalised; -inf for the tail.
    """
    scores = scores.float() / temperature
    if 0 < top_k < scores.shape[-1]:
        smallest = scores.topk(top_k, dim=-1).values[:, -1:]
        scores = scores.masked_fill(scores < smallest, -torch.inf)
    if top_p < 1:
        order = scores.argsort(dim=-1, descending=True, stable=True)
        probabilities = scores.gather(-1, order).softmax(-1)
        before = probabilities.cumsum(-1) - probabilities  # the probability of all likelier tokens
        beyond = before >= top_p
        beyond[:, 0] = False
        scores = scores.masked_fill(torch.zeros_like(beyond).scatter(-1, order, beyond), -torch.inf)
    return scores


@dataclass(eq=False)
class RowSampler:
    """A logits processor for greedy decoding that turns each row's best token into a sample (the Gumbel-max trick).

    `generate` of transformers takes no generator, and with the global one a row's text depends on the other rows. With
    this processor the likeliest token *is* a draw from the row's own generator. The draws are made on the CPU, so that
    they are the same on every device.

    Args:
        seeds: One seed for each row.
        temperature: 0 leaves the scores as they are: greedy decoding.
        top_k: See `warped`.
        top_p: See `warped`.
    """

    seeds: Sequence[int]
    temperature: float
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in self.seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (rows, vocabulary) whose maximum in each row is that row's next draw."""
        if self.temperature == 0:
            return scores
        scores = warped(scores, self.temperature, self.top_k, self.top_p)
        uniform = torch.stack([torch.rand(scores.shape[-1], generator=generator) for generator in self.generators])
        exponential = -uniform.clamp_min(1e-20).log()  # `rand` can return 0, whose logarithm is infinite
        return scores - exponential.clamp_min(1e-20).log().to(scores.device)
