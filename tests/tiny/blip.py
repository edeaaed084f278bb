"""Tiny checkpoints of captioning models, with random weights, the real classes and their processors."""

import json
import string
from pathlib import Path

import torch
from transformers import (
    BertTokenizerFast,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    CLIPImageProcessor,
    GitConfig,
    GitForCausalLM,
    GitProcessor,
)

SIDE = 32
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]")
WORDS = (
    "a photo of bird dog lake river forest field road snow sand rock tree branch flower fence house boat sky cloud in "
    "on near under behind flying standing sitting swimming green brown white black blue red dark bright small large"
).split()
VOCABULARY = [*SPECIAL, *string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase), *WORDS]
TOWER = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION = {**TOWER, "image_size": SIDE, "patch_size": 8}


def _tokenizer(folder: Path) -> BertTokenizerFast:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 64, "bos_token": "[DEC]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return BertTokenizerFast.from_pretrained(folder)


def save_blip(folder: Path, seed: int = 0) -> Path:
    """BLIP at 32 px that speaks in a few dozen words; what it says depends on the image."""
    torch.manual_seed(seed)
    text = {
        **TOWER,
        "vocab_size": len(VOCABULARY),
        "encoder_hidden_size": 32,
        "max_position_embeddings": 64,
        "bos_token_id": SPECIAL.index("[DEC]"),
        "sep_token_id": SPECIAL.index("[SEP]"),
        "eos_token_id": 2,  # as in the published checkpoints, where nothing ends with it
        "pad_token_id": 0,
    }
    vision = {**VISION, "initializer_range": 0.02}  # the default is 1e-10: all images would look alike
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))
    _amplify(model)
    _prefer_words(model.text_decoder.cls.predictions.bias)
    model.save_pretrained(folder)
    image_processor = BlipImageProcessor(size={"height": SIDE, "width": SIDE})
    BlipProcessor(image_processor, _tokenizer(folder / "tokenizer")).save_pretrained(folder)
    return folder


def save_git(folder: Path, seed: int = 0) -> Path:
    """GIT at 32 px with the same words."""
    torch.manual_seed(seed)
    special = {"bos_token_id": SPECIAL.index("[CLS]"), "eos_token_id": SPECIAL.index("[SEP]"), "pad_token_id": 0}
    config = GitConfig(vision_config=VISION, vocab_size=len(VOCABULARY), max_position_embeddings=64, **TOWER, **special)
    model = GitForCausalLM(config)
    _amplify(model)
    _prefer_words(model.output.bias)
    model.save_pretrained(folder)
    image_processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    GitProcessor(image_processor, _tokenizer(folder / "tokenizer")).save_pretrained(folder)
    return folder


def _amplify(model: torch.nn.Module) -> None:
    """Raise initial weights of 0.02, which add up to nothing in so few layers."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)


def _prefer_words(bias: torch.Tensor) -> None:
    with torch.no_grad():
        bias[: len(VOCABULARY) - len(WORDS)] = -1000
