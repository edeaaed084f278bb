"""A tiny Llama with a tokenizer as Llama 2 has it: byte fallback, no padding token, a chat template on demand."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from aga_lightning.augment.prompts import INSTRUCTIONS, SPATIAL, TEMPORAL

CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'system' %}<<SYS>>{{ m['content'] }}<</SYS>>"
    "{% elif m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]{% else %} {{ m['content'] }}</s>{% endif %}"
    "{% endfor %}"
)


def llama_tokenizer(chat: bool = False) -> PreTrainedTokenizerFast:
    """A byte-fallback BPE tokenizer that knows the words of the shipped prompts."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([*INSTRUCTIONS, *SPATIAL, *TEMPORAL] * 10, trainer)
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = state["added_tokens"][:3]  # bytes are ordinary tokens
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    if chat:
        fast.chat_template = CHAT_TEMPLATE
    return fast


def llama_network(vocabulary: int, hidden: int = 64, seed: int = 0, tied: bool = False) -> LlamaForCausalLM:
    """Two layers of random weights that like words and dislike the tokens of single bytes."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=tied,
    )
    network = LlamaForCausalLM(config)
    with torch.no_grad():
        network.lm_head.weight.mul_(10)
        network.lm_head.weight[3:259] = 0
    # Llama 2's own, which clash with ours.
    network.generation_config = GenerationConfig(
        bos_token_id=1, eos_token_id=2, do_sample=True, temperature=0.6, top_p=0.9, max_length=4096
    )
    return network.eval()


def build_llama(folder: Path, chat: bool = False, seed: int = 0, tied: bool = False) -> Path:
    """Write a checkpoint of transformers."""
    tokenizer = llama_tokenizer(chat)
    tokenizer.save_pretrained(folder)
    llama_network(len(tokenizer), seed=seed, tied=tied).save_pretrained(folder)
    return folder
