"""The paper's models at their full size with random weights, as parts; or the same with a few thousand weights.

The sizes are those of the published checkpoints, whose parameters `gpu_generation.py --check-sizes` counts. Both sizes
are built by the same functions. Tokenizers are the tiny ones of the tests: a prompt has more tokens than with the real
ones, since they spell.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from tiny.bert import write_bert_tokenizer
from tiny.clip import clip_tokenizer
from tiny.grounding_dino import save_grounding_dino
from tiny.llama import build_llama, llama_tokenizer
from tiny.sam import save_sam
from tiny.sdxl import save_tiny_sdxl
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForCausalLM,
    AutoModelForMaskGeneration,
    AutoModelForZeroShotObjectDetection,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    GenerationConfig,
    GroundingDinoConfig,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    LlamaConfig,
    SamConfig,
    SamImageProcessor,
    SamProcessor,
    SwinConfig,
)

from aga_lightning.augment.captioners.causal_lm import CausalLM
from aga_lightning.augment.captioners.language_model import LanguageModel
from aga_lightning.augment.detectors.zero_shot import GroundingDINO
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.augment.segmenters.sam import SAM

Build = Callable[[torch.device, torch.dtype], Any]

UNET = {
    "sample_size": 128,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 2048,
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
VAE = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 1024,
    "scaling_factor": 0.13025,
    "force_upcast": True,
}
EULER = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1,
         "timestep_spacing": "leading"}  # fmt: skip


class Recipe(NamedTuple):
    """A part without its model, and a function that builds the model.

    Args:
        kind: The class of the part.
        build: Builds what the part's `load` returns, on a device and in numbers of a kind.
        settings: The part's settings that go with this size.
    """

    kind: type[Pretrained]
    build: Build
    settings: dict[str, Any]

    def part(self, **settings: object) -> Any:  # noqa: ANN401 each stage has a class of its own
        """The part; it differs from the shipped one only in the source of its model."""
        build = self.build

        class Random(self.kind):  # type: ignore[name-defined, misc] # the base is chosen when this runs
            """A part whose model has random weights."""

            def load(self) -> Any:  # noqa: ANN401 as `part`
                """Build the model instead of reading it."""
                torch.manual_seed(0)
                model = build(self.torch_device, self.torch_dtype)
                if getattr(self, "compile", False):
                    model.unet.compile()
                return model

        Random.__name__ = self.kind.__name__
        return Random(**{"weights": "random/weights", **self.settings, **settings})


def recipes(full: bool, folder: Path, steps: int, tokens: int) -> dict[str, Recipe]:
    """The recipes of the four parts, by the name of their stage.

    Args:
        full: Whether to use the published sizes; otherwise models have a few thousand weights.
        folder: Folder for tokenizers and tiny checkpoints.
        steps: Steps of the painter.
        tokens: New tokens of an answer, which random weights never end.
    """
    size = {} if full else {"width": 64, "height": 64}
    painter = {"steps": steps, "guidance": 5.0, "redraws": 0, **size}
    # One answer each: random weights write no usable caption, and would be asked again.
    captioner = {"max_new_tokens": tokens, "tries": 1, "format": "alpaca"}
    return {
        "boxes": Recipe(GroundingDINO, grounding_dino(full, folder / "grounding-dino"), {}),
        "subjects": Recipe(SAM, segment_anything(full, folder / "sam"), {}),
        "captions": Recipe(LanguageModel, llama(full, folder / "llama"), captioner),
        "backgrounds": Recipe(DiffusionPainter, sdxl(full, folder / "sdxl"), painter),
    }


def on(device: torch.device, dtype: torch.dtype, build: Callable[..., Any], *given: object) -> Any:  # noqa: ANN401
    """Build a model on its device, so that its weights never pass through the CPU's memory."""
    with device:
        return build(*given).to(dtype).eval()


def grounding_dino(full: bool, folder: Path) -> Build:
    """GroundingDINO: with Swin-T (172 million parameters), or tiny."""
    if full:
        swin = SwinConfig(
            image_size=224, embed_dim=96, depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 24], window_size=7,
            out_features=["stage2", "stage3", "stage4"],
        )  # fmt: skip
        config = GroundingDinoConfig(backbone_config=swin)
        processor = GroundingDinoProcessor(GroundingDinoImageProcessor(), write_bert_tokenizer(folder))
    else:
        save_grounding_dino(folder)
        config = AutoConfig.from_pretrained(folder)
        processor = GroundingDinoProcessor(AutoImageProcessor.from_pretrained(folder), write_bert_tokenizer(folder))
    build = AutoModelForZeroShotObjectDetection.from_config
    return lambda device, dtype: (processor, on(device, dtype, build, config))


def segment_anything(full: bool, folder: Path) -> Build:
    """SAM: with ViT-H (641 million parameters), or tiny."""
    if full:
        vision = {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "mlp_dim": 5120,
                  "global_attn_indexes": [7, 15, 23, 31]}  # fmt: skip
        config, processor = SamConfig(vision_config=vision), SamProcessor(SamImageProcessor())
    else:
        save_sam(folder)
        config, processor = AutoConfig.from_pretrained(folder), SamProcessor.from_pretrained(folder)
    build = AutoModelForMaskGeneration.from_config
    # Always in float32, as the part itself loads it: other number formats are applied by autocast.
    return lambda device, dtype: (on(device, torch.float32, build, config), processor)


def llama(full: bool, folder: Path) -> Build:
    """Llama 2: of 13 billion parameters, not quantised, or tiny."""
    if full:
        config = LlamaConfig(
            vocab_size=32_000, hidden_size=5120, intermediate_size=13_824, num_hidden_layers=40,
            num_attention_heads=40, num_key_value_heads=40, max_position_embeddings=4096,
        )  # fmt: skip
    else:
        config = AutoConfig.from_pretrained(build_llama(folder))
    tokenizer = llama_tokenizer()

    def build(device: torch.device, dtype: torch.dtype) -> CausalLM:
        with device:  # in its own format from the start: 13 billion weights in float32 would take 52 GB for a moment
            network = AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
        network.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=[2], pad_token_id=2)
        return CausalLM(network, tokenizer)

    return build


def sdxl(full: bool, folder: Path) -> Build:
    """Stable Diffusion XL: of the size of base 1.0 (2.6 billion parameters in the UNet), or tiny."""
    if full:
        tokenizers = clip_tokenizer(folder / "tokenizer"), clip_tokenizer(folder / "tokenizer_2", pad="!")
        # The ids of the tests' tokenizer, which end lower than CLIP's own.
        ends = {"bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513}
        large = CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
            projection_dim=768, hidden_act="quick_gelu", **ends,
        )  # fmt: skip
        giant = CLIPTextConfig(
            hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
            projection_dim=1280, hidden_act="gelu", **ends,
        )  # fmt: skip
        unet, vae = UNET, VAE
    else:
        saved = StableDiffusionXLPipeline.from_pretrained(save_tiny_sdxl(folder))
        tokenizers = saved.tokenizer, saved.tokenizer_2
        large, giant = saved.text_encoder.config, saved.text_encoder_2.config
        unet, vae = saved.unet.config, saved.vae.config

    def build(device: torch.device, dtype: torch.dtype) -> StableDiffusionXLPipeline:
        pipeline = StableDiffusionXLPipeline(
            vae=on(device, dtype, AutoencoderKL.from_config, vae),
            text_encoder=on(device, dtype, CLIPTextModel, large),
            text_encoder_2=on(device, dtype, CLIPTextModelWithProjection, giant),
            tokenizer=tokenizers[0],
            tokenizer_2=tokenizers[1],
            unet=on(device, dtype, UNet2DConditionModel.from_config, unet),
            scheduler=EulerDiscreteScheduler(**EULER),
            add_watermarker=False,
        )
        pipeline.set_progress_bar_config(disable=True)
        pipeline.vae.enable_slicing()
        return pipeline

    return build
