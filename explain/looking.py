"""One look of a network at one image: what its layers give, and which of it the answer depends on."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from aga_lightning.explain.layout import Layout, layouts
from aga_lightning.explain.logits import check_images, differentiable
from aga_lightning.explain.prediction import evaluation_mode
from aga_lightning.explain.wrappers import plain_names

Change = Callable[[Tensor], Tensor]
"""What a layer gives instead of its output."""

# What the names of autograd's nodes contain where values of different tokens come together.
_MIXING = ("Attention", "Bmm", "Mean", "Sum", "Max", "Convolution")


class Output(NamedTuple):
    """What a layer has given, in its last call.

    Args:
        shape: The output's shape.
        edge: Where the output is in the graph of gradients; None if it does not depend on the image.
        of_image: Whether the layer was given the image itself, or something of its shape.
    """

    shape: torch.Size
    edge: GradientEdge | None
    of_image: bool


class Look:
    """What the layers of a network give for one image. The network is left as it was, the random state too.

    Args:
        model: A classifier of images, wrapped or not; one on the device meta is looked at without any numbers.
        images: Floating point (N, C, H, W), N > 0; the first is used.

    Raises:
        ValueError: If these are no images, or the model answers with something else than logits.
    """

    def __init__(self, model: nn.Module, images: Tensor) -> None:
        check_images(images)
        self.model, self.image = model, images[:1]
        self.size = images.shape[-2:]
        self.modules = plain_names(model)
        self.outputs: dict[str, Output] = {}
        """By the names of the layers, in the order in which these have finished."""
        hooks = [module.register_forward_hook(self._noting(name)) for name, module in self.modules.items()]
        try:
            with self._answering() as (logits, image):
                answer = logits(image.requires_grad_())
                self._answer = get_gradient_edge(answer) if answer.requires_grad else None
                self._image = get_gradient_edge(image)
        finally:
            for hook in hooks:
                hook.remove()
        self.classes = answer.shape[1]
        self.numberless = answer.is_meta

    def layout(self, name: str) -> Layout | None:
        """How a layer's output lies on the image; None if it does not.

        A map whose channels may be first or last is taken as the other maps of layers of its class are.
        """
        found = self._layouts(name)
        if len(found) < 2:
            return found[0] if found else None
        alike = (self._layouts(other) for other in self.outputs if type(self.modules[other]) is self._class(name))
        votes = Counter(layouts[0].axis for layouts in alike if len(layouts) == 1)
        return max(found, key=lambda layout: votes[layout.axis])  # the first, (N, C, h, w), where there are no votes

    def carries_all(self, name: str) -> bool:
        """Whether nothing of the image reaches the answer but through a layer's output."""
        edge = self.outputs[name].edge
        return edge is not None and self._image.node not in self._nodes_before(edge)

    def depends_on(self, name: str, layout: Layout) -> bool:
        """Whether the answer depends on the places of a layer's output, besides other tokens."""
        if self.numberless:
            edge = self.outputs[name].edge
            nodes = () if edge is None else self._nodes_before(edge)
            return layout.before == 0 or any(kind in node.name() for node in nodes for kind in _MIXING)
        return not self._answer_with({name: _spoiling(layout)}).isfinite().all()

    def is_scores(self, name: str, layout: Layout) -> bool:
        """Whether a layer's output is a map of scores, with a channel for each class that the other classes ignore."""
        if self.numberless or self.outputs[name].shape[layout.axis] != self.classes or self.classes < 2:
            return False
        return bool(self._answer_with({name: _spoiling(layout, channel=1)})[0, 0].isfinite())

    def passes_on(self, name: str, later: str, layout: Layout) -> bool:
        """Whether all that the answer takes from the places of a layer's output comes through a later layer."""
        blank = {name: _spoiling(layout), later: torch.zeros_like}
        return self.numberless or bool(self._answer_with(blank).isfinite().all())

    def _layouts(self, name: str) -> list[Layout]:
        """The ways in which a layer's output can lie on the image."""
        parts = name.split(".")
        owners = (self.modules.get(".".join(parts[:count])) for count in range(len(parts), -1, -1))
        told = (getattr(owner, "num_prefix_tokens", None) for owner in owners)  # what timm calls them
        before = next((count for count in told if isinstance(count, int)), None)
        shape = self.outputs[name].shape
        return layouts(shape, self.size, before) if shape[:1] == (1,) else []

    def _class(self, name: str) -> type[nn.Module]:
        return type(self.modules[name])

    def _nodes_before(self, edge: GradientEdge) -> set[Any]:
        """The nodes from which the answer is computed if an output in the graph is cut out."""
        reached: set[Any] = set()
        ahead = [self._answer]
        while ahead:
            at = ahead.pop()
            if at is None or at.node in reached or (at.node, at.output_nr) == (edge.node, edge.output_nr):
                continue
            reached.add(at.node)
            ahead += [GradientEdge(node, number) for node, number in at.node.next_functions if node is not None]
        return reached

    def _answer_with(self, changes: dict[str, Change]) -> Tensor:
        """The answer if some layers give something else."""

        def changing(name: str, change: Change) -> Callable[[nn.Module, object, object], Tensor | None]:
            def hook(module: nn.Module, inputs: object, output: object) -> Tensor | None:
                fits = isinstance(output, Tensor) and output.shape == self.outputs[name].shape
                return change(output) if fits else None  # type: ignore[arg-type] # it is a tensor

            return hook

        hooks = [self.modules[name].register_forward_hook(changing(name, change)) for name, change in changes.items()]
        try:
            with self._answering() as (logits, image), torch.no_grad():
                return logits(image)
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def _answering(self) -> Iterator[tuple[Callable[[Tensor], Tensor], Tensor]]:
        """The function to logits, and the image to call it with."""
        with differentiable(self.model, self.image, torch.zeros(1, dtype=torch.int64)) as (logits, image, _):
            cuda = [image.device] if image.device.type == "cuda" else []
            with evaluation_mode(self.model), torch.random.fork_rng(devices=cuda):
                yield logits, image

    def _noting(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], object], None]:
        def note(module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
            self.outputs.pop(name, None)  # of a module that is used again, the last call counts
            if isinstance(output, Tensor) and output.is_floating_point():
                of_image = bool(inputs) and getattr(inputs[0], "shape", None) == self.image.shape
                edge = get_gradient_edge(output) if output.requires_grad else None
                self.outputs[name] = Output(output.shape, edge, of_image)

        return note


def _spoiling(layout: Layout, channel: int | None = None) -> Change:
    """A change of a layer's output: its places are not numbers, in a channel or in all, nor is what depends on them."""

    def spoil(output: Tensor) -> Tensor:
        places = layout.to_map(output).clone()
        places[:, slice(None) if channel is None else channel] = torch.nan
        return layout.from_map(places, output)

    return spoil
