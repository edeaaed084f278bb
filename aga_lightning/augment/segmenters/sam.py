"""Step 1b by Segment Anything of transformers: one encoding of the image, one mask for each box."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from aga_lightning.augment.pretrained import explained, from_transformers
from aga_lightning.augment.segmenters.instances import BoxMasks, BoxPrompt, BoxSegmenter, most_confident
from aga_lightning.paths import NameOrPath


@dataclass(kw_only=True, eq=False)
class SAM(BoxSegmenter):
    """Cuts the subject out of its boxes with SAM (Kirillov et al. 2023), SAM 2 or the tracker of SAM 3.

    An image is encoded once for all of its boxes; of the three masks that the model offers for each box, the one with
    the highest predicted overlap is kept. The score is the geometric mean of that overlap and the detector's score.

    Args:
        weights: A hub's name or a local folder, in the format of transformers; the paper used the ViT-H of SAM.
            "facebook/sam2.1-hiera-large" is SAM 2.
    """

    weights: NameOrPath | str = "facebook/sam-vit-huge"

    def load(self) -> Any:  # noqa: ANN401 transformers is typed in parts only
        """The model, and the processor that belongs to it.

        Raises:
            PretrainedError: If the weights are missing, incomplete, or of another model.
        """
        import transformers

        what = "a SAM, SAM 2 or SAM 3 checkpoint of transformers"
        found = {"revision": self.revision, "dtype": torch.float32}
        model = from_transformers("AutoModelForMaskGeneration", self.weights, what, **found)
        with explained(what, self.weights):
            kind = type(model).__name__.removesuffix("Model")
            if kind not in ("Sam", "Sam2", "Sam3Tracker"):
                raise ValueError(f"it holds a {kind} model")
            # By the model's name: the repositories of SAM 2 and 3 name the processors of their models for video.
            processor = getattr(transformers, f"{kind}Processor").from_pretrained(self.weights, revision=self.revision)
        return model.to(self.torch_device), processor

    @torch.inference_mode()
    def cut(self, prompts: Sequence[BoxPrompt]) -> list[BoxMasks]:
        """The masks of a batch of images."""
        model, processor = self.model
        inputs = [
            processor(
                # As Pillow images: an array of three rows would pass for three channels, and read-only arrays warn.
                images=[Image.fromarray(prompt.image)],
                input_boxes=[[list(box) for box in prompt.boxes]],
                return_tensors="pt",
            )
            for prompt in prompts
        ]
        pixels = torch.cat([one["pixel_values"] for one in inputs]).to(self.torch_device)
        with torch.autocast(self.torch_device.type, self.torch_dtype, enabled=self.torch_dtype != torch.float32):
            encoded = model.get_image_embeddings(pixels)
        # Image by image, so that an image's masks do not depend on the other images of the batch.
        return [self._decode(_of(encoded, index), one) for index, one in enumerate(inputs)]

    def _decode(self, encoded: Any, inputs: Any) -> BoxMasks:  # noqa: ANN401 as `load`
        model, processor = self.model
        boxes = inputs["input_boxes"].to(self.torch_device, torch.float32)
        answer = model(image_embeddings=encoded, input_boxes=boxes, multimask_output=True)
        logits, quality = most_confident(answer.pred_masks[0], answer.iou_scores[0])
        sizes = [inputs[name] for name in ("original_sizes", "reshaped_input_sizes") if name in inputs]
        masks = processor.post_process_masks(logits[None], *sizes)[0][:, 0]
        return BoxMasks(masks.cpu().numpy(), quality.cpu().numpy().astype(np.float64))


def _of(encoded: Any, index: int) -> Any:  # noqa: ANN401 as `load`
    """The encoding of one image of a batch: one tensor in SAM, one for each resolution in its successors."""
    if isinstance(encoded, torch.Tensor):
        return encoded[index : index + 1].float()
    return [level[index : index + 1].float() for level in encoded]
