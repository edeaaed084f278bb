"""Editing by a diffusion model: image-to-image (SDEdit), inpainting, and instructions (InstructPix2Pix)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image as PillowImage

from aga_lightning.augment.backgrounds import pipelines
from aga_lightning.augment.base import Edit, Image, ImageEditor, Mask, seed_from
from aga_lightning.augment.diffuser import Diffuser, Offload, levels
from aga_lightning.augment.pretrained import DType


class DiffusionEditor(Diffuser, ImageEditor):
    """Makes a picture of another one with a pipeline of diffusers.

    `image-to-image` adds noise to the picture, as much as the strength says, and takes it away again under the words
    (SDEdit, Meng et al. 2022). `inpainting` paints what a mask leaves open; weights without inputs for a mask do it by
    putting the known part back at each step. `instruction` follows orders such as "make it snow" (InstructPix2Pix,
    Brooks et al. 2023) and knows no strength.

    The picture is squashed to the pipeline's own size and the result stretched back, as the published scripts do. A
    result depends on its own edit: to the bit for one batch size on one kind of device (of a CPU: number of threads),
    up to rounding for another.

    Args:
        weights: A hub's name or a local folder of diffusers; only safetensors are read.
        task: Which of the three.
        variant: The files to take where there are several ("fp16"); null for those without a variant.
        steps: Denoising steps, of which image-to-image takes the share of its strength.
        guidance: Scale of the guidance by words; above 1, the denoiser is called twice a step.
        image_guidance: For `instruction`: scale of the guidance by the picture, a third call a step; below 1 there
            is no guidance at all.
        width: Pixels, a multiple of 8; null for the pipeline's own (read from local weights; 1024 for a hub's name, so
            give 512 for those of Stable Diffusion 1.x and InstructPix2Pix).
        height: As `width`.
        scheduler: Class name of diffusers ("EulerDiscreteScheduler"); null for the checkpoint's.
        scheduler_settings: Settings of the scheduler that differ from the checkpoint's, such as timestep_spacing.
        negative_prompt: What not to paint, for pipelines that take it.
        unet: Other weights for the UNet or transformer: a local .safetensors file, or org/repo/file.safetensors on a
            hub. The checkpoint's own are then not read.
        lora: LoRA weights to add, named like `unet`; needs the package peft.
        redraws: How often a blank image is made again, with another seed, before it is handed on as it is.
        compile: Compile the denoiser: minutes at first, faster then; pays off for thousands of images.
        offload: Keep in the device's memory only the model at work, or only the layer at work (very slow).
        dtype: Numbers to compute with; auto is float32 on a CPU and float16 on an accelerator.
        batch_size: Images a call; halved when the device runs out of memory.
        revision: A commit, tag or branch of the hub's repository; null for its main branch.
        device: Where the pipeline runs ("cuda:1", "cpu"); null for the device of the trainer.

    Raises:
        ValueError: If a number is out of range, or a file of weights is not .safetensors.
    """

    def __init__(
        self,
        weights: str = "stabilityai/stable-diffusion-xl-base-1.0",
        task: Literal["image-to-image", "inpainting", "instruction"] = "image-to-image",
        variant: str | None = None,
        steps: int = 50,
        guidance: float = 7.5,
        image_guidance: float = 1.5,
        width: int | None = None,
        height: int | None = None,
        scheduler: str | None = None,
        scheduler_settings: dict[str, Any] | None = None,
        negative_prompt: str | None = None,
        unet: str | None = None,
        lora: str | None = None,
        redraws: int = 3,
        compile: bool = False,
        offload: Offload = "none",
        dtype: DType = "auto",
        batch_size: int = 4,
        revision: str | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(
            weights=weights,
            variant=variant,
            steps=steps,
            guidance=guidance,
            width=width,
            height=height,
            scheduler=scheduler,
            scheduler_settings=scheduler_settings,
            negative_prompt=negative_prompt,
            unet=unet,
            lora=lora,
            redraws=redraws,
            compile=compile,
            offload=offload,
            dtype=dtype,
            batch_size=batch_size,
            revision=revision,
            device=device,
        )
        if not image_guidance >= 0:
            raise ValueError(f"image_guidance is {image_guidance}: give at least 0")
        self.task = task
        self.image_guidance = image_guidance

    def load(self) -> Any:  # noqa: ANN401 each family has a class of its own
        """The pipeline of the task."""
        return self.load_for(self.task)

    def denoiser_calls_per_image(self, strength: float = 1.0) -> int:
        """Evaluations of the denoiser for one image; nothing is loaded for it.

        As for `DiffusionPainter`, local weights tell what kind of pipeline they are, and some schedulers take more.

        Args:
            strength: Of the edit, which says which share of the steps is taken.
        """
        if self.task == "instruction":
            return self.steps * (3 if self.guidance > 1 and self.image_guidance >= 1 else 1)
        kind = pipelines.local_class(self.weights)
        twice = self.guidance > 1 and (kind is None or pipelines.guided(kind))
        return pipelines.steps_taken(self.weights, self.steps, strength) * (2 if twice else 1)

    def edit(self, edits: Sequence[Edit]) -> list[Image]:
        """One image an edit, of the size of the one it starts from; blank ones are made again.

        Raises:
            ValueError: If an edit has a mask and the task is not `inpainting`, the only one that knows masks.
        """
        if self.task != "inpainting" and any(edit.mask is not None for edit in edits):
            raise ValueError(f"the task {self.task} knows no mask, all of the picture would change: give inpainting")
        return self.until_not_blank(edits, self._edit, _reseeded)

    def _edit(self, edits: Sequence[Edit]) -> list[Image]:
        return self.by_kind(edits, lambda edit: (self.canvas(_size(edit.image)), edit.strength), self._call)

    def _call(self, edits: Sequence[Edit]) -> list[Image]:
        width, height = self.canvas(_size(edits[0].image))
        # At least one step: a small share of a UNet's steps is rounded down to none.
        least = 1.001 / self.steps if getattr(self.model, "unet", None) is not None else 0.0
        arguments: dict[str, object] = {
            "prompt": [edit.text for edit in edits],
            "image": [PillowImage.fromarray(_squashed(edit.image, (width, height))) for edit in edits],
            "strength": min(1.0, max(edits[0].strength, least)),
            "image_guidance_scale": self.image_guidance,
            "width": width,
            "height": height,
        }
        if self.task == "inpainting":
            arguments["mask_image"] = [_open_part(edit, (width, height)) for edit in edits]
        images = self.run(arguments, [edit.seed for edit in edits], len(edits))
        return [levels(image, _size(edit.image)) for image, edit in zip(images, edits, strict=True)]


def _size(image: Image) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _squashed(image: Image | Mask, size: tuple[int, int], interpolation: int | None = None) -> Image:
    if interpolation is None:
        interpolation = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.asarray(image, np.uint8), size, interpolation=interpolation), np.uint8)


def _open_part(edit: Edit, size: tuple[int, int]) -> PillowImage.Image:
    """White where the picture may change: all of it without a mask."""
    mask = np.ones(edit.image.shape[:2], np.bool_) if edit.mask is None else edit.mask
    # The exact kind has the same centre as the picture's interpolation; the other is off by up to half a pixel.
    return PillowImage.fromarray(_squashed(mask, size, cv2.INTER_NEAREST_EXACT) * np.uint8(255))


def _reseeded(edit: Edit, number: int) -> Edit:
    return replace(edit, seed=seed_from(edit.seed, "redraw", number))
