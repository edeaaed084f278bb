"""Reject images that look more like nothing in particular than like the subject: ALIA's semantic filter."""

from collections.abc import Sequence
from string import Formatter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PillowImage

from aga_lightning.augment.base import Draft, Gate, Image
from aga_lightning.augment.pretrained import DType, Pretrained, explained

Features = npt.NDArray[np.float32]

_PLACEHOLDERS = ("class", "superclass", "caption")
_TEXTS_KEPT = 4096


class ClipFilter(Pretrained, Gate):
    """Rejects images that CLIP finds more like a negative text than like any positive one (ALIA, Dunlap et al. 2023).

    In the texts, {class} and {superclass} stand for those of the source image and {caption} for what was painted; so
    "a photo of a {superclass}, {caption}" also asks whether the painter did as it was told.

    Args:
        weights: A hub's name or a local folder of a CLIP model (Radford et al. 2021), in the format of transformers.
            SigLIP works too; its published tokenizers need the package sentencepiece.
        positives: What an image should look like.
        negatives: What it looks like where something went wrong. Empty: only `min_similarity` counts.
        min_similarity: Smallest cosine of the image and the nearest positive text, -1..1; null for any. CLIP gives
            about 0.2 to 0.3 to a photo and its own description.
        revision: A commit, tag or branch of the hub's repository.
        dtype: Numbers to compute with; auto is float32 on a CPU and float16 on an accelerator.
        batch_size: Images, or texts, at once. It changes similarities by rounding only (1e-7 in float32).
        device: Where the model runs; null for the device of the trainer.

    Raises:
        ValueError: If there is nothing to compare with, a text has an unknown placeholder, or `min_similarity` is out
            of range.
    """

    stage = "image"
    half = torch.float16

    def __init__(
        self,
        weights: str = "openai/clip-vit-large-patch14",
        positives: Sequence[str] = ("a photo of a {superclass}",),
        negatives: Sequence[str] = ("an object", "geometric shapes", "a photo", "an image", "a painting"),
        min_similarity: float | None = None,
        revision: str | None = None,
        dtype: DType = "auto",
        batch_size: int = 32,
        device: str | None = None,
    ) -> None:
        for text in (*positives, *negatives):
            _check_placeholders(text)
        if not positives:
            raise ValueError('positives is empty; say what an image should look like: ["a photo of a {superclass}"]')
        if not negatives and min_similarity is None:
            raise ValueError("negatives is empty and min_similarity is null, so nothing would be rejected; give one")
        if min_similarity is not None and not -1 <= min_similarity <= 1:
            raise ValueError(f"min_similarity is {min_similarity}; give a cosine in -1..1, or null")
        self.weights = weights
        self.positives = tuple(positives)
        self.negatives = tuple(negatives)
        self.min_similarity = min_similarity
        self.revision = revision
        self.dtype = dtype
        self.batch_size = batch_size
        self.device = device
        self._known: dict[str, Features] = {}

    def load(self) -> Any:  # noqa: ANN401 transformers is typed in parts only
        """The model, and the processor that belongs to it.

        Raises:
            PretrainedError: If the weights are missing, incomplete, or of another model.
        """
        import transformers

        transformers.utils.logging.disable_progress_bar()
        with explained("a CLIP or SigLIP checkpoint of transformers", self.weights):
            model, report = transformers.AutoModel.from_pretrained(
                self.weights, revision=self.revision, dtype=self.torch_dtype, output_loading_info=True
            )
            if not (hasattr(model, "get_image_features") and hasattr(model, "get_text_features")):
                raise ValueError(f"it holds a {type(model).__name__}, which does not compare images with texts")
            if report["missing_keys"]:  # transformers would go on with random numbers in their place
                raise ValueError(f"it lacks {', '.join(sorted(report['missing_keys'])[:3])}")
            processor = transformers.AutoProcessor.from_pretrained(self.weights, revision=self.revision)
        return model.to(self.torch_device).eval(), processor

    def objection(self, draft: Draft) -> str | None:
        """What the image looks like instead; None where it looks as it should."""
        return self.objections([draft])[0]

    def objections(self, drafts: Sequence[Draft]) -> list[str | None]:
        """The objections to several drafts, whose images are looked at in batches."""
        images = {index: draft.image for index, draft in enumerate(drafts) if draft.image is not None}
        found: list[str | None] = [None] * len(drafts)
        if not images:
            return found
        texts = {index: self._texts(drafts[index]) for index in images}
        known = self._features_of({text for positives, negatives in texts.values() for text in positives + negatives})
        for index, features in zip(images, self.image_features(list(images.values())), strict=True):
            likeness = [{text: float(features @ known[text]) for text in side} for side in texts[index]]
            found[index] = self._complaint(*likeness)
        return found

    def image_features(self, images: Sequence[Image]) -> Features:
        """The embeddings of pictures: (N, d), of length 1."""
        return self._unit(self.batched(images, self._embed_images))

    def text_features(self, texts: Sequence[str]) -> Features:
        """The embeddings of texts: (N, d), of length 1."""
        return self._unit(self.batched(texts, self._embed_texts))

    def _texts(self, draft: Draft) -> tuple[list[str], list[str]]:
        """The positive and the negative texts for a draft, in the order of the settings."""
        record = draft.sample.record
        words = {
            "class": record.class_name.replace("_", " "),
            "superclass": record.superclass.replace("_", " "),
            "caption": draft.caption.text if draft.caption is not None else "",
        }
        positives, negatives = ([text.format_map(words) for text in s] for s in (self.positives, self.negatives))
        return positives, negatives

    def _features_of(self, texts: set[str]) -> dict[str, Features]:
        """The embedding of each text; most were asked for before."""
        if len(self._known) > _TEXTS_KEPT:  # captions may be as many as images
            self._known.clear()
        new = sorted(texts - set(self._known))
        if new:
            self._known.update(zip(new, self.text_features(new), strict=True))
        return {text: self._known[text] for text in texts}

    def _complaint(self, positives: dict[str, float], negatives: dict[str, float]) -> str | None:
        wanted = max(positives, key=positives.__getitem__)
        cosine = positives[wanted]
        if not np.isfinite([*positives.values(), *negatives.values()]).all():
            return f'the similarity of the image and "{wanted}" is not a number'
        other = max(negatives, key=negatives.__getitem__, default=None)
        if other is not None and negatives[other] > cosine:
            return f'the image looks more like "{other}" ({negatives[other]:.3f}) than like "{wanted}" ({cosine:.3f})'
        if self.min_similarity is not None and cosine < self.min_similarity:
            return f'the similarity of the image and "{wanted}" is {cosine:.3f}, less than {self.min_similarity:.3f}'
        return None

    def _embed_images(self, images: Sequence[Image]) -> list[Features]:
        model, processor = self.model
        inputs = processor(images=[PillowImage.fromarray(image) for image in images], return_tensors="pt")
        with torch.inference_mode():
            return _rows(model.get_image_features(inputs["pixel_values"].to(model.device, model.dtype)))

    def _embed_texts(self, texts: Sequence[str]) -> list[Features]:
        model, processor = self.model
        # As SigLIP was trained: all texts at full length, and no mask. CLIP looks at nothing behind the end of a text.
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


def _check_placeholders(text: str) -> None:
    try:
        unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - set(_PLACEHOLDERS)
    except ValueError as error:
        raise ValueError(f"the text {text!r} cannot be read ({error}); write a brace twice to mean itself") from error
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
        raise ValueError(f"the text {text!r} holds {{{sorted(unknown)[0]}}}; there are {known}")
