"""Step 2 with a language model: captions of backgrounds from engineered prompts (section 4.2 of the paper)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

import numpy as np
import torch

from aga_lightning.augment.base import Caption, Captioner, Prompt
from aga_lightning.augment.captioners.answers import candidates
from aga_lightning.augment.captioners.causal_lm import CausalLM, Format, load_causal_lm
from aga_lightning.augment.captioners.row_sampling import RowSampler
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.pretrained import Pretrained, PretrainedError
from aga_lightning.augment.prompts import engineered_text, mentions
from aga_lightning.images.seeds import seed_from
from aga_lightning.paths import NameOrPath

STEP = 64
"""Prompts are padded to a multiple of this, and only prompts of one padded length share a batch."""

_Asked = tuple[list[int], int]
"""The tokens of a question, and the seed of its answer."""


@dataclass(kw_only=True, eq=False)
class LanguageModel(Pretrained, Captioner):
    """Asks a language model for the background in words; any causal language model of transformers, GPTQ ones too.

    If an answer holds no caption, or only captions with words to avoid, the model is asked again; after `tries` answers
    a template writes the caption. A caption depends on its own prompt and seed alone.

    Args:
        format: Format of a prompt: with the tokenizer's chat template, in the instruction format of Alpaca (the
            paper's), or plain; auto is chat if there is a template, otherwise alpaca.
        system: Instruction on how to answer; "" for the format's own.
        max_new_tokens: Largest number of tokens of an answer, at least 1.
        temperature: Randomness of the words, 0 or more; 0 takes the likeliest word, and asks only once.
        top_p: Draw from the likeliest words that together have this probability, above 0 to 1.
        top_k: Draw from this many of the likeliest words; 0 for all.
        tries: Number of answers before a template writes the caption, at least 1.
        dtype: Numbers to compute with; auto is float32 on a CPU and float16 on an accelerator.

    Raises:
        ValueError: If a setting is out of range.
    """

    half = torch.float16

    weights: NameOrPath | str = "Qwen/Qwen2.5-1.5B-Instruct"
    format: Format = "auto"
    system: str = ""
    max_new_tokens: int = 64
    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 50
    tries: int = 4
    batch_size: int = 8

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise ValueError(f"format is {self.format!r}; it must be one of {', '.join(get_args(Format))}")
        for name in ("max_new_tokens", "tries", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature is {self.temperature}; it must be 0 (the likeliest word) or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it must be above 0, and 1 at most (draw from all words)")
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}; it must be 0 (draw from all words) or more")

    def load(self) -> CausalLM:
        """The network and its tokenizer.

        Raises:
            PretrainedError: If the weights cannot be found or loaded, or lack the chat template of the format chat.
        """
        loaded = load_causal_lm(self.weights, self.revision, self.torch_dtype, self.torch_device)
        if self.format == "chat" and not loaded.tokenizer.chat_template:
            raise PretrainedError(f"{self.weights} has no chat template: give format alpaca or plain instead of chat")
        return loaded

    def caption(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Caption]:
        """One caption for each prompt; a caption depends on its own prompt and seed alone."""
        captions: list[Caption | None] = [None] * len(prompts)
        asked = list(zip(prompts, seeds, strict=True))
        tries = self.tries if self.temperature > 0 else 1
        for number in range(1, tries + 1):
            left = [place for place, caption in enumerate(captions) if caption is None]
            if not left:
                break
            drawn = [seed_from(asked[place][1], number) for place in left]
            answers = self.answers([asked[place][0] for place in left], drawn)
            for place, seed, answer in zip(left, drawn, answers, strict=True):
                prompt = asked[place][0]
                if text := chosen(answer, prompt, seed):
                    captions[place] = Caption(text, prompt, tries=number)
        written = TemplateCaptioner().caption(prompts, seeds)
        return [
            caption or replace(template, tries=tries, fallback=True)
            for caption, template in zip(captions, written, strict=True)
        ]

    def answers(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[str]:
        """The model's answer to each prompt; it depends on that prompt and seed alone."""
        return self.replies([self._tokens(prompt) for prompt in prompts], seeds)

    def fits(self, question: str) -> bool:
        """Whether the model can read a question and still write its answer."""
        model: CausalLM = self.model
        tokens = len(model.tokens(question, self.system, self.format))
        return model.longest is None or tokens + self.max_new_tokens <= model.longest

    def reply(self, question: str, seed: int) -> str:
        """The model's answer to any question."""
        model: CausalLM = self.model
        return self.replies([model.tokens(question, self.system, self.format)], [seed])[0]

    @torch.inference_mode()
    def replies(self, questions: Sequence[list[int]], seeds: Sequence[int]) -> list[str]:
        """The model's answer to each question, given as tokens; it depends on the question and its seed alone."""
        asked = list(zip(questions, seeds, strict=True))
        # Padding changes a network's last digits, so its length must depend on the prompt alone.
        by_width: defaultdict[int, list[int]] = defaultdict(list)
        for place, (tokens, _) in enumerate(asked):
            by_width[-(-len(tokens) // STEP) * STEP].append(place)
        answers = [""] * len(asked)
        for width, places in by_width.items():
            said = self.batched([asked[place] for place in places], partial(self._answer, width))
            for place, answer in zip(places, said, strict=True):
                answers[place] = answer
        return answers

    def _tokens(self, prompt: Prompt) -> list[int]:
        model: CausalLM = self.model
        tokens = model.tokens(engineered_text(prompt), self.system, self.format)
        if model.longest is not None and len(tokens) + self.max_new_tokens > model.longest:
            # Hundreds of classes give too many words to avoid; the answer is checked for them in any case.
            tokens = model.tokens(engineered_text(replace(prompt, avoid=())), self.system, self.format)
        return tokens

    def _answer(self, width: int, batch: Sequence[_Asked]) -> list[str]:
        model: CausalLM = self.model
        sampler = RowSampler([seed for _, seed in batch], self.temperature, self.top_k, self.top_p)
        return model.answers([tokens for tokens, _ in batch], width, sampler, self.max_new_tokens)


@dataclass(kw_only=True, eq=False)
class Llama2GPTQ(LanguageModel):
    """Asks the language model of the paper: Llama 2 with 13 billion parameters in 4 bits (its section 4.2).

    It needs `pip install "aga-lightning[gptq]"`.

    Args:
        format: Format of a prompt: in the instruction format of Alpaca (the paper's), with the tokenizer's chat
            template, or plain; auto is chat if there is a template, otherwise alpaca.
        revision: A commit, tag or branch of the hub's repository (its branches hold other group sizes); null for its
            main branch.

    Raises:
        ValueError: If a setting is out of range.
    """

    weights: NameOrPath | str = "TheBloke/Llama-2-13B-chat-GPTQ"
    format: Format = "alpaca"
    max_new_tokens: int = 512


def chosen(answer: str, prompt: Prompt, seed: int) -> str | None:
    """One of the captions of an answer that contain no word to avoid; None if there is none."""
    offered = candidates(answer, engineered_text(prompt))
    clean = [text for text in offered if not mentions(text, prompt.avoid)]
    return clean[int(np.random.default_rng(seed).integers(len(clean)))] if clean else None
