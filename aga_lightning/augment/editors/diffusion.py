"""Editing by a diffusion model: image-to-image (SDEdit), inpainting, and instructions (InstructPix2Pix)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image as PillowImage

from aga_lightning.augment.base import Edit, ImageEditor
from aga_lightning.augment.diffuser import Diffuser, levels
from aga_lightning.augment.painters import pipelines
from aga_lightning.images.pixels import Image, Mask
from aga_lightning.images.seeds import seed_from


@dataclass(kw_only=True, eq=False)
class DiffusionEditor(Diffuser, ImageEditor):
    """Edits a picture with a pipeline of diffusers.

    `image-to-image` adds noise to the picture, by its strength, and removes it again guided by the text (SDEdit, Meng
    et al. 2022). `inpainting` paints the masked part; weights without inputs for a mask restore the known part at each
    step. `instruction` follows instructions such as "make it snow" (InstructPix2Pix, Brooks et al. 2023) and has no
    strength.

    The picture is resized to the pipeline's own size and the result back, without keeping proportions, as in the
    published scripts. A result depends on its own edit: to the bit for one batch size on one kind of device (on a CPU:
    one number of threads), otherwise up to rounding.

    Args:
        task: One of the three tasks.
        guidance: Scale of the guidance by the text; above 1, the denoiser is called twice in each step.
        steps: Denoising steps; image-to-image takes a share of them, its strength.
        image_guidance: For `instruction`: scale of the guidance by the picture, a third call in each step; below 1
            there is no guidance at all.

    Raises:
        ValueError: If a number is out of range, or a file of weights is not .safetensors.
    """

    task: Literal["image-to-image", "inpainting", "instruction"] = "image-to-image"
    guidance: float = 7.5
    image_guidance: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.image_guidance >= 0:
            raise ValueError(f"image_guidance is {self.image_guidance}: give at least 0")

    def load(self) -> Any:  # noqa: ANN401 each family has a class of its own
        """The pipeline of the task."""
        return self.load_for(self.task)

    def denoiser_calls_per_image(self, strength: float = 1.0) -> int:
        """Evaluations of the denoiser for one image; no weights are loaded.

        As for `DiffusionPainter`, the kind of pipeline is read from local weights, and some schedulers take more.

        Args:
            strength: Strength of the edit, the share of the steps that is taken.
        """
        if self.task == "instruction":
            return self.steps * (3 if self.guidance > 1 and self.image_guidance >= 1 else 1)
        kind = pipelines.local_class(self.weights)
        twice = self.guidance > 1 and (kind is None or pipelines.guided(kind))
        return pipelines.steps_taken(self.weights, self.steps, strength) * (2 if twice else 1)

    def edit(self, edits: Sequence[Edit]) -> list[Image]:
        """One image for each edit, of the size of its start; blank images are made again.

        Raises:
            ValueError: If an edit has a mask and the task is not `inpainting`.
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
    """A picture that is white where the edit may change the image: everywhere without a mask."""
    mask = np.ones(edit.image.shape[:2], np.bool_) if edit.mask is None else edit.mask
    # The exact kind has the same centre as the picture's interpolation; plain nearest is off by up to half a pixel.
    return PillowImage.fromarray(_squashed(mask, size, cv2.INTER_NEAREST_EXACT) * np.uint8(255))


def _reseeded(edit: Edit, number: int) -> Edit:
    return replace(edit, seed=seed_from(edit.seed, "redraw", number))
