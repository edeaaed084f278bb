"""Step 1b by the authors' own Segment Anything: the checkpoints of the published pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aga_lightning.augment.pretrained import explained
from aga_lightning.augment.segmenters.instances import BoxMasks, BoxPrompt, BoxSegmenter, most_confident
from aga_lightning.networks.weights_files import StateDict, WeightsError, read_weights_file
from aga_lightning.paths import NameOrPath

SIZES = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
"""Names in `segment_anything.sam_model_registry`, by the width of the image encoder."""

_WIDTH = "image_encoder.pos_embed"
_SOURCE = "https://dl.fbaipublicfiles.com/segment_anything/"


@dataclass(kw_only=True, eq=False)
class SegmentAnything(BoxSegmenter):
    """Cuts the subject out of its boxes with SAM (Kirillov et al. 2023), from a checkpoint of its authors.

    It needs no hub; the size of the model is read from the file. An image is encoded once at 1024 px for all of its
    boxes; of the three masks that the model offers for each box, the one with the highest predicted overlap is kept.
    The score is the geometric mean of that overlap and the detector's score.

    Args:
        weights: A .pth or .safetensors file with the names of the `segment-anything` package; the default is the
            ViT-H of the paper, as its authors named it.
    """

    revision: str | None = field(default=None, init=False)  # a file has none

    weights: NameOrPath | str = "sam_vit_h_4b8939.pth"

    def load(self) -> Any:  # noqa: ANN401 segment_anything is not typed
        """The model of the size that the file holds.

        Raises:
            WeightsError: If there is no such file, or it holds another model.
        """
        from segment_anything import sam_model_registry

        state = _read(self.weights)
        width = state[_WIDTH].shape[-1]
        if width not in SIZES:
            known = ", ".join(f"{width} ({name})" for width, name in SIZES.items())
            raise WeightsError(
                f"{self.weights} holds an image encoder of width {width}, and segment-anything has {known}: "
                f"give one of its authors' checkpoints ({_SOURCE}sam_vit_h_4b8939.pth)"
            )
        with explained(f"a {SIZES[width]} checkpoint of segment-anything", self.weights):
            model = sam_model_registry[SIZES[width]]()
            model.load_state_dict(state)
        return model.to(self.torch_device).eval()

    @torch.inference_mode()
    def cut(self, prompts: Sequence[BoxPrompt]) -> list[BoxMasks]:
        """The masks of a batch of images."""
        from segment_anything.utils.transforms import ResizeLongestSide

        model = self.model
        resize = ResizeLongestSide(model.image_encoder.img_size)
        images = [torch.from_numpy(resize.apply_image(prompt.image)).permute(2, 0, 1) for prompt in prompts]
        pixels = torch.stack([model.preprocess(image.to(self.torch_device)) for image in images])
        with torch.autocast(self.torch_device.type, self.torch_dtype, enabled=self.torch_dtype != torch.float32):
            encoded = model.image_encoder(pixels)
        answers = []
        # Image by image, so that an image's masks do not depend on the other images of the batch.
        for prompt, image, one in zip(prompts, images, encoded.float(), strict=True):
            size = prompt.image.shape[:2]
            boxes = resize.apply_boxes_torch(torch.tensor(prompt.boxes, device=self.torch_device), size)
            logits, quality = self._decode(one[None], boxes)
            masks = model.postprocess_masks(logits, image.shape[-2:], size)[:, 0] > model.mask_threshold
            answers.append(BoxMasks(masks.cpu().numpy(), quality.cpu().numpy().astype(np.float64)))
        return answers

    def _decode(self, encoded: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        model = self.model
        sparse, dense = model.prompt_encoder(points=None, boxes=boxes, masks=None)
        logits, quality = model.mask_decoder(
            image_embeddings=encoded,
            image_pe=model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        return most_confident(logits, quality)


def _read(weights: str) -> StateDict:
    """The state dict of a file.

    Raises:
        WeightsError: If there is no such file, or it is no checkpoint of segment-anything.
    """
    if not Path(weights).expanduser().is_file():
        raise WeightsError(
            f"{weights} is not a file: give the path of a checkpoint of segment-anything, such as "
            f"{_SOURCE}sam_vit_h_4b8939.pth; for a folder or a hub's name, use SAM"
        )
    state = read_weights_file(weights).state
    if _WIDTH not in state:
        raise WeightsError(
            f"{weights} has no {_WIDTH}, so it is no checkpoint of segment-anything; for a model.safetensors of "
            "transformers, give its folder to SAM"
        )
    return state
