"""Step 1a by words: GroundingDINO in the authors' own code, with the checkpoint files that they published."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import PIL.Image
import torch
from torchvision.ops import box_convert

from aga_lightning.augment.detectors.bert_adapter import adapted, quietly
from aga_lightning.augment.detectors.literal_config import read_literals
from aga_lightning.augment.detectors.model_based import Candidates, PromptedDetector
from aga_lightning.augment.detectors.wording import names_something
from aga_lightning.augment.pretrained import DType, PretrainedError, explained, weights_identity
from aga_lightning.images.pixels import Image
from aga_lightning.networks.weights_files import load_all, read_weights_file
from aga_lightning.paths import NameOrPath

LONGEST = 1333 / 800  # the authors' limit to the longer side, in shorter sides


@dataclass(kw_only=True, eq=False)
class GroundingDINOCheckpoint(PromptedDetector):
    """Finds the superclass with GroundingDINO from its authors' .pth file and code.

    It needs the extra `aga-lightning[groundingdino]`.

    Args:
        weights: The checkpoint (`groundingdino_swint_ogc.pth`); it enters the keys of the store by its content.
        config: The model's configuration: a .py, .json or .yaml file of plain values (a .py file is parsed, not run);
            what it leaves out, and null, is as in the authors' GroundingDINO_SwinT_OGC.
        text_encoder: Tokenizer and configuration of BERT: a hub's name or a local folder. BERT's weights are not
            needed, since the checkpoint holds them.
        size: Shorter side in pixels of the model's input; the longer side is limited to 1333 / 800 of it.

    Raises:
        ValueError: If a setting is out of range or `prompt` has an unknown field.
    """

    revision: str | None = field(default=None, init=False)
    # The authors' code mixes in float32, whatever the weights' format.
    dtype: DType = field(default="float32", init=False)

    config: NameOrPath | str | None = None
    text_encoder: NameOrPath | str = "bert-base-uncased"
    size: int = 800
    batch_size: int = 1

    def __post_init__(self) -> None:
        if self.size < 64:
            raise ValueError(f"size is {self.size}; give at least 64 pixels, or nothing is left of the coarsest level")
        super().__post_init__()

    @cached_property
    def _identities(self) -> dict[str, str | None]:
        return {
            "config": self.config and weights_identity(self.config),
            "text_encoder": weights_identity(self.text_encoder),
        }

    def setting(self, argument: str) -> object:
        """Files and folders enter a key by their content, not by where they lie."""
        return self._identities[argument] if argument in self._identities else super().setting(argument)

    def load(self) -> tuple[Any, Any]:
        """The preparation of images, and the model.

        Raises:
            PretrainedError: If the extra is not installed, a file is missing, or the checkpoint and the configuration
                do not belong together.
        """
        try:
            with quietly():
                import groundingdino.config
                import groundingdino.datasets.transforms as transforms
                from groundingdino.models import build_model
        except ImportError as error:
            remedy = 'pip install "aga-lightning[groundingdino]"'
            raise PretrainedError(f"{type(self).__name__} needs groundingdino-py ({error}): {remedy}") from error
        settings = read_literals(Path(groundingdino.config.__path__[0]) / "GroundingDINO_SwinT_OGC.py")
        state = read_weights_file(self.weights).state
        with explained("a configuration of groundingdino-py", str(self.config)):
            settings |= read_literals(Path(self.config).expanduser()) if self.config else {}
        # Checkpoints of activations save memory only in training.
        settings |= {"use_checkpoint": False, "use_transformer_ckpt": False, "device": str(self.torch_device)}
        settings["text_encoder_type"] = os.path.expanduser(self.text_encoder)
        with explained("a folder with BERT's tokenizer and configuration", self.text_encoder), quietly(), adapted():
            model = build_model(SimpleNamespace(**settings))
        load_all(model, state, self.weights, "give the `config` that belongs to this checkpoint")
        prepare = transforms.Compose(
            [
                transforms.RandomResize([self.size], max_size=round(self.size * LONGEST)),
                transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )
        return prepare, model.to(self.torch_device).eval()

    def query(self, superclass: str) -> str:
        """The prompt, filled in and ended by a dot."""
        return super().query(superclass).removesuffix(".") + "."

    def look_for(self, query: str, images: Sequence[Image]) -> list[Candidates]:
        """The boxes and scores that the model finds in images of one size."""
        prepare, model = self.model
        pixels = torch.stack([prepare(PIL.Image.fromarray(image), None)[0] for image in images])
        with quietly():
            outputs = model(pixels.to(self.torch_device), captions=[query] * len(images))
        scores = outputs["pred_logits"].sigmoid()  # (images, boxes, tokens)
        tokens = model.tokenizer.convert_ids_to_tokens(model.tokenizer(query)["input_ids"])
        special = model.tokenizer.all_special_tokens
        words = [index for index, token in enumerate(tokens) if names_something(token, special)]
        named = scores[..., words].amax(-1) > self.text_threshold if words else torch.zeros_like(scores[..., 0]).bool()
        height, width = images[0].shape[:2]
        boxes = box_convert(outputs["pred_boxes"], "cxcywh", "xyxy") * scores.new_tensor([width, height, width, height])
        return [(boxes[index][kept], scores[index].amax(-1)[kept]) for index, kept in enumerate(named)]
