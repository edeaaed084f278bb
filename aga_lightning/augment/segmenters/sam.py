"""Step 1b by Segment Anything of transformers: one encoding of the image, one mask for each box."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from aga_lightning.augment.base import Detection, Segmenter, Subject
from aga_lightning.augment.pretrained import Pretrained, explained
from aga_lightning.augment.segmenters.instances import (
    BoxMasks,
    BoxPrompt,
    Instances,
    check_instances,
    most_confident,
    subjects_in_boxes,
)
from aga_lightning.images.samples import Sample
from aga_lightning.paths import NameOrPath


@dataclass(kw_only=True, eq=False)
class SAM(Pretrained, Segmenter):
    """Cuts the subject out of its boxes with SAM (Kirillov et al. 2023), SAM 2 or the tracker of SAM 3.

    An image is encoded once, whatever its boxes; of the three masks that the model offers for each box, the one with
    the highest predicted overlap is kept. The score is the geometric mean of that overlap and the detector's score.

    Args:
        weights: A hub's name or a local folder, in the format of transformers; the paper used the ViT-H of SAM.
            "facebook/sam2.1-hiera-large" is SAM 2.
        instances: Where there are several boxes: "best" keeps the mask of the best one, "union" joins all masks into
            one subject, "each" pastes the instances one by one, in turn over the augmentations.
        dtype: Numbers that the image is encoded with; masks are always decoded in float32. auto is float32
            everywhere, because users of ViT-H report useless masks in float16.
        batch_size: Images encoded at once.
    """

    weights: NameOrPath | str = "facebook/sam-vit-huge"
    instances: Instances = "union"
    batch_size: int = 4

    def __post_init__(self) -> None:
        check_instances(self.instances)

    def load(self) -> Any:  # noqa: ANN401 transformers is typed in parts only
        """The model, and the processor that belongs to it.

        Raises:
            PretrainedError: If the weights are missing, incomplete, or of another model.
        """
        import transformers

        transformers.utils.logging.disable_progress_bar()
        with explained("a SAM, SAM 2 or SAM 3 checkpoint of transformers", self.weights):
            model, report = transformers.AutoModelForMaskGeneration.from_pretrained(
                self.weights, revision=self.revision, dtype=torch.float32, output_loading_info=True
            )
            kind = type(model).__name__.removesuffix("Model")
            if kind not in ("Sam", "Sam2", "Sam3Tracker"):
                raise ValueError(f"it holds a {kind} model")
            if report["missing_keys"]:  # transformers would go on with random numbers in their place
                raise ValueError(f"it lacks {', '.join(sorted(report['missing_keys'])[:3])}")
            # By the model's name: the repositories of SAM 2 and 3 name the processors of their models for video.
            processor = getattr(transformers, f"{kind}Processor").from_pretrained(self.weights, revision=self.revision)
        return model.to(self.torch_device).eval(), processor

    def segment(self, samples: Sequence[Sample], detections: Sequence[Sequence[Detection]]) -> list[Subject | None]:
        """The subject of each sample; None where it has no boxes, or where all masks are empty."""
        return subjects_in_boxes(samples, detections, self.instances, lambda prompts: self.batched(prompts, self._cut))

    @torch.inference_mode()
    def _cut(self, prompts: Sequence[BoxPrompt]) -> list[BoxMasks]:
        model, processor = self.model
        inputs = [
            processor(
                # Of Pillow, since three rows of an array pass for three channels, and read-only arrays for an accident.
                images=[Image.fromarray(prompt.image)],
                input_boxes=[[list(box) for box in prompt.boxes]],
                return_tensors="pt",
            )
            for prompt in prompts
        ]
        pixels = torch.cat([one["pixel_values"] for one in inputs]).to(self.torch_device)
        with torch.autocast(self.torch_device.type, self.torch_dtype, enabled=self.torch_dtype != torch.float32):
            encoded = model.get_image_embeddings(pixels)
        # Image by image: a decoder's batch of one image's boxes gives the same masks in all company.
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
