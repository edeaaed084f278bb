"""A causal language model of transformers with its tokenizer: questions as tokens, answers as text."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from aga_lightning.augment.pretrained import PretrainedError, explained, from_transformers

Format = Literal["auto", "chat", "alpaca", "plain"]

ALPACA_SYSTEM = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request."
)

_GPTQ_REMEDY = (
    'pip install "aga-lightning[gptq]" (GPTQModel and optimum; auto-gptq itself is archived and cannot be imported '
    "beside transformers 5)"
)


def alpaca(question: str, system: str = "") -> str:
    """A question in the instruction format of Alpaca (the paper's; Taori et al. 2023).

    Args:
        question: The question.
        system: Instruction on how to answer; "" for Alpaca's own.
    """
    return f"{system or ALPACA_SYSTEM}\n\n### Instruction:\n{question}\n\n### Response:\n"


def plain(question: str, system: str = "") -> str:
    """A question for a model that continues any text."""
    return f"{system}\n\n{question}\n".lstrip()


@dataclass(frozen=True, eq=False, slots=True)
class CausalLM:
    """A network and its tokenizer.

    Args:
        network: The network, on its device and in evaluation mode.
        tokenizer: Its tokenizer, with or without a chat template; it needs no padding token.
    """

    network: Any
    tokenizer: Any

    @property
    def longest(self) -> int | None:
        """Largest number of tokens of question and answer together; None if the network names no limit."""
        return getattr(self.network.config.get_text_config(), "max_position_embeddings", None)

    def tokens(self, question: str, system: str = "", format: Format = "auto") -> list[int]:
        """A question in the model's format, ready to be answered."""
        if format == "chat" or (format == "auto" and self.tokenizer.chat_template):
            return self._chat(question, system)
        text = plain(question, system) if format == "plain" else alpaca(question, system)
        return list(self.tokenizer(text)["input_ids"])

    def _chat(self, question: str, system: str) -> list[int]:
        from jinja2 import TemplateError

        turns = [{"role": "user", "content": question}]
        if system:
            turns.insert(0, {"role": "system", "content": system})
        try:
            return self._chat_tokens(turns)
        except TemplateError:
            if not system:
                raise
            # Some templates (Gemma's) refuse a system text.
            return self._chat_tokens([{"role": "user", "content": f"{system}\n\n{question}"}])

    def _chat_tokens(self, turns: list[dict[str, str]]) -> list[int]:
        encoded = self.tokenizer.apply_chat_template(
            turns,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            enable_thinking=False,  # Qwen 3 would spend all its tokens on thoughts; other templates ignore it
        )
        return list(encoded["input_ids"])

    def answers(
        self,
        questions: Sequence[Sequence[int]],
        width: int,
        sampler: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        max_new_tokens: int,
    ) -> list[str]:
        """Answer a batch of questions.

        Args:
            questions: Tokens, `width` at most each.
            width: Tokens to which the questions are padded, on the left.
            sampler: A logits processor after which the maximum of a row is its next token.
            max_new_tokens: Largest number of tokens of an answer.

        Returns:
            The answers without special tokens.
        """
        from transformers import LogitsProcessorList

        device = self.network.device
        filler = self.network.generation_config.pad_token_id
        ids = torch.full((len(questions), width), filler)
        mask = torch.zeros_like(ids)
        for row, question in enumerate(questions):
            ids[row, width - len(question) :] = torch.tensor(question)
            mask[row, width - len(question) :] = 1
        written = self.network.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            logits_processor=LogitsProcessorList([sampler]),
            max_new_tokens=max_new_tokens,
            do_sample=False,
        )
        return [self._text(row) for row in written[:, width:].tolist()]

    def _text(self, tokens: list[int]) -> str:
        ends = self.network.generation_config.eos_token_id
        length = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
        return str(self.tokenizer.decode(tokens[:length], skip_special_tokens=True))


def load_causal_lm(weights: str, revision: str | None, dtype: torch.dtype, device: torch.device) -> CausalLM:
    """Load a model and its tokenizer; GPTQ checkpoints too (Frantar et al. 2023; the files of AutoGPTQ).

    Raises:
        PretrainedError: If the weights cannot be found, are incomplete, or need a package that is missing.
    """
    from transformers import AutoConfig, AutoTokenizer

    source, what = os.path.expanduser(weights), "a causal language model of transformers"
    found = {"revision": revision, "trust_remote_code": False}
    with explained(what, weights):
        config = AutoConfig.from_pretrained(source, **found)
        if gptq := _is_gptq(config):
            _need_gptq(weights)
            # On a CPU, `auto` takes a kernel that has to be compiled, which takes minutes and needs a compiler.
            config.quantization_config["backend"] = "auto" if device.type == "cuda" else "torch"
        # The tokenizer would warn of prompts beyond its own limit, which is often wrong; the network's limit counts.
        tokenizer = AutoTokenizer.from_pretrained(source, model_max_length=1 << 30, **found)
        try:
            with warnings.catch_warnings():
                # optimum reads every attribute of a network, deprecated ones too.
                warnings.filterwarnings("ignore", ".*is deprecated and will be removed", FutureWarning)
                # gptqmodel leaves the removal of a temporary folder to the garbage collector.
                warnings.simplefilter("ignore", ResourceWarning)
                given = {"revision": revision, "config": config, "dtype": dtype, "device_map": {"": device}}
                network = from_transformers("AutoModelForCausalLM", weights, what, **given)
        except ImportError as error:
            remedy = _GPTQ_REMEDY if gptq else "install it, or take weights that are not quantised"
            raise PretrainedError(f"{weights} needs a package that is missing ({error}): {remedy}") from error
    if gptq and device.type == "cpu":
        _uncompile(network)
    _forget_sampling(network, tokenizer)
    return CausalLM(network, tokenizer)


def _is_gptq(config: Any) -> bool:  # noqa: ANN401 each architecture has a class of its own
    quantization = getattr(config, "quantization_config", None)
    return isinstance(quantization, dict) and quantization.get("quant_method") == "gptq"


def _need_gptq(weights: str) -> None:
    try:
        import optimum  # noqa: F401
        from logbar import LogBar

        LogBar.shared().setLevel("ERROR")  # before gptqmodel prints its banner
        import gptqmodel  # noqa: F401
    except ImportError as error:
        raise PretrainedError(f"{weights} is a GPTQ checkpoint, and {error}: {_GPTQ_REMEDY}") from error


def _uncompile(network: Any) -> None:  # noqa: ANN401 as above
    """Undo gptqmodel's use of `torch.compile`, which calls a C++ compiler at the first question."""
    for module in network.modules():
        vars(module).pop("dequantize_weight", None)


def _forget_sampling(network: Any, tokenizer: Any) -> None:  # noqa: ANN401 as above
    """Keep only the special tokens of a checkpoint's generation settings; the rest is set by our own settings."""
    from transformers import GenerationConfig

    ends = network.generation_config.eos_token_id
    ends = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id} - {None}
    fillers = (tokenizer.pad_token_id, *sorted(ends), 0)
    network.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=sorted(ends),
        pad_token_id=next(filler for filler in fillers if filler is not None),
    )
