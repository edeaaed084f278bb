"""A photo in words, by a captioning model of transformers: BLIP, BLIP-2, GIT."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image as PillowImage

from aga_lightning.augment.base import ImageCaptioner
from aga_lightning.augment.pretrained import Pretrained, explained, from_transformers
from aga_lightning.images.pixels import Image
from aga_lightning.paths import NameOrPath


@dataclass(kw_only=True, eq=False)
class CaptioningModel(Pretrained, ImageCaptioner):
    """Describes a photo in one line with BLIP (Li et al. 2022), BLIP-2, GIT or another captioning model.

    The likeliest word is taken at each step, so that a photo always has the same caption. Models that only answer
    questions in a chat are not supported.

    Args:
        weights: A hub's name or a local folder of transformers; only safetensors are read.
        prompt: The first words of each caption, which the model continues ("a camera trap photo of"); "" for none.
        max_new_tokens: Largest number of tokens of a caption.
        dtype: Numbers to compute with; auto is float32 on a CPU and float16 on an accelerator.

    Raises:
        ValueError: If a number is below 1.
    """

    half = torch.float16

    weights: NameOrPath | str = "Salesforce/blip-image-captioning-large"
    prompt: str = ""
    max_new_tokens: int = 20
    batch_size: int = 16

    def __post_init__(self) -> None:
        for name, number in (("max_new_tokens", self.max_new_tokens), ("batch_size", self.batch_size)):
            if number < 1:
                raise ValueError(f"{name} is {number}; it must be at least 1")

    def load(self) -> Any:  # noqa: ANN401 transformers is typed in parts only
        """The model, and the processor that belongs to it.

        Raises:
            PretrainedError: If the weights are missing, incomplete, or of another kind of model.
        """
        from transformers import AutoProcessor

        what = "a captioning model of transformers"
        found = {"revision": self.revision, "dtype": self.torch_dtype, "use_safetensors": True}
        model = from_transformers("AutoModelForImageTextToText", self.weights, what, **found)
        with explained(what, self.weights):
            processor = AutoProcessor.from_pretrained(self.weights, revision=self.revision, trust_remote_code=False)
        return model.to(self.torch_device), processor

    def describe(self, images: Sequence[Image]) -> list[str]:
        """One line for each image; it depends on that image alone."""
        return self.batched(images, self._describe)

    def _describe(self, images: Sequence[Image]) -> list[str]:
        model, processor = self.model
        pictures = [PillowImage.fromarray(image) for image in images]
        words = {"text": [self.prompt] * len(images)} if self.prompt else {}
        inputs = dict(processor(images=pictures, return_tensors="pt", **words))
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        inputs.pop("token_type_ids", None)  # of BERT's tokenizer; a model that generates has no use for them
        if self.prompt and model.config.model_type == "git":
            # GIT writes nothing after an end-of-text token; BLIP removes it from the prompt itself.
            inputs |= {name: inputs[name][:, :-1] for name in ("input_ids", "attention_mask")}
        with torch.inference_mode(), warnings.catch_warnings():
            # Warnings about sampling and lengths in a checkpoint's settings do not apply here.
            warnings.filterwarnings("ignore", category=UserWarning, module="transformers")
            written = model.generate(
                **{name: value.to(model.device) for name, value in inputs.items()},
                do_sample=False,
                num_beams=1,
                max_new_tokens=self.max_new_tokens,
            )
        lines = [" ".join(text.split()) for text in processor.batch_decode(written, skip_special_tokens=True)]
        return [line if line.lower().startswith(self.prompt.lower()) else f"{self.prompt} {line}" for line in lines]
