"""Every arm of the experiment at its smallest: on tiny checkpoints of the real classes, in few steps."""

import json
from pathlib import Path
from typing import Any

from tiny.blip import save_blip
from tiny.clip_model import save_clip
from tiny.llama import build_llama
from tiny.sd1 import save_tiny_sd1
from tiny.sdxl import save_tiny_sdxl

CUT = {"segmenter": {"size": 64}}
SD1 = {"weights": "{weights}/sd1", "steps": 2, "width": 64, "height": 64}
CLIP = {"weights": "{weights}/clip"}
# What a user with weights of their own puts behind the name of an arm. Few steps make it quick, and gates that ask
# random weights whether they like what random weights have painted are left out.
SETTINGS: dict[str, dict[str, Any]] = {
    "AGA": CUT,
    "MeanColourBackground": CUT,
    "BlurredBackground": CUT,
    "OwnBackground": CUT,
    "BackgroundSwap": {**CUT, "max_hole": 0.95},
    "TextToImage": {"painter": {"weights": "{weights}/sdxl", "steps": 1, "width": 64, "height": 64}},
    "ImageToImage": {"editor": SD1},
    "Inpainting": {**CUT, "editor": {**SD1, "task": "inpainting"}},
    "ALIA": {
        "image_captioner": {"weights": "{weights}/blip"},
        "summariser": {"weights": "{weights}/llama", "max_new_tokens": 24, "tries": 4},
        "editor": SD1,
        "semantic_filter": {**CLIP, "negatives": [], "min_similarity": -1.0},
    },
    "DAFusion": {"inversion": {"initializer": "a", "steps": 2, "batch_size": 1, "resolution": 64}, "editor": SD1},
    "BeyondGeneration": {
        "foreground_painter": SD1,
        "background_painter": SD1,
        "selector": CLIP,
        "detector": "CentrePrior",
        "segmenter": {"size": 64},
        "gates": [],
    },
}


def save_weights(folder: Path) -> Path:
    """Write the checkpoints that the arms need; their folder."""
    save_tiny_sd1(folder / "sd1")
    save_tiny_sdxl(folder / "sdxl")
    save_blip(folder / "blip")
    save_clip(folder / "clip")
    build_llama(folder / "llama", chat=True)
    return folder


def configured(arm: str, weights: Path) -> dict[str, Any]:
    """A configuration's part that names an arm, its weights, and no gate for subjects."""
    settings = json.loads(json.dumps(SETTINGS[arm]).replace("{weights}", str(weights)))
    parts = {name: {"init_args": value} if isinstance(value, dict) else value for name, value in settings.items()}
    return {"data": {"augmenter": {"class_path": arm, "init_args": parts}}}
