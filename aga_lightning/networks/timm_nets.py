"""Classifiers of timm by name: `timm/convnext_tiny`, or with the tag of its weights `timm/convnext_tiny.fb_in22k`."""

import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aga_lightning.downloads import offline
from aga_lightning.networks.network import Inputs, Network, UnreachableError
from aga_lightning.networks.weights_files import StateDict, WeightsError

PREFIX = "timm/"
_DEFAULT = "DEFAULT"


class TimmNet(Network):
    """A classifier of timm.

    Args:
        name: `timm/` and timm's name, which may end in the tag of weights; their mean and deviation then hold.

    Raises:
        ValueError: If timm is not installed, or has no such network or tag.
    """

    def __init__(self, name: str) -> None:
        timm = _timm(name)
        self.name = name
        self.architecture, _, self.tag = name.removeprefix(PREFIX).partition(".")
        if not timm.is_model(self.architecture):
            near = [f"{PREFIX}{one}" for one in get_close_matches(self.architecture, timm.list_models(), n=3)]
            hint = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() lists them"
            raise ValueError(f"timm has no network {self.architecture!r}; {hint}")
        if self.tag and self.tag not in self.published:
            raise ValueError(
                f"timm has no weights {self.tag!r} of {self.architecture}: leave the tag out, or choose one of "
                f"{', '.join(self.published[1:]) or 'none, since none are published'}"
            )

    @cached_property
    def published(self) -> Sequence[str]:
        """Timm's tags, behind DEFAULT, which is the tag of the name or timm's own choice."""
        timm = _timm(self.name)
        tags = [one.partition(".")[2] for one in timm.list_pretrained(f"{self.architecture}.*")]
        return [_DEFAULT, *tags] if timm.models.is_model_pretrained(self.architecture) else tags

    @property
    def inputs(self) -> Inputs:
        """What timm says of the images that the weights were trained on."""
        told = self._told(self.tag)
        return Inputs(int(told.input_size[-1]), tuple(told.mean), tuple(told.std))

    def with_weights(self, weights: str | None) -> Network:
        """The network by the name that holds the weights' tag."""
        if weights not in self.published:
            return self
        return TimmNet(f"{PREFIX}{self.architecture}.{self._tag_of(weights)}".removesuffix("."))

    def build(self, num_classes: int, image_size: int | None = None) -> nn.Module:
        """The network with random weights; transformers are built for the size of the images."""
        sized = {} if image_size is None or not self._told(self.tag).fixed_input_size else {"img_size": image_size}
        return self._create(self.tag, num_classes=num_classes, **sized)

    def as_published(self, weights: str) -> nn.Module:
        """The network that some published weights are of, with random weights."""
        return self._create(self._tag_of(weights))

    def file(self, weights: str) -> Path | None:
        """Where the libraries of the Hugging Face hub or of torch keep published weights."""
        if weights not in self.published:
            return None
        told = self._told(self._tag_of(weights))
        if not told.hf_hub_id:
            return Path(torch.hub.get_dir(), "checkpoints", Path(told.url or "").name)
        from huggingface_hub import constants, try_to_load_from_cache

        for name in (told.hf_hub_filename or "model.safetensors", "pytorch_model.bin"):
            found = try_to_load_from_cache(told.hf_hub_id, name)
            if isinstance(found, str):
                return Path(found)
        return Path(constants.HF_HUB_CACHE, f"models--{told.hf_hub_id.replace('/', '--')}")

    def fetch(self, weights: str) -> StateDict:
        """Published weights, by timm's own code: safetensors, or tensors alone out of another file."""
        tag, file = self._tag_of(weights), self.file(weights)
        told = self._told(tag)
        source = f"https://huggingface.co/{told.hf_hub_id}" if told.hf_hub_id else told.url
        here = file is not None and file.is_file()
        try:
            if offline() and not here:
                raise OSError("HF_HUB_OFFLINE forbids the network")
            return dict(self._create(tag, pretrained=True).state_dict())
        except Exception as error:  # of the hub, of its client, of timm, of safetensors
            reason = " ".join(str(error).split())
            if here or not isinstance(error, OSError):
                raise WeightsError(
                    f"{file} cannot be read ({reason}): remove it, and it is downloaded anew."
                ) from error
            what = "model.safetensors" if told.hf_hub_id else "the file"
            raise UnreachableError(
                f"Cannot download {source} ({reason}). On a machine with a network, download {what} from there; then "
                f"give its path as the weights (model.weights). What is downloaded here lies in {file}."
            ) from error

    def converted(self, state: Mapping[str, Tensor], net: nn.Module) -> StateDict:
        """As timm converts files of other authors, and position embeddings of other image sizes."""
        convert = getattr(sys.modules[type(net).__module__], "checkpoint_filter_fn", None)
        try:
            return dict(state) if convert is None else dict(convert(dict(state), net))
        except (KeyError, AttributeError, TypeError, RuntimeError, ValueError, IndexError):
            return dict(state)  # of another network, which is told when they do not fit

    def _tag_of(self, weights: str | None) -> str:
        return str(self._told(self.tag).tag or "") if weights in (None, _DEFAULT) else str(weights)

    def _told(self, tag: str) -> Any:  # noqa: ANN401 timm's PretrainedCfg
        timm = _timm(self.name)
        name = f"{self.architecture}.{tag}" if tag else self.architecture
        return timm.models.get_pretrained_cfg(name) or timm.models.PretrainedCfg()

    def _create(self, tag: str, **settings: Any) -> nn.Module:  # noqa: ANN401 timm's
        net: nn.Module = _timm(self.name).create_model(self.architecture, pretrained_cfg=tag or None, **settings)
        return net


def _timm(name: str) -> Any:  # noqa: ANN401 a module
    try:
        import timm  # an extra, and slow to import
    except ImportError as error:
        raise ValueError(
            f"{name} is a network of timm, which is not installed: pip install 'aga-lightning[timm]', or choose a "
            "network of torchvision"
        ) from error
    return timm
