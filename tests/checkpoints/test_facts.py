import os
from types import SimpleNamespace

import pytest
import torch

from aga_lightning.checkpoints.facts import KEY, Facts, compare, facts_in, facts_of
from aga_lightning.checkpoints.reading import CheckpointError

PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TRAINED = Facts(("owl", "robin", "wren"), 64, "torchvision", IMAGENET)


def test_facts_come_back_from_a_file_with_any_name(tmp_path):
    odd = os.fsdecode(b"caf\xe9")
    data = SimpleNamespace(
        class_names=[odd, "owl"], image_size=64, recipe="torchvision", normalisation=[torch.tensor(PLAIN[0]), PLAIN[1]]
    )
    torch.save({KEY: facts_of(data).as_data()}, tmp_path / "one.pt")
    content = torch.load(tmp_path / "one.pt", weights_only=True)
    assert facts_in(content, "one.pt") == Facts((odd, "owl"), 64, "torchvision", PLAIN)


def test_the_same_data_gives_no_line():
    assert compare(TRAINED, TRAINED, "best.ckpt") == []


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (("robin", "owl", "wren"), r"number 0 was 'owl' and is 'robin' .*\(\[owl, robin, wren\]\)"),
        (("owl", "robin", "eagle"), "3, among them wren; the data has 3, among them eagle"),
        (("owl", "robin"), "3, among them wren; the data has 2, all of which it was trained for"),
        (("owl", "robin", "wren", "emu"), "3, all of which the data has; the data has 4, among them emu"),
        (tuple(f"bird {number}" for number in range(200)), "bird 4 and 195 more"),
    ],
)
def test_other_classes_are_refused_by_name(classes, words):
    with pytest.raises(CheckpointError, match=f"best.ckpt was trained for .*{words}"):
        compare(TRAINED, Facts(classes), "best.ckpt")


def test_another_normalisation_is_refused():
    with pytest.raises(CheckpointError, match=r"mean \(0\.485.*recipe torchvision.*mean \(0\.0.*recipe alia_iwildcam"):
        compare(TRAINED, Facts(TRAINED.classes, 64, "alia_iwildcam", PLAIN), "best.ckpt")


def test_another_size_or_recipe_is_told():
    size, recipe = compare(TRAINED, Facts(TRAINED.classes, 224, "fieldguide", IMAGENET), "best.ckpt")
    assert "trained with image_size 64, the data has 224" in size
    assert "trained with recipe torchvision, the data has fieldguide" in recipe


def test_a_checkpoint_of_an_earlier_version_says_that_it_tells_no_classes():
    (line,) = compare(facts_in({"state_dict": {}}, "old.ckpt"), TRAINED, "old.ckpt")
    assert "old.ckpt tells no class names" in line
    assert compare(TRAINED, Facts(), "best.ckpt") == [], "a data module of the user's own, which tells nothing"


@pytest.mark.parametrize("facts", [1, {}, {"classes": [1]}, TRAINED.as_data() | {"normalisation": 3}])
def test_facts_of_another_form_are_refused(facts):
    with pytest.raises(CheckpointError, match=r"best\.ckpt tells of its training cannot be read"):
        facts_in({KEY: facts}, "best.ckpt")
