"""A CLIP tokenizer without merges, and tiny CLIP text encoders, as diffusion pipelines hold them."""

import json
from pathlib import Path

from transformers import CLIPTextConfig, CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"


def byte_characters() -> list[str]:
    """The printable character that stands for each byte in the vocabulary of GPT-2 and CLIP."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(len(others))]


def clip_tokenizer(folder: Path, pad: str = END) -> CLIPTokenizer:
    """Write the files of a tokenizer of one token a byte (514 ids), and read them."""
    folder.mkdir(parents=True, exist_ok=True)
    characters = byte_characters()
    # The end's id is the highest: that is how CLIP's text encoder finds the end of a text.
    tokens = [*characters, *(f"{character}</w>" for character in characters), START, END]
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": pad,
    }
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return CLIPTokenizer.from_pretrained(folder)


def clip_text_config() -> CLIPTextConfig:
    """Two layers of 32 channels over the 514 ids of `clip_tokenizer`."""
    return CLIPTextConfig(
        vocab_size=514,
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        projection_dim=32,
        max_position_embeddings=77,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
        hidden_act="gelu",
    )
