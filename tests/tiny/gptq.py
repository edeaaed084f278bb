"""A tiny Llama in the files of AutoGPTQ (4 bits, symmetric), packed without a quantiser, and its unpacked twin."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny.llama import llama_network, llama_tokenizer

BITS, GROUP = 4, 64
ZERO = 1 << (BITS - 1)


def packed(values: torch.Tensor) -> torch.Tensor:
    """Eight numbers of 4 bits an int32, along the first dimension, the first number in the lowest bits."""
    count = 32 // BITS
    eights = values.to(torch.int64).reshape(-1, count, values.shape[1])
    words = sum(eights[:, place] << (BITS * place) for place in range(count))
    assert isinstance(words, torch.Tensor)
    return torch.where(words >= 1 << 31, words - (1 << 32), words).to(torch.int32).contiguous()


def quantised(weight: torch.Tensor, act_order: bool) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The tensors of a packed linear layer, and the weight that they stand for, (outputs, inputs) as given."""
    outputs, inputs = weight.shape
    groups = torch.arange(inputs) // GROUP
    if act_order:
        groups = groups[torch.randperm(inputs, generator=torch.Generator().manual_seed(0))]
    columns = weight.detach().float().t()
    largest = torch.stack([columns[groups == group].abs().amax(0) for group in range(inputs // GROUP)])
    scales = (largest / (ZERO - 1)).clamp_min(1e-8).half()
    numbers = (columns / scales.float()[groups] + ZERO).round().clamp(0, 2 * ZERO - 1)
    tensors = {
        "qweight": packed(numbers),
        # AutoGPTQ's first format stores the zero points less one, packed along the outputs.
        "qzeros": packed(torch.full((outputs, inputs // GROUP), ZERO - 1)).t().contiguous(),
        "scales": scales,
        "g_idx": groups.to(torch.int32),
    }
    return tensors, ((numbers - ZERO) * scales.float()[groups]).t()


def build_gptq(folder: Path, act_order: bool = False) -> tuple[Path, Path]:
    """Write a quantised checkpoint and, beside it, an ordinary one with the weights that it stands for.

    Returns:
        Their folders.
    """
    twin = folder.with_name(f"{folder.name}-twin")
    tokenizer = llama_tokenizer()
    network = llama_network(len(tokenizer), hidden=128).half()
    tensors: dict[str, torch.Tensor] = {}
    for name, weight in network.state_dict().items():
        if name.endswith("proj.weight"):
            layer, unpacked = quantised(weight, act_order)
            tensors |= {f"{name.removesuffix('weight')}{part}": tensor for part, tensor in layer.items()}
            weight.copy_(unpacked)
        else:
            tensors[name] = weight.clone()
    for place in (folder, twin):
        tokenizer.save_pretrained(place)
        network.save_pretrained(place)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {
        "bits": BITS,
        "group_size": GROUP,
        "damp_percent": 0.1,
        "desc_act": act_order,
        "sym": True,
        "true_sequential": True,
        "model_name_or_path": None,
        "model_file_base_name": "model",
        "quant_method": "gptq",
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder, twin
