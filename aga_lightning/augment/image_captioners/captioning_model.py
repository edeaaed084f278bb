"""A photo in words, by a captioning model of transformers: BLIP, BLIP-2, GIT."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image as PillowImage

from aga_lightning.augment.base import ImageCaptioner
from aga_lightning.augment.pretrained import Pretrained, explained
from aga_lightning.images.pixels import Image
from aga_lightning.paths import NameOrPath


@dataclass(kw_only=True, eq=False)
class CaptioningModel(Pretrained, ImageCaptioner):
    """Says in a line what a photo shows; BLIP (Li et al. 2022), BLIP-2, GIT and others that caption without being told.

    The likeliest word is taken at each step, so that a photo always has the same caption. Models that only answer
    questions in a chat do not suit.

    Args:
        weights: A hub's name or a local folder of transformers; only safetensors are read.
        prompt: Words that each caption begins with and the model goes on from ("a camera trap photo of"); "" for none.
        max_new_tokens: Where a caption is broken off.
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
        import transformers

        transformers.utils.logging.disable_progress_bar()
        found = {"revision": self.revision, "trust_remote_code": False}
        with explained("a captioning model of transformers", self.weights):
            model, report = transformers.AutoModelForImageTextToText.from_pretrained(
                self.weights, dtype=self.torch_dtype, use_safetensors=True, output_loading_info=True, **found
            )
            # transformers would go on with random numbers in their place.
            if missing := sorted(set(model.state_dict()) & set(report["missing_keys"])):
                raise ValueError(f"it lacks {', '.join(missing[:3])}")
            processor = transformers.AutoProcessor.from_pretrained(self.weights, **found)
        return model.to(self.torch_device).eval(), processor

    def describe(self, images: Sequence[Image]) -> list[str]:
        """One line an image; it depends on that image alone."""
        return self.batched(images, self._describe)

    def _describe(self, images: Sequence[Image]) -> list[str]:
        model, processor = self.model
        pictures = [PillowImage.fromarray(image) for image in images]
        words = {"text": [self.prompt] * len(images)} if self.prompt else {}
        inputs = dict(processor(images=pictures, return_tensors="pt", **words))
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        inputs.pop("token_type_ids", None)  # of BERT's tokenizer, and of no use to a model that generates
        if self.prompt and model.config.model_type == "git":
            # The end of a text, behind which GIT has nothing more to say; BLIP takes it off itself.
            inputs |= {name: inputs[name][:, :-1] for name in ("input_ids", "attention_mask")}
        with torch.inference_mode(), warnings.catch_warnings():
            # What checkpoints say of sampling, and of lengths, has no meaning here.
            warnings.filterwarnings("ignore", category=UserWarning, module="transformers")
            written = model.generate(
                **{name: value.to(model.device) for name, value in inputs.items()},
                do_sample=False,
                num_beams=1,
                max_new_tokens=self.max_new_tokens,
            )
        lines = [" ".join(text.split()) for text in processor.batch_decode(written, skip_special_tokens=True)]
        return [line if line.lower().startswith(self.prompt.lower()) else f"{self.prompt} {line}" for line in lines]
