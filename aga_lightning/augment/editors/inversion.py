"""How textual inversion is trained: the published settings, and a Trainer of its own for each word."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities.seed import isolate_rng

from aga_lightning.augment.base import Part
from aga_lightning.augment.editors.textual_inversion import Lesson, TextualInversion, check_invertible
from aga_lightning.augment.painters import pipelines
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.augment.texts import check_text
from aga_lightning.images.seeds import seed_from
from aga_lightning.paths import NameOrPath

Photos = npt.NDArray[np.uint8]
"""(count, side, side, 3) RGB in 0..255."""

TEMPLATES = (
    "a photo of a {token}",
    "a rendering of a {token}",
    "a cropped photo of the {token}",
    "the photo of a {token}",
    "a photo of a clean {token}",
    "a photo of a dirty {token}",
    "a dark photo of the {token}",
    "a photo of my {token}",
    "a photo of the cool {token}",
    "a close-up photo of a {token}",
    "a bright photo of the {token}",
    "a cropped photo of a {token}",
    "a photo of the {token}",
    "a good photo of the {token}",
    "a photo of one {token}",
    "a close-up photo of the {token}",
    "a rendition of the {token}",
    "a photo of the clean {token}",
    "a rendition of a {token}",
    "a photo of a nice {token}",
    "a good photo of a {token}",
    "a photo of the nice {token}",
    "a photo of the small {token}",
    "a photo of the weird {token}",
    "a photo of the large {token}",
    "a photo of a cool {token}",
    "a photo of a small {token}",
)
"""The texts that go with the images while a word is learned, as the scripts of DA-Fusion's authors have them."""


@dataclass(kw_only=True, eq=False)
class Inversion(Part):
    """How a word is learned; the defaults are those of the scripts of DA-Fusion's authors.

    Args:
        steps: Of the optimiser.
        batch_size: Images a step.
        learning_rate: Constant; the scripts say 0.0005, times the batch size.
        weight_decay: Of AdamW; it draws the vector towards 0.
        initializer: The word that each class starts from; one that the tokenizer does not split.
        templates: Texts that go with the images, drawn at random; {token} stands for the word.
        resolution: Images are squashed to squares of this many pixels, a multiple of 8; each is drawn as often as any
            other, and mirrored half of the times. All of a class are held in memory (0.8 MB each at 512 pixels).
        seed: All that is random about it. The seed of a run does not enter, so that its repetitions share the words.
        checkpointing: Compute parts of the UNet twice to save memory.

    Raises:
        ValueError: If a number is out of range, or a template lacks the word or holds another place.
    """

    not_in_key = frozenset({"checkpointing"})

    steps: int = 1000
    batch_size: int = 4
    learning_rate: float = 0.002
    weight_decay: float = 0.01
    initializer: str = "the"
    templates: Sequence[str] = TEMPLATES
    resolution: int = 512
    seed: int = 0
    checkpointing: bool = True

    def __post_init__(self) -> None:
        for name, number in (("steps", self.steps), ("batch_size", self.batch_size)):
            if number < 1:
                raise ValueError(f"{name} is {number}: give at least 1")
        if not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise ValueError("give a learning_rate above 0, and a weight_decay of at least 0")
        if self.resolution < 8 or self.resolution % 8:
            raise ValueError(f"resolution is {self.resolution}: give a multiple of 8")
        if not self.templates or any("{token}" not in check_text(text, ("token",)) for text in self.templates):
            raise ValueError("give templates that each hold {token}, such as 'a photo of a {token}'")
        self.templates = tuple(self.templates)


@dataclass(kw_only=True, eq=False)
class Inverter(Pretrained):
    """Learns words, one after the other, with the models of one pipeline.

    Args:
        inversion: How.
        weights: Of a Stable Diffusion 1 or 2, as for a `DiffusionEditor`.
        variant: The files to take where there are several.
        unet: Other weights for the UNet.
        lora: LoRA weights to add.
        dtype: Numbers of UNet and VAE; the text encoder computes with float32.
        batch_size: Words at a time.
    """

    half = torch.float16

    inversion: Inversion
    variant: str | None = None
    unet: NameOrPath | str | None = None
    lora: NameOrPath | str | None = None
    batch_size: int = 1

    def load(self) -> Any:  # noqa: ANN401 a class of diffusers
        """The pipeline, frozen."""
        # What is made in inference mode can never be trained through, and stages run in it.
        with torch.inference_mode(False):
            pipeline = pipelines.load_pipeline(
                self.weights,
                self.torch_dtype,
                revision=self.revision,
                variant=self.variant,
                denoiser=self.unet,
                lora=self.lora,
            )
            check_invertible(pipeline)
            pipeline.to(self.torch_device)
            pipeline.text_encoder.float()
            for model in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
                model.requires_grad_(False)
            if self.inversion.checkpointing:
                pipeline.unet.enable_gradient_checkpointing()
        return pipeline

    def invert(self, token: str, photos: Photos) -> bytes:
        """Learn a word.

        Args:
            token: How it is written.
            photos: What it stands for.

        Returns:
            A file of safetensors that `load_textual_inversion` of diffusers reads.
        """
        how, pipeline = self.inversion, self.model
        seed = seed_from(how.seed, token, "inversion")
        device = torch.empty(0, device=self.torch_device).device  # with its number
        # A stage runs inside another trainer's prediction.
        with isolate_rng(), torch.inference_mode(False), torch.enable_grad(), _quiet():
            word = TextualInversion(
                pipeline, token, how.initializer, how.learning_rate, how.weight_decay, seed_from(seed, "noise")
            )
            trainer = Trainer(
                accelerator=device.type,
                devices=1,
                num_nodes=1,
                strategy=SingleDeviceStrategy(device),
                # Whatever ranks and jobs there are, this one starts no process and waits for none.
                plugins=[LightningEnvironment()],
                precision=self._precision(device),
                max_epochs=1,
                max_steps=how.steps,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            )
            trainer.fit(word, Lessons(photos, token, how, seed_from(seed, "lessons")))
            return word.file()

    def _precision(self, device: torch.device) -> Any:  # noqa: ANN401 one of Lightning's words
        if self.torch_dtype == torch.float32:
            return "32-true"
        # Half of float16 would be lost without a scaled loss, which a CPU cannot do.
        return "16-mixed" if self.torch_dtype == torch.float16 and device.type != "cpu" else "bf16-mixed"


class Lessons:
    """The batches that a word is learned from: every photo once, then all again in another order.

    Args:
        photos: What the word stands for.
        token: How it is written.
        inversion: How it is learned.
        seed: All that is random about order, mirroring and texts.
    """

    def __init__(self, photos: Photos, token: str, inversion: Inversion, seed: int) -> None:
        self.photos = photos
        self.texts = [template.format(token=token) for template in inversion.templates]
        self.steps = inversion.steps
        self.batch_size = inversion.batch_size
        self.seed = seed

    def __len__(self) -> int:
        """How many batches."""
        return self.steps

    def __iter__(self) -> Iterator[Lesson]:
        """The batches."""
        rng = np.random.default_rng(self.seed)
        coming: list[int] = []
        for _ in range(self.steps):
            while len(coming) < self.batch_size:
                coming += rng.permutation(len(self.photos)).tolist()
            chosen, coming = coming[: self.batch_size], coming[self.batch_size :]
            mirrored = rng.random(self.batch_size) < 0.5
            images = [
                self.photos[index][:, ::-1] if mirror else self.photos[index]
                for index, mirror in zip(chosen, mirrored, strict=True)
            ]
            values = np.stack(images).astype(np.float32) / np.float32(127.5) - 1
            texts = [self.texts[index] for index in rng.integers(len(self.texts), size=self.batch_size)]
            yield torch.from_numpy(values).permute(0, 3, 1, 2), texts


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what Lightning says of each trainer that it makes."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning.*")
            yield
    finally:
        logger.setLevel(level)
