"""Backgrounds by a text-to-image diffusion model: the paper's Stable Diffusion XL, and all that diffusers loads."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aga_lightning.augment.backgrounds import pipelines
from aga_lightning.augment.base import BackgroundGenerator, Image, Scene, seed_from
from aga_lightning.augment.diffuser import Diffuser, Offload, levels
from aga_lightning.augment.pretrained import DType


class DiffusionPainter(Diffuser, BackgroundGenerator):
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
        self.max_sequence_length = max_sequence_length

    def denoiser_calls_per_image(self) -> int:
        """Evaluations of the UNet or transformer for one image: two a step under classifier-free guidance.

        Nothing is loaded for it. The kind of pipeline is read from local weights; that of a hub's name is taken to use
        `guidance` as SDXL does. Some schedulers take more: PNDM one step more, those of second order twice as many.
        """
        kind = pipelines.local_class(self.weights)
        twice = self.guidance > 1 and (kind is None or pipelines.guided(kind))
        return self.steps * (2 if twice else 1)

    def load(self) -> Any:  # noqa: ANN401 each family has a class of its own
        """The text-to-image pipeline."""
        return self.load_for("text-to-image")

    def paint(self, scenes: Sequence[Scene]) -> list[Image]:
        """One image of the asked size a scene; blank ones (NaN in float16, say) are painted again."""
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
