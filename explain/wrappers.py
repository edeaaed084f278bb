"""Models inside wrappers: DataParallel, DistributedDataParallel and torch.compile."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

_PREFIXES = ("module", "_orig_mod")


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside its outermost wrappers, whose hooks and weights can be used one process at a time."""
    while _is_wrapper(model):
        model = next(model.children())
    return model


def plain_names(model: nn.Module) -> dict[str, nn.Module]:
    """The modules of a model by their dotted names, without what wrappers at any depth have put into these.

    Args:
        model: Wrapped or not.
    """
    named: dict[str, nn.Module] = {}

    def visit(module: nn.Module, name: str) -> None:
        if not _is_wrapper(module):
            named[name] = module
        for child_name, child in module.named_children():
            visit(child, name if _is_wrapper(module) else f"{name}.{child_name}".lstrip("."))

    visit(model, "")
    return named


def plain_name(name: str) -> str:
    """A module's name without the prefixes of wrappers at its start, and without those of torch.compile within it."""
    parts = name.split(".")
    while len(parts) > 1 and parts[0] in _PREFIXES:
        parts.pop(0)
    return ".".join(part for part in parts if part != "_orig_mod")


@contextmanager
def uncompiled() -> Iterator[None]:
    """A block in which compiled models run as they were written: a compiled one may pass over hooks set later."""
    with torch.compiler.set_stance("force_eager"):
        yield


def _is_wrapper(module: nn.Module) -> bool:
    parallel = isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel)
    return parallel or [name for name, _ in module.named_children()] == ["_orig_mod"]
