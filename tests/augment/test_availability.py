"""Which weights are wanted, where they are, and what may be done with them; no network is asked."""

import json

import huggingface_hub.constants
import pytest
import torch

from aga_lightning.augment.availability import Wanted, allows_commercial_use, licence_for, locate, wanted_weights
from aga_lightning.augment.detectors.closed_set import TorchvisionDetector
from aga_lightning.augment.detectors.zero_shot import GroundingDINO
from aga_lightning.augment.gates.subject_leak import SubjectLeak
from aga_lightning.augment.licences import Licence, licence_of
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.painters.diffusion import DiffusionPainter
from aga_lightning.augment.segmenters.embedded import GrabCut

COMMIT = "0" * 40


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """Empty caches of the hub and of torch."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cached(caches, repository, *files, revision="main"):
    """A snapshot in the hub's cache, as a download leaves it."""
    home = caches / "hub" / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True, exist_ok=True)
    (home / "refs" / revision).write_text(COMMIT)
    for file in files:
        path = home / "snapshots" / COMMIT / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return home / "snapshots" / COMMIT


def test_weights_are_named_once_with_all_parts_that_want_them():
    aga = AGA(
        segmenter=GrabCut(),
        detector=GroundingDINO(revision="abc"),
        painter=DiffusionPainter(weights="org/paint", variant="fp16", unet="org/fast/unet.safetensors"),
        gates=[SubjectLeak(detector=GroundingDINO(revision="abc"))],
    )
    detector, painter, unet = wanted_weights(aga)
    assert detector == Wanted(
        "IDEA-Research/grounding-dino-tiny", revision="abc", parts=("detector", "gates.0.detector")
    )
    assert painter == Wanted("org/paint", variant="fp16", parts=("painter",))
    assert unet == Wanted("org/fast/unet.safetensors", "unet", parts=("painter.unet",))


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        (Wanted("org/paint"), "hf download org/paint"),
        (Wanted("org/paint", revision="v2"), "hf download org/paint --revision v2"),
        (Wanted("bert-base-uncased", "text_encoder"), "hf download bert-base-uncased"),
        (Wanted("org/fast/unet.safetensors", "unet"), "hf download org/fast unet.safetensors"),
        (Wanted("sam_vit_h_4b8939.pth"), "give a file or folder that exists"),
        (Wanted("models/unet.safetensors", "unet"), "give a file or folder that exists"),
        (Wanted("./models/sdxl"), "give a file or folder that exists"),
        (Wanted("/models/sdxl"), "give a file or folder that exists"),
    ],
)
def test_what_is_missing_is_told_with_its_remedy(wanted, remedy):
    place = locate(wanted)
    assert (place.kind, place.path, place.remedy) == ("missing", None, remedy)


def test_local_folders_and_files_are_found(tmp_path):
    (tmp_path / "sdxl").mkdir()
    assert locate(Wanted("sdxl")).kind == "missing", "an empty folder holds no weights"
    (tmp_path / "sdxl" / "model.safetensors").write_text("")
    (tmp_path / "sam.pth").write_text("")
    assert locate(Wanted("sdxl")).kind == locate(Wanted(str(tmp_path / "sam.pth"))).kind == "local"
    assert locate(Wanted("sdxl", variant="fp16")).remedy == (
        "sdxl has no files of weights of the variant fp16: fetch the folder again"
    )


def test_the_hubs_cache_is_looked_into(caches):
    folder = cached(caches, "org/paint", "config.json")
    assert "has no files of weights: hf download org/paint" in locate(Wanted("org/paint")).remedy
    cached(caches, "org/paint", "unet/model.fp16.safetensors")
    assert locate(Wanted("org/paint", variant="fp16")).path == folder
    assert locate(Wanted("org/paint")).kind == "cache"
    assert locate(Wanted("org/paint", revision="v2")).kind == "missing"
    assert locate(Wanted("org/paint/unet/model.fp16.safetensors", "unet")).kind == "cache"
    assert locate(Wanted("org/paint/other.safetensors", "unet")).kind == "missing"
    cached(caches, "bert-base-uncased", "vocab.txt")
    assert locate(Wanted("bert-base-uncased", "text_encoder")).kind == "cache", "its weights are not needed"


def test_a_checkpoint_in_several_files_has_to_be_complete(tmp_path):
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = {"weight_map": dict(zip("ab", names, strict=True))}
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "llm" / names[0]).write_text("")
    assert "llm lacks 1 files that model.safetensors.index.json names" in locate(Wanted("llm")).remedy
    (tmp_path / "llm" / names[1]).write_text("")
    (tmp_path / "llm" / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "pytorch_model-1.bin"}}')
    assert locate(Wanted("llm")).kind == "local", "one format is enough"


def test_the_weights_of_torchvision_lie_in_the_cache_of_torch(caches):
    (wanted,) = wanted_weights(AGA(segmenter=GrabCut(), detector=TorchvisionDetector()))
    place = locate(wanted)
    assert place.kind == "missing" and wanted.url in place.remedy
    path = caches / "torch" / "checkpoints" / wanted.url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    path.write_text("")
    assert locate(wanted).path == path


@pytest.mark.parametrize(
    ("licence", "may"),
    [
        (None, None),
        (Licence("whatever", False), False),
        (Licence("whatever", True), True),
        (Licence("apache-2.0", None), True),
        (Licence("Apache License", None), True),
        (Licence("MIT License", None), True),
        (Licence("bsd-3-clause", None), True),
        (Licence("openrail++", None), True),
        (Licence("creativeml-openrail-m", None), True),
        (Licence("cc-by-4.0", None), True),
        (Licence("cc-by-nc-4.0", None), False),
        (Licence("sai-nc-community", None), False),
        (Licence("flux-1-dev-non-commercial-license", None), False),
        (Licence("Limited to summit attendees", None), None),
        (Licence("other", None), None),
    ],
)
def test_commercial_use_by_the_table_or_by_the_licences_name(licence, may):
    assert allows_commercial_use(licence) is may


def test_a_files_licence_may_lie_beside_it(tmp_path):
    (tmp_path / "own.pth").write_text("")
    assert licence_for(Wanted("own.pth")) is None
    (tmp_path / "LICENSE").write_text("MIT License\n")
    assert licence_for(Wanted("own.pth")).name == "MIT License"
    assert licence_for(Wanted("facebook/sam-vit-huge")) == licence_of("facebook/sam-vit-huge")
