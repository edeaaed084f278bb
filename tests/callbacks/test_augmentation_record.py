import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Rejected
from aga_lightning.callbacks.augmentation_record import AugmentationRecord
from aga_lightning.cli.trainer import AgaTrainer
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.run_folder import set_aside
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.models.classifier import ImageClassifier


class Picky(Augmenter):
    """A grey picture; rejects a variant of all images, and all variants of some."""

    def __init__(self, refused=""):
        self.refused = refused

    def augment(self, requests, cache):
        for request in requests:
            if request.variant == 1 or request.record.path.name == self.refused:
                yield Rejected(request, f"{request.variant + 0.25} is too grey")
            else:
                facts = {"caption": f"grey number {request.variant}"}
                yield Augmented(request, np.full((48, 48, 3), 128, np.uint8), facts)


@pytest.fixture
def open_data(tmp_path, shared_disc_folder):
    def open_data(augmenter, degree=2, **settings):
        settings = {
            "batch_size": 8,
            "image_size": 32,
            "num_workers": 0,
            "cache_dir": str(tmp_path / "cache"),
        } | settings
        return AGADataModule(ImageFolder(str(shared_disc_folder)), augmenter, degree=degree, **settings)

    return open_data


def open_trainer(folder, **settings):
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    quiet |= {"max_epochs": 1, "limit_val_batches": 0, "callbacks": [AugmentationRecord()], "log_every_n_steps": 1}
    return AgaTrainer(accelerator="cpu", run_dir=str(folder), **(quiet | settings))


def fit(trainer, data):
    trainer.fit(ImageClassifier(num_classes=2, width=8), datamodule=data)


def read(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), float)


def written(folder):
    return json.loads((folder / "augmentation.json").read_text())


pytestmark = pytest.mark.filterwarnings(
    "ignore:.* augmentations were rejected", "ignore:Experiment logs directory .* exists"
)


def test_a_fit_tells_what_its_augmentations_are(tmp_path, open_data):
    data = open_data(Picky())
    fit(open_trainer(tmp_path / "run"), data)
    found = written(tmp_path / "run")
    assert found["collection"] == str(data.collection.folder)
    assert (found["mode"], found["asked"], found["accepted"]) == ("pregenerate", 16, 8)
    assert found["rejected"] == {"is too grey": 8}
    (stage,) = found["stages"]
    assert 0 < stage.pop("seconds") < found["seconds"]
    assert stage == {"name": "Images", "units": 16, "model_calls": {}, "denoiser_calls": 0}


def test_a_run_that_finds_all_in_the_store_has_made_nothing(tmp_path, open_data):
    fit(open_trainer(tmp_path / "first"), open_data(Picky()))
    fit(open_trainer(tmp_path / "second"), open_data(Picky()))
    first, second = written(tmp_path / "first"), written(tmp_path / "second")
    assert [stage["units"] for stage in (*first["stages"], *second["stages"])] == [16, 0]
    for key in ("collection", "asked", "accepted", "rejected", "examples"):
        assert first[key] == second[key]


def test_a_run_that_is_started_again_keeps_what_it_had_made(tmp_path, open_data):
    def start(**changes):
        set_aside(tmp_path / "run")
        settings = {key: changes.pop(key) for key in ("degree",) if key in changes}
        fit(open_trainer(tmp_path / "run"), open_data(Picky(**changes), **settings))
        return [stage["units"] for stage in written(tmp_path / "run")["stages"]]

    (tmp_path / "run").mkdir()
    assert [start(), start(), start(degree=3)] == [[16], [16], [24]]
    assert start(refused="lime_0.png") == [16], "another collection"


def test_a_second_fit_of_one_trainer_has_not_made_it_once_more(tmp_path, open_data):
    trainer, data = open_trainer(tmp_path / "run"), open_data(Picky())
    fit(trainer, data)
    trainer.fit(ImageClassifier(num_classes=2, width=8), datamodule=data)
    assert [stage["units"] for stage in written(tmp_path / "run")["stages"]] == [16]


def test_examples_have_a_copy_of_the_original_and_what_became_of_each_request(tmp_path, open_data):
    data = open_data(Picky(refused="lime_0.png"))
    fit(open_trainer(tmp_path / "run"), data)
    examples = written(tmp_path / "run")["examples"]
    # Of 8 images every one to two; the first has nothing to show, and the one behind it stands in.
    assert [example["class"] for example in examples] == ["lime"] * 2 + ["plum"] * 3
    for example in examples:
        accepted, rejected = example["variants"]
        assert accepted["caption"] == "grey number 0"
        assert "lime_0" not in accepted["file"]
        assert read(data.collection.folder / accepted["file"]).shape == (48, 48, 3)
        assert rejected == {"rejected": "is too grey"}
        number = Path(accepted["file"]).stem.split("-")[0]
        original = read(Path(data.dataset.root) / "train" / example["class"] / f"{number}.png")
        # The noise of the photos is all that JPEG loses; that of two photos differs by 20.
        assert np.abs(read(tmp_path / "run" / example["original"]) - original).mean() < 5


def test_lazy_images_are_told_at_the_end_as_far_as_they_were_made(tmp_path, open_data):
    data = open_data(Picky(), mode="lazy", degree=1)
    trainer = open_trainer(tmp_path / "run", limit_train_batches=1)
    fit(trainer, data)
    found = written(tmp_path / "run")
    made = len(data.collection.find_all())
    assert 0 < made < 8
    assert (found["mode"], found["asked"], found["accepted"]) == ("lazy", 8, made)
    assert (found["seconds"], found["stages"], found["rejected"]) == (None, None, {})


def test_without_an_augmenter_and_in_trial_runs_there_is_no_file(tmp_path, open_data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(open_trainer(tmp_path / "plain"), open_data(None))
    fit(open_trainer(tmp_path / "off"), open_data(Picky(), mode="off"))
    fit(open_trainer(tmp_path / "trial", fast_dev_run=True), open_data(Picky()))
    assert not list(tmp_path.rglob("augmentation.json"))
    assert not list(tmp_path.rglob("originals"))
