"""Backgrounds by a text-to-image diffusion model: the paper's Stable Diffusion XL, or any other of diffusers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aga_lightning.augment.base import BackgroundGenerator, Scene
from aga_lightning.augment.diffuser import Diffuser, levels
from aga_lightning.augment.painters import pipelines
from aga_lightning.images.pixels import Image
from aga_lightning.images.seeds import seed_from


@dataclass(kw_only=True, eq=False)
class DiffusionPainter(Diffuser, BackgroundGenerator):
    """Paints the caption with a text-to-image pipeline of diffusers; by default the paper's, SDXL with its defaults.

    An image depends on its own caption, size and seed: to the bit for one batch size on one kind of device, else up
    to rounding (a few pixels off by one level). CLIP's text encoders read the first 77 tokens of a caption.

    Args:
        max_sequence_length: Largest number of tokens of a caption for encoders like T5 (256 for FLUX.1 schnell); null
            for the pipeline's.

    Raises:
        ValueError: If a number is out of range, or a file of weights is not .safetensors.
    """

    guidance: float = 5.0
    max_sequence_length: int | None = None

    def denoiser_calls_per_image(self) -> int:
        """Evaluations of the UNet or transformer for one image: two in each step with classifier-free guidance.

        No weights are loaded. The kind of pipeline is read from local weights; a hub's name counts as a pipeline that
        uses `guidance` like SDXL. Some schedulers take more: PNDM one step more, schedulers of second order twice as
        many.
        """
        kind = pipelines.local_class(self.weights)
        twice = self.guidance > 1 and (kind is None or pipelines.guided(kind))
        return self.steps * (2 if twice else 1)

    def load(self) -> Any:  # noqa: ANN401 each family has a class of its own
        """The text-to-image pipeline."""
        return self.load_for("text-to-image")

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the scene's size for each scene; blank images (such as NaN in float16) are painted again."""
        return self.until_not_blank(scenes, self._paint, _reseeded)

    def _paint(self, scenes: Sequence[Scene]) -> list[Image]:
        return self.by_kind(scenes, lambda scene: scene.size, self._call)

    def _call(self, scenes: Sequence[Scene]) -> list[Image]:
        width, height = scenes[0].size
        arguments: dict[str, object] = {
            "prompt": [scene.caption.text for scene in scenes],
            "width": -(-width // 8) * 8,
            "height": -(-height // 8) * 8,
        }
        if self.max_sequence_length is not None:
            arguments["max_sequence_length"] = self.max_sequence_length
        images = self.run(arguments, [scene.seed for scene in scenes], len(scenes))
        return [levels(image, scene.size) for image, scene in zip(images, scenes, strict=True)]


def _reseeded(scene: Scene, number: int) -> Scene:
    return replace(scene, seed=seed_from(scene.seed, "redraw", number))
