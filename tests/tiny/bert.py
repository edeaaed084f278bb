"""A BERT tokenizer that spells, with the ids that GroundingDINO asks for by number."""

import json
from pathlib import Path

from transformers import BertConfig, BertTokenizerFast

WORDS = 1100


def bert_config(layers: int = 1) -> BertConfig:
    """A text encoder of 32 numbers a token."""
    return BertConfig(
        vocab_size=WORDS,
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
    )


def write_bert_tokenizer(folder: Path) -> BertTokenizerFast:
    """Save and load a vocabulary of letters and a few words; [CLS], [SEP], . and ? have BERT's own ids."""
    vocabulary = [f"[unused{index}]" for index in range(WORDS)]
    vocabulary[0] = "[PAD]"
    vocabulary[100:104] = "[UNK]", "[CLS]", "[SEP]", "[MASK]"
    vocabulary[1012], vocabulary[1029] = ".", "?"
    letters = "abcdefghijklmnopqrstuvwxyz0123456789,-'"
    words = [*letters, *(f"##{letter}" for letter in letters), "bird", "dog", "photo", "of"]
    vocabulary[200 : 200 + len(words)] = words
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 256}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return BertTokenizerFast.from_pretrained(folder)
