"""The examples are short, use public names alone, and run as they stand."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import draw_disc
from PIL import Image
from torchvision.models import resnet18

import aga_lightning
from aga_lightning.files import read_csv

EXAMPLES = {path.stem: path for path in sorted((Path(__file__).parents[1] / "examples").glob("*.py"))}
LONGEST = 25  # lines of code


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs an example in an empty folder, with some words behind its name; what it says is replaced first."""

    def run(name, *words, **replaced):
        text = EXAMPLES[name].read_text(encoding="utf-8")
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        monkeypatch.setattr(sys, "argv", [name, *words])
        exec(compile(text, str(EXAMPLES[name]), "exec"), {"__name__": "__main__"})

    monkeypatch.chdir(tmp_path)
    return run


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short_and_uses_public_names(name):
    tree = ast.parse(EXAMPLES[name].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    code = [line for statement in tree.body[1:] for line in ast.unparse(statement).splitlines() if line]
    assert len(code) <= LONGEST
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    ours = [node for node in imports if "aga_lightning" in ast.unparse(node)]
    names = {alias.name for node in ours for alias in node.names}
    assert all(isinstance(node, ast.ImportFrom) and node.module == "aga_lightning" for node in ours)
    assert names and names <= set(aga_lightning.__all__)


def test_a_photo_is_augmented_and_shown(run, capsys):
    Image.fromarray(draw_disc(3, (150, 40, 120), size=96)).save("photo.png")
    run("augment_photo", "photo.png", "fruit")
    assert capsys.readouterr().out.count("AugmentedPhoto(") == 4
    pictures = [np.asarray(Image.open(path)) for path in Path().glob("augmented-*.png")]
    assert pictures and all(picture.shape == (96, 96, 3) for picture in pictures)


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning", "ignore:.*augmentations were rejected")
@pytest.mark.filterwarnings("ignore:You .* a `val_dataloader`", "ignore:The number of training batches")
def test_a_module_of_ones_own_learns_from_augmented_images(run):
    run(
        "own_module",
        **{
            "FieldGuide()": "FieldGuide(train_per_class=2, val_per_class=1, test_per_class=1, ood_per_class=1)",
            "image_size=64": "image_size=32, num_workers=0",
            "max_epochs=1": "max_epochs=1, accelerator='cpu', enable_progress_bar=False",
        },
    )
    (collection,) = Path("cache/augmented").iterdir()
    assert (collection / "metadata.jsonl").is_file()


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning", "ignore:.*augmentations were rejected")
@pytest.mark.filterwarnings("ignore:You .* a `val_dataloader`", "ignore:The number of training batches")
def test_a_network_of_timm_learns_and_shows_where_it_looks(run):
    run(
        "own_network",
        **{
            "FieldGuide()": "FieldGuide(train_per_class=2, val_per_class=1, test_per_class=1, ood_per_class=1)",
            "image_size=64": "image_size=64, num_workers=0",
            "max_epochs=1": "max_epochs=1, accelerator='cpu', enable_progress_bar=False, logger=False",
            "resnet10t": "test_resnet",
        },
    )
    assert len([*Path().rglob("explain/test/attributions-*.png")]) == 4  # in distribution, and three sets out of it


def test_a_classifier_of_torchvision_gets_its_curves(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # where torchvision looks before it downloads anything
    checkpoint = tmp_path / "hub/checkpoints/resnet18-f37072fd.pth"
    checkpoint.parent.mkdir(parents=True)
    torch.manual_seed(0)
    weights = resnet18().state_dict()
    weights["fc.weight"] *= 30  # random weights are sure of nothing
    torch.save(weights, checkpoint)
    for number in range(2):
        Image.fromarray(draw_disc(number, (150, 40, 120), size=96)).save(f"{number}.png")
    run("information_curves", "0.png", "1.png")
    found = capsys.readouterr().out
    assert "'sic_used': tensor(2)" in found and "'aic': " in found


@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning", "ignore:The number of training batches")
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_callbacks_explain_a_module_of_ones_own_on_plain_loaders(run):
    for number in range(4):
        for split in ("train", "test"):
            path = Path("photos", split, ("fig", "plum")[number % 2], f"{number}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw_disc(number, ((150, 40, 120), (40, 150, 60))[number % 2], size=96)).save(path)
    run(
        "callbacks_on_loaders",
        "photos",
        **{
            "max_epochs=5": "max_epochs=1, accelerator='cpu', enable_progress_bar=False, enable_checkpointing=False",
            "Faithfulness(**how)": "Faithfulness(**how, min_prediction=0.0, thresholds=[0.1], steps=2)",
        },
    )
    folder = Path("lightning_logs/version_0/explain/test")
    with Image.open(folder / "attributions-test.png") as sheet:
        assert np.asarray(sheet).std() > 20
    used = {row["measure"]: row["used"] for row in read_csv(folder / "faithfulness.csv")}
    assert set(used) >= {"aic", "sic"} and used["insertion"] == used["deletion"] == "4"
