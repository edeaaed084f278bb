"""Backgrounds by a text-to-image diffusion model: the paper's Stable Diffusion XL, and all that diffusers loads."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.utilities import rank_zero_warn

from aga_lightning.augment.backgrounds import pipelines
from aga_lightning.augment.backgrounds.contrast import BLANK, contrast
from aga_lightning.augment.base import BackgroundGenerator, Image, Scene, seed_from
from aga_lightning.augment.pretrained import DType, Pretrained, weights_identity


class DiffusionPainter(Pretrained, BackgroundGenerator):
    """Paints the caption with a text-to-image pipeline of diffusers; by default the paper's, SDXL with its defaults.

    An image depends on its own caption, size and seed: to the bit for one batch size on one kind of device, up to
    rounding (a few pixels off by one level) for another. CLIP's text encoders read the first 77 tokens of a caption.

    Args:
        weights: A hub's name or a local folder of diffusers; only safetensors are read.
        variant: The files to take where there are several ("fp16"); null for those without a variant.
        steps: Denoising steps.
        guidance: Scale of the guidance; above 1, most pipelines call the denoiser twice a step.
        width: Pixels, a multiple of 8; null for the pipeline's own (read from local weights; 1024 for a hub's name).
        height: As `width`.
        scheduler: Class name of diffusers ("EulerDiscreteScheduler"); null for the checkpoint's.
        scheduler_settings: Settings of the scheduler that differ from the checkpoint's, such as timestep_spacing.
        negative_prompt: What not to paint, for pipelines that take it.
        max_sequence_length: Tokens of a caption for encoders like T5 (256 for FLUX.1 schnell); null for the pipeline's.
        unet: Other weights for the UNet or transformer: a local .safetensors file, or org/repo/file.safetensors on a
            hub. The checkpoint's own are then not read.
        lora: LoRA weights to add, named like `unet`; needs the package peft.
        redraws: How often a blank image is painted again, with another seed, before it is handed on as it is.
        compile: Compile the denoiser: minutes at first, faster then; pays off for thousands of images.
        offload: Keep in the device's memory only the model at work, or only the layer at work (very slow).
        dtype: Numbers to compute with; auto is float32 on a CPU and float16 on an accelerator.
        batch_size: Images a call; halved when the device runs out of memory.
        revision: A commit, tag or branch of the hub's repository; null for its main branch.
        device: Where the pipeline runs ("cuda:1", "cpu"); null for the device of the trainer.

    Raises:
        ValueError: If a number is out of range, or a file of weights is not .safetensors.
    """

    not_in_key = Pretrained.not_in_key | {"compile", "offload"}
    half = torch.float16

    def __init__(
        self,
        weights: str = "stabilityai/stable-diffusion-xl-base-1.0",
        variant: str | None = None,
        steps: int = 50,
        guidance: float = 5.0,
        width: int | None = None,
        height: int | None = None,
        scheduler: str | None = None,
        scheduler_settings: dict[str, Any] | None = None,
        negative_prompt: str | None = None,
        max_sequence_length: int | None = None,
        unet: str | None = None,
        lora: str | None = None,
        redraws: int = 3,
        compile: bool = False,
        offload: Literal["none", "model", "sequential"] = "none",
        dtype: DType = "auto",
        batch_size: int = 4,
        revision: str | None = None,
        device: str | None = None,
    ) -> None:
        least_of = {
            "steps": (steps, 1),
            "guidance": (guidance, 0),
            "redraws": (redraws, 0),
            "batch_size": (batch_size, 1),
        }
        for name, (number, least) in least_of.items():
            if not number >= least:
                raise ValueError(f"{name} is {number}: give at least {least}")
        for name, side in (("width", width), ("height", height)):
            if side is not None and (side < 8 or side % 8):
                raise ValueError(f"{name} is {side}: give a multiple of 8, or null for the pipeline's own size")
        for name, file in (("unet", unet), ("lora", lora)):
            if file is not None and not file.endswith(".safetensors"):
                raise ValueError(f"{name} is {file}: give a .safetensors file, or org/repo/file.safetensors on a hub")
        self.weights = weights
        self.variant = variant
        self.steps = steps
        self.guidance = guidance
        self.width = width
        self.height = height
        self.scheduler = scheduler
        self.scheduler_settings = scheduler_settings
        self.negative_prompt = negative_prompt
        self.max_sequence_length = max_sequence_length
        self.unet = unet
        self.lora = lora
        self.redraws = redraws
        self.compile = compile
        self.offload = offload
        self.dtype = dtype
        self.batch_size = batch_size
        self.revision = revision
        self.device = device

    def setting(self, argument: str) -> object:
        """Weights of all three kinds enter a key by their identity."""
        return self._added[argument] if argument in ("unet", "lora") else super().setting(argument)

    @cached_property
    def _added(self) -> dict[str, str | None]:
        """The identities of the weights that are added to the pipeline's."""
        return {name: file and weights_identity(file) for name, file in (("unet", self.unet), ("lora", self.lora))}

    @cached_property
    def _side(self) -> int:
        return pipelines.own_side(self.weights)

    def canvas(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the settings, or the pipeline's own; nothing is loaded for it."""
        return self.width or self._side, self.height or self._side

    def denoiser_calls_per_image(self) -> int:
        """Evaluations of the UNet or transformer for one image: two a step under classifier-free guidance.

        Nothing is loaded for it. The kind of pipeline is read from local weights; that of a hub's name is taken to use
        `guidance` as SDXL does. Some schedulers take more: PNDM one step more, those of second order twice as many.
        """
        kind = pipelines.local_class(self.weights)
        twice = self.guidance > 1 and (kind is None or pipelines.guided(kind))
        return self.steps * (2 if twice else 1)

    def load(self) -> Any:  # noqa: ANN401 each family has a class of its own
        """Load the pipeline, put it on its device, and compile its denoiser if asked to."""
        pipeline = pipelines.load_pipeline(
            self.weights,
            self.torch_dtype,
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

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the asked size a scene; blank ones (NaN in float16, say) are painted again."""
        images = self._paint(scenes)
        for number in range(1, self.redraws + 1):
            blank = [index for index, image in enumerate(images) if contrast(image) < BLANK]
            again = [replace(scenes[index], seed=seed_from(scenes[index].seed, "redraw", number)) for index in blank]
            for index, image in zip(blank, self._paint(again), strict=True):
                images[index] = image
        return images

    def _paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One try at each scene, in batches of one size."""
        images: dict[int, Image] = {}
        for size in dict.fromkeys(scene.size for scene in scenes):
            chosen = [index for index, scene in enumerate(scenes) if scene.size == size]
            images.update(zip(chosen, self.batched([scenes[index] for index in chosen], self._call), strict=True))
        return [images[index] for index in range(len(scenes))]

    def _call(self, scenes: Sequence[Scene]) -> list[Image]:
        pipeline = self.model
        width, height = scenes[0].size
        arguments: dict[str, object] = {
            "prompt": [scene.caption.text for scene in scenes],
            "width": -(-width // 8) * 8,
            "height": -(-height // 8) * 8,
            "num_inference_steps": self.steps,
            "guidance_scale": self.guidance,
            # On the CPU, whose noise is the same everywhere; one an image, so that companions do not matter.
            "generator": [torch.Generator("cpu").manual_seed(scene.seed) for scene in scenes],
            "output_type": "np",
        }
        if self.negative_prompt:
            arguments["negative_prompt"] = [self.negative_prompt] * len(scenes)
        if self.max_sequence_length is not None:
            arguments["max_sequence_length"] = self.max_sequence_length
        known = pipelines.call_arguments(type(pipeline))
        self._undo_upcast(getattr(pipeline, "vae", None))
        with torch.inference_mode(), _quiet():
            output = pipeline(**{name: value for name, value in arguments.items() if name in known})
        return [_levels(image, scene.size) for image, scene in zip(output.images, scenes, strict=True)]

    def _undo_upcast(self, vae: Any) -> None:  # noqa: ANN401 any model
        """Turn a VAE back to float16 that a call left in float32, because it ran out of memory while decoding."""
        if self.torch_dtype == torch.float16 and getattr(vae, "dtype", None) == torch.float32:
            vae.to(torch.float16)


def _levels(image: npt.NDArray[np.float32], size: tuple[int, int]) -> Image:
    """An image of 0..1 in levels of 0..255, NaN as black, at the asked size where the pipeline rounded it."""
    shares = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    levels = np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    if levels.shape[1::-1] == size:
        return levels
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA), np.uint8)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to themselves what diffusers says of its own code at each call, which no user can change."""
    from diffusers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="`upcast_vae` is deprecated", category=FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
