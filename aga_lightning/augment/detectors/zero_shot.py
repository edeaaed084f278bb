"""Step 1a by words: the zero-shot object detectors of transformers, GroundingDINO (Liu et al. 2023) among them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import PIL.Image
import torch

from aga_lightning.augment.detectors.model_based import Candidates, PromptedDetector
from aga_lightning.augment.detectors.wording import names_something
from aga_lightning.augment.pretrained import explained, from_transformers
from aga_lightning.images.pixels import Image
from aga_lightning.paths import NameOrPath


@dataclass(kw_only=True, eq=False)
class ZeroShotDetector(PromptedDetector):
    """Finds the things that a text names, with any zero-shot object detector of transformers.

    GroundingDINO, MM-Grounding-DINO (and LLMDet), OWL-ViT and OWLv2 are supported. The OWL models need a sentence
    (`prompt: a photo of a {superclass}`) and a lower threshold (about 0.1).

    Raises:
        ValueError: If a setting is out of range or `prompt` has an unknown field.
    """

    def load(self) -> tuple[Any, Any]:
        """The processor and the model.

        Raises:
            PretrainedError: If the weights cannot be found, or are incomplete.
        """
        from transformers import AutoProcessor

        what = "a zero-shot object detector of transformers"
        with explained(what, self.weights):
            processor = AutoProcessor.from_pretrained(os.path.expanduser(self.weights), revision=self.revision)
        found = {"revision": self.revision, "dtype": self.torch_dtype}
        model = from_transformers("AutoModelForZeroShotObjectDetection", self.weights, what, **found)
        return processor, model.to(self.torch_device)

    def look_for(self, query: str, images: Sequence[Image]) -> list[Candidates]:
        """The boxes and scores that the model finds in images of one size."""
        processor, model = self.model
        by_tokens = model.config.model_type in ("grounding-dino", "mm-grounding-dino")
        text = query if query.endswith(".") or not by_tokens else f"{query}."
        texts = [text if by_tokens else [text] for _ in images]
        pictures = [PIL.Image.fromarray(image) for image in images]
        inputs = processor(images=pictures, text=texts, truncation=True, return_tensors="pt")
        inputs = inputs.to(self.torch_device, model.dtype)
        outputs = model(**inputs)
        interpret = processor.post_process_grounded_object_detection
        sizes = [image.shape[:2] for image in images]
        if not by_tokens:
            answers = interpret(outputs, threshold=self.threshold, target_sizes=sizes)
            return [(answer["boxes"], answer["scores"]) for answer in answers]
        answers = interpret(
            outputs,
            inputs["input_ids"],
            threshold=self.threshold,
            text_threshold=self.text_threshold,
            target_sizes=sizes,
        )
        special = processor.tokenizer.all_special_tokens
        candidates = []
        for answer in answers:
            # Without a box there is still one label, "".
            labels = answer["text_labels"][: len(answer["scores"])]
            named = torch.tensor([names_something(label, special) for label in labels], dtype=torch.bool)
            candidates.append((answer["boxes"].cpu()[named], answer["scores"].cpu()[named]))
        return candidates


@dataclass(kw_only=True, eq=False)
class GroundingDINO(ZeroShotDetector):
    """Finds the superclass with GroundingDINO, with the thresholds of the paper."""

    weights: NameOrPath | str = "IDEA-Research/grounding-dino-tiny"
