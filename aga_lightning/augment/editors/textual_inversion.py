"""Textual inversion: a new word of a frozen diffusion model for what some images show."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from aga_lightning.augment.pretrained import PretrainedError

Lesson = tuple[Tensor, list[str]]
"""Images, (count, 3, height, width) float32 in -1..1, and a text on each."""


class TextualInversion(LightningModule):
    """Learns one vector for a new word, so that texts with the word lead the model to the images (Gal et al. 2023).

    The loss is the model's own: the mean square error of the noise that it sees in noisy latents of the images. The
    vector is put in where the text encoder looks its words up, and is the only parameter of this module: nothing of the
    pipeline is changed, whatever the optimiser does. All that is random is drawn on the CPU from the seed.

    Args:
        pipeline: A pipeline of diffusers with one text encoder and a UNet, on the device where this is to be trained.
        token: How the word is written, such as "<water_ouzel>".
        initializer: The word that it starts from; one that the tokenizer does not split.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        seed: All that is random about noise and timesteps.

    Raises:
        PretrainedError: If the pipeline has other models than these, or its tokenizer has the new word already, or
            splits the one it starts from.
    """

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 a class of diffusers
        token: str,
        initializer: str = "the",
        learning_rate: float = 0.002,
        weight_decay: float = 0.01,
        seed: int = 0,
    ) -> None:
        from diffusers import DDPMScheduler

        super().__init__()
        check_invertible(pipeline)
        self.pipeline = pipeline  # no nn.Module, so that its parameters are none of this module's
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.token = token
        self.tokenizer, self.number = _with_word(pipeline.tokenizer, token)
        table = pipeline.text_encoder.get_input_embeddings().weight
        start = table[_number_of(pipeline.tokenizer, initializer)]
        self.vector = nn.Parameter(start.detach().to(torch.float32, copy=True))
        self.schedule = DDPMScheduler.from_config(pipeline.scheduler.config)
        self.draws = torch.Generator("cpu").manual_seed(seed)

    def training_step(self, batch: Lesson) -> Tensor:
        """The loss of a batch at random timesteps."""
        images, texts = batch
        vae, steps = self.pipeline.vae, len(self.schedule.betas)
        with torch.no_grad():
            latents = vae.encode(images.to(vae.dtype)).latent_dist.sample(self.draws) * vae.config.scaling_factor
        noise = torch.randn(latents.shape, generator=self.draws).to(latents)
        timesteps = torch.randint(0, steps, (len(latents),), generator=self.draws).to(latents.device)
        return self.loss(latents, noise, timesteps, texts)

    def loss(self, latents: Tensor, noise: Tensor, timesteps: Tensor, texts: Sequence[str]) -> Tensor:
        """How far the model is from the noise in latents, told the texts.

        Args:
            latents: (count, channels, height, width), scaled as the UNet knows them.
            noise: What is added, of the same shape; standard normal.
            timesteps: (count,) whole numbers from 0; how much is added.
            texts: One an image.

        Returns:
            The mean square error; for a model that predicts velocities, of these.
        """
        noisy = self.schedule.add_noise(latents, noise, timesteps)
        predicted = self.pipeline.unet(noisy, timesteps, self.encode(texts).to(latents.dtype)).sample
        velocity = self.schedule.config.prediction_type == "v_prediction"
        target = self.schedule.get_velocity(latents, noise, timesteps) if velocity else noise
        return functional.mse_loss(predicted.float(), target.float())

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Texts as the UNet is told them; (count, tokens, channels)."""
        encoder = self.pipeline.text_encoder
        tokens = self.tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=self.tokenizer.model_max_length,
            return_tensors="pt",
        )
        with self._looked_up(encoder):
            encoded: Tensor = encoder(tokens.input_ids.to(encoder.device))[0]
        return encoded

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW on the one vector, at a constant rate."""
        return torch.optim.AdamW(self.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)

    def state(self) -> Mapping[str, Tensor]:
        """The word and its vector, as `load_textual_inversion` of diffusers takes them."""
        return {self.token: self.vector.detach().cpu().clone()}

    def file(self) -> bytes:
        """The same as the usual file, in the format of safetensors."""
        return save(dict(self.state()))

    @contextmanager
    def _looked_up(self, encoder: Any) -> Iterator[None]:  # noqa: ANN401 a class of transformers
        """Let a text encoder find the new word among its own."""
        table = encoder.get_input_embeddings()
        encoder.set_input_embeddings(_Lookup(table, self.vector, self.number))
        try:
            yield
        finally:
            encoder.set_input_embeddings(table)


class _Lookup(nn.Module):
    """A table of vectors with one more, under a number behind all of its own."""

    def __init__(self, table: nn.Module, vector: nn.Parameter, number: int) -> None:
        super().__init__()
        self.table = table
        self.vector = vector
        self.number = number

    def forward(self, numbers: Tensor) -> Tensor:
        """The vectors of some words, by number."""
        new = numbers == self.number
        found: Tensor = self.table(numbers.masked_fill(new, 0))
        return torch.where(new[..., None], self.vector.to(found.dtype), found)


def check_invertible(pipeline: Any) -> None:  # noqa: ANN401 any pipeline
    """Look whether a pipeline is one whose words can be learned here.

    Raises:
        PretrainedError: If it has no UNet, no text encoder, or several.
    """
    models = getattr(pipeline, "components", {})
    if models.get("unet") is None or models.get("text_encoder") is None or models.get("text_encoder_2") is not None:
        raise PretrainedError(
            f"a {type(pipeline).__name__} cannot learn words here, which takes a UNet and one text encoder: give "
            "weights of Stable Diffusion 1 or 2"
        )


def _with_word(tokenizer: Any, token: str) -> tuple[Any, int]:  # noqa: ANN401 a class of transformers
    """A copy of a tokenizer with one more word, and its number."""
    if token in tokenizer.get_vocab():
        raise PretrainedError(f"the tokenizer has the word {token} already: give the class another name")
    more = copy.deepcopy(tokenizer)
    more.add_tokens(token)
    return more, int(more.convert_tokens_to_ids(token))


def _number_of(tokenizer: Any, word: str) -> int:  # noqa: ANN401 a class of transformers
    numbers = tokenizer.encode(word, add_special_tokens=False)
    if len(numbers) != 1:
        raise PretrainedError(f"the tokenizer takes {word!r} for {len(numbers)} words: give an initializer that is one")
    return int(numbers[0])
