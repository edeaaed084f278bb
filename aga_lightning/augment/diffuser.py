"""Diffusion models of painters and editors: settings, loading, batches of one kind, and repeats of blank images."""

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.augment.painters import pipelines
from aga_lightning.augment.painters.contrast import BLANK, contrast
from aga_lightning.augment.painters.pipelines import Task
from aga_lightning.augment.pretrained import Item, Pretrained, weights_identity
from aga_lightning.images.pixels import Image
from aga_lightning.paths import NameOrPath

Offload = Literal["none", "model", "sequential"]

SchedulerSettings = dict[str, bool | int | float | str | list[int | float] | None]
"""Plain values: of any type, a configuration could name a class there, which would be made."""


@dataclass(kw_only=True, eq=False)
class Diffuser(Pretrained):
    """A part that runs a pipeline of diffusers.

    Args:
        weights: A hub's name or a local folder of diffusers; only safetensors are read.
        variant: The variant of the files, if there are several ("fp16"); null for files without a variant.
        steps: Denoising steps.
        guidance: Scale of the guidance; above 1, most pipelines call the denoiser twice in each step.
        width: Width in pixels, a multiple of 8; null for the pipeline's own (read from local weights; 1024 for a hub's
            name, so give 512 for Stable Diffusion 1.x and InstructPix2Pix).
        height: Height in pixels, as `width`.
        scheduler: Class name of diffusers ("EulerDiscreteScheduler"); null for the checkpoint's.
        scheduler_settings: Settings of the scheduler that differ from the checkpoint's, such as timestep_spacing.
        negative_prompt: Description of things not to paint, for pipelines that take it.
        unet: Other weights for the UNet or transformer, instead of the checkpoint's: a local .safetensors file, or
            org/repo/file.safetensors on a hub.
        lora: LoRA weights to add, named like `unet`; needs the package peft.
        redraws: Largest number of repeats of a blank image, each with another seed.
        compile: Compile the denoiser, which takes minutes and then saves time; pays off for thousands of images.
        offload: Keep in the device's memory only the running model (model), or only the running layer (sequential; very
            slow).
        dtype: Numbers to compute with; auto is float32 on a CPU and float16 on an accelerator.

    Raises:
        ValueError: If a number is out of range, or a file of weights is not .safetensors.
    """

    not_in_key = Pretrained.not_in_key | {"compile", "offload"}
    half = torch.float16

    weights: NameOrPath | str = "stabilityai/stable-diffusion-xl-base-1.0"
    variant: str | None = None
    steps: int = 50
    guidance: float
    width: int | None = None
    height: int | None = None
    scheduler: str | None = None
    scheduler_settings: SchedulerSettings | None = None
    negative_prompt: str | None = None
    unet: NameOrPath | str | None = None
    lora: NameOrPath | str | None = None
    redraws: int = 3
    compile: bool = False
    offload: Offload = "none"
    batch_size: int = 4

    def __post_init__(self) -> None:
        for name, least in {"steps": 1, "guidance": 0, "redraws": 0, "batch_size": 1}.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {least}")
        for name, side in (("width", self.width), ("height", self.height)):
            if side is not None and (side < 8 or side % 8):
                raise ValueError(f"{name} is {side}: give a multiple of 8, or null for the pipeline's own size")
        for name, file in (("unet", self.unet), ("lora", self.lora)):
            if file is not None and not file.endswith(".safetensors"):
                raise ValueError(f"{name} is {file}: give a .safetensors file, or org/repo/file.safetensors on a hub")

    def setting(self, argument: str) -> object:
        """Weights of all three kinds enter a key by their identity."""
        return self._added[argument] if argument in ("unet", "lora") else super().setting(argument)

    @cached_property
    def _added(self) -> dict[str, str | None]:
        """Identities of the weights that are added to the pipeline's own."""
        return {name: file and weights_identity(file) for name, file in (("unet", self.unet), ("lora", self.lora))}

    @cached_property
    def _side(self) -> int:
        return pipelines.own_side(self.weights)

    def canvas(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the settings, or the pipeline's own; no weights are loaded."""
        return self.width or self._side, self.height or self._side

    def load_for(self, task: Task) -> Any:  # noqa: ANN401 each family has a class of its own
        """Load the pipeline, put it on its device, and compile its denoiser if `compile` is true."""
        pipeline = pipelines.load_pipeline(
            self.weights,
            self.torch_dtype,
            task=task,
            revision=self.revision,
            variant=self.variant,
            denoiser=self.unet,
            lora=self.lora,
            scheduler=self.scheduler,
            scheduler_settings=self.scheduler_settings,
        )
        if self.negative_prompt and not pipelines.guided(type(pipeline)):
            rank_zero_warn(f"{self.weights} takes no negative prompt: {self.negative_prompt!r} has no effect")
        if self.offload == "none" or self.torch_device.type == "cpu":
            pipeline.to(self.torch_device)
        elif self.offload == "model":
            pipeline.enable_model_cpu_offload(device=self.torch_device)
        else:
            pipeline.enable_sequential_cpu_offload(device=self.torch_device)
        if self.compile:
            for name in pipelines.DENOISERS:
                if getattr(pipeline, name, None) is not None:
                    getattr(pipeline, name).compile()
        return pipeline

    def until_not_blank(
        self,
        items: Sequence[Item],
        run: Callable[[Sequence[Item]], list[Image]],
        again: Callable[[Item, int], Item],
    ) -> list[Image]:
        """One image for each item; blank images (such as NaN in float16) are made again, up to `redraws` times.

        Args:
            items: The items.
            run: Makes the images of some items.
            again: Gives an item the seed of a redraw, by its number.
        """
        images = run(items)
        for number in range(1, self.redraws + 1):
            blank = [index for index, image in enumerate(images) if contrast(image) < BLANK]
            redrawn = [again(items[index], number) for index in blank]
            for index, image in zip(blank, run(redrawn), strict=True):
                images[index] = image
        return images

    def by_kind(
        self,
        items: Sequence[Item],
        kind: Callable[[Item], Hashable],
        call: Callable[[Sequence[Item]], list[Image]],
    ) -> list[Image]:
        """Make images in batches of one kind, such as one size; the images are in the order of the items."""
        images: dict[int, Image] = {}
        kinds = [kind(item) for item in items]
        for one in dict.fromkeys(kinds):
            chosen = [index for index, other in enumerate(kinds) if other == one]
            images.update(zip(chosen, self.batched([items[index] for index in chosen], call), strict=True))
        return [images[index] for index in range(len(items))]

    def run(self, arguments: dict[str, object], seeds: Sequence[int], count: int) -> npt.NDArray[np.float32]:
        """Call the pipeline with the arguments that it accepts.

        Args:
            arguments: The arguments of this call.
            seeds: One seed for each image.
            count: Number of images.

        Returns:
            (count, height, width, 3) in 0..1; NaN if the model failed.
        """
        pipeline = self.model
        common: dict[str, object] = {
            "num_inference_steps": self.steps,
            "guidance_scale": self.guidance,
            # On the CPU, whose noise is the same everywhere; one for each image, so that batches do not matter.
            "generator": [torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            "output_type": "np",
        }
        if self.negative_prompt:
            common["negative_prompt"] = [self.negative_prompt] * count
        known = pipelines.call_arguments(type(pipeline))
        self._undo_upcast(getattr(pipeline, "vae", None))
        with torch.inference_mode(), _quiet():
            output = pipeline(**{name: value for name, value in (common | arguments).items() if name in known})
        return np.asarray(output.images, np.float32)

    def _undo_upcast(self, vae: Any) -> None:  # noqa: ANN401 any model
        """Convert a VAE back to float16 if a call that ran out of memory has left it in float32."""
        if self.torch_dtype == torch.float16 and getattr(vae, "dtype", None) == torch.float32:
            vae.to(torch.float16)


def levels(image: npt.NDArray[np.float32], size: tuple[int, int]) -> Image:
    """An image of 0..1 in levels of 0..255, NaN as black, resized to a size (width, height) if needed."""
    shares = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    rounded = np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    if rounded.shape[1::-1] == size:
        return rounded
    shrinks = size[0] < rounded.shape[1]
    return np.asarray(cv2.resize(rounded, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide messages of diffusers about its own code, which users cannot act on."""
    from diffusers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="`upcast_vae` is deprecated", category=FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
