"""A small random checkpoint of groundingdino-py: its smallest real backbone, and little behind it."""

import json
from pathlib import Path
from types import SimpleNamespace

import torch
from tiny.bert import bert_config, write_bert_tokenizer

from aga_lightning.augment.detectors.bert_adapter import adapted, quietly

SMALL = {"dim_feedforward": 64, "nheads": 4, "enc_layers": 1, "dec_layers": 2, "num_queries": 12}


def save_groundingdino_checkpoint(folder: Path, seed: int = 0) -> tuple[Path, Path, Path]:
    """Save random weights as training writes them; gives the .pth file, its configuration and BERT's folder."""
    with quietly():
        import groundingdino.config.GroundingDINO_SwinT_OGC as published
        from groundingdino.models import build_model

    text_encoder = folder / "bert"
    write_bert_tokenizer(text_encoder)
    bert_config().save_pretrained(text_encoder)
    config = folder / "config.json"
    config.write_text(json.dumps(SMALL))
    torch.manual_seed(seed)
    settings = {name: value for name, value in vars(published).items() if not name.startswith("__")}
    with quietly(), adapted():
        model = build_model(SimpleNamespace(**settings | SMALL | {"text_encoder_type": str(text_encoder)}))
    weights = folder / "tiny.pth"
    torch.save({"model": {f"module.{name}": tensor for name, tensor in model.state_dict().items()}}, weights)
    return weights, config, text_encoder
