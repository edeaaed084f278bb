"""A tiny random checkpoint of transformers' OWLv2."""

from pathlib import Path

import torch
from tiny.clip import clip_tokenizer
from transformers import Owlv2Config, Owlv2ForObjectDetection, Owlv2ImageProcessor, Owlv2Processor


def save_owlv2(folder: Path, seed: int = 0, size: int = 64) -> Path:
    """Save an OWLv2 of random weights that looks at squares of `size` pixels."""
    torch.manual_seed(seed)
    layers = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Owlv2Config(
        text_config={
            **layers,
            "vocab_size": 514,
            "max_position_embeddings": 16,
            "bos_token_id": 512,
            "eos_token_id": 513,
        },
        vision_config={**layers, "image_size": size, "patch_size": 16},
        projection_dim=32,
    )
    model = Owlv2ForObjectDetection(config)
    torch.nn.init.constant_(model.class_head.logit_shift.bias, -1)  # not all scores 1
    model.save_pretrained(folder)
    tokenizer = clip_tokenizer(folder)
    tokenizer.model_max_length = 16
    Owlv2Processor(Owlv2ImageProcessor(size={"height": size, "width": size}), tokenizer).save_pretrained(folder)
    return folder
