"""CLIP: embeddings of pictures and texts, whose cosine says how well the two fit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PillowImage

from aga_lightning.augment.pretrained import Pretrained, explained, from_transformers
from aga_lightning.images.pixels import Image
from aga_lightning.paths import NameOrPath

Features = npt.NDArray[np.float32]

_TEXTS_KEPT = 4096


@dataclass(kw_only=True, eq=False)
class Clip(Pretrained):
    """Embeds pictures and texts (Radford et al. 2021); the cosine of the two says how well they fit.

    Args:
        weights: A hub's name or a local folder of a CLIP model, in the format of transformers. SigLIP works too; its
            published tokenizers need the package sentencepiece.
        dtype: Numbers to compute with; auto is float32 on a CPU and float16 on an accelerator.
        batch_size: Images, or texts, a batch. It changes similarities by rounding only (1e-7 in float32).
    """

    half = torch.float16

    weights: NameOrPath | str = "openai/clip-vit-large-patch14"
    batch_size: int = 32

    def __post_init__(self) -> None:
        self._known: dict[str, Features] = {}

    def load(self) -> Any:  # noqa: ANN401 transformers is typed in parts only
        """The model, and the processor that belongs to it.

        Raises:
            PretrainedError: If the weights are missing, incomplete, or of another model.
        """
        from transformers import AutoProcessor

        what = "a CLIP or SigLIP checkpoint of transformers"
        model = from_transformers("AutoModel", self.weights, what, revision=self.revision, dtype=self.torch_dtype)
        with explained(what, self.weights):
            if not (hasattr(model, "get_image_features") and hasattr(model, "get_text_features")):
                raise ValueError(f"it holds a {type(model).__name__}, which does not compare images with texts")
            processor = AutoProcessor.from_pretrained(self.weights, revision=self.revision)
        return model.to(self.torch_device), processor

    def image_features(self, images: Sequence[Image]) -> Features:
        """The embeddings of pictures: (N, d), of length 1."""
        return self._unit(self.batched(images, self._embed_images))

    def text_features(self, texts: Sequence[str]) -> Features:
        """The embeddings of texts: (N, d), of length 1."""
        return self._unit(self.batched(texts, self._embed_texts))

    def known_texts(self, texts: Iterable[str]) -> dict[str, Features]:
        """The embedding of each text, (d,); embeddings are kept for the next call."""
        if len(self._known) > _TEXTS_KEPT:  # there may be as many captions as images
            self._known.clear()
        wanted = set(texts)
        new = sorted(wanted - set(self._known))
        if new:
            self._known.update(zip(new, self.text_features(new), strict=True))
        return {text: self._known[text] for text in wanted}

    def _embed_images(self, images: Sequence[Image]) -> list[Features]:
        model, processor = self.model
        inputs = processor(images=[PillowImage.fromarray(image) for image in images], return_tensors="pt")
        with torch.inference_mode():
            return _rows(model.get_image_features(inputs["pixel_values"].to(model.device, model.dtype)))

    def _embed_texts(self, texts: Sequence[str]) -> list[Features]:
        model, processor = self.model
        # As SigLIP was trained: all texts at full length, and no mask. CLIP ignores tokens behind the end of a text.
        length = model.config.text_config.max_position_embeddings
        inputs = processor(
            text=list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        )
        with torch.inference_mode():
            return _rows(model.get_text_features(inputs["input_ids"].to(model.device)))

    @staticmethod
    def _unit(rows: Sequence[Features]) -> Features:
        features: Features = np.stack(rows)
        return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))


def _rows(output: Any) -> list[Features]:  # noqa: ANN401 a tensor, or an output of transformers that holds it
    pooled: torch.Tensor = output if isinstance(output, torch.Tensor) else output.pooler_output
    return list(pooled.float().cpu().numpy())
