"""The text encoder of groundingdino-py with the BERT of transformers 5.

The authors' wrapper calls methods that transformers 5 no longer has. This wrapper keeps the names of the tensors, so
that published checkpoints load, and gives the same numbers.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class BertAdapter(nn.Module):
    """BERT with a mask of its own for each token.

    Args:
        bert_model: A `BertModel`, whose parts keep their names.
    """

    def __init__(self, bert_model: Any) -> None:  # noqa: ANN401 transformers is imported by the methods that use it
        super().__init__()
        self.config = bert_model.config
        self.embeddings = bert_model.embeddings
        self.encoder = bert_model.encoder
        self.pooler = bert_model.pooler

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Encode texts.

        Args:
            input_ids: (batch, tokens).
            attention_mask: (batch, tokens), or (batch, tokens, tokens) if each token attends to different tokens.
            token_type_ids: (batch, tokens); all 0 by default.
            position_ids: (batch, tokens); 0, 1, 2, ... by default.
        """
        hidden = self.embeddings(input_ids=input_ids, token_type_ids=token_type_ids, position_ids=position_ids)
        seen = attention_mask[:, None, None] if attention_mask.ndim == 2 else attention_mask[:, None]
        mask = torch.zeros(seen.shape, dtype=hidden.dtype, device=hidden.device)
        mask = mask.masked_fill(~seen.bool(), torch.finfo(hidden.dtype).min)
        return {"last_hidden_state": self.encoder(hidden, attention_mask=mask).last_hidden_state}


@contextmanager
def quietly() -> Iterator[None]:
    """Hide warnings of groundingdino-py that its users cannot act on."""
    with warnings.catch_warnings():
        for text in ("Importing from timm.models.layers", "torch.meshgrid:", r"`torch.cuda.amp.autocast\("):
            warnings.filterwarnings("ignore", text)
        yield


@contextmanager
def adapted() -> Iterator[None]:
    """Let groundingdino-py build models with `BertAdapter` inside the block; afterwards it is restored.

    Inside, the text encoder is built from its configuration alone: its weights are in the detector's checkpoint.
    """
    from groundingdino.models.GroundingDINO import groundingdino as detector
    from groundingdino.util import get_tokenlizer as sources
    from transformers import AutoTokenizer, BertConfig, BertModel

    replacements = [
        (detector, "BertModelWarper", BertAdapter),
        (sources, "get_tokenlizer", AutoTokenizer.from_pretrained),  # the original also prints
        (sources, "get_pretrained_language_model", lambda name: BertModel(BertConfig.from_pretrained(name))),
    ]
    originals = [(module, name, getattr(module, name)) for module, name, _ in replacements]
    try:
        for module, name, replacement in replacements:
            setattr(module, name, replacement)
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)
