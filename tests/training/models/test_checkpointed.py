"""Checkpoints of a classifier: they tell what they were trained on, and name no code."""

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.callbacks import StochasticWeightAveraging
from torch.utils.data import DataLoader, TensorDataset

from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.training.models.classifier import ImageClassifier
from aga_lightning.training.models.schedules import Schedule

ATTACK = {"class_path": "pathlib.Path.touch", "init_args": {"self": "RAN"}}


class Data(LightningDataModule):
    """Four images of two classes, named as they are told."""

    image_size, recipe, normalisation = 16, "torchvision", ((0.5,) * 3, (0.5,) * 3)

    def __init__(self, *class_names, **more):
        super().__init__()
        self.class_names = class_names or ("blue", "red")
        vars(self).update(more)

    def train_dataloader(self):
        return DataLoader(TensorDataset(torch.ones(4, 3, 16, 16), torch.tensor([0, 1, 0, 1])), batch_size=2)

    val_dataloader = test_dataloader = predict_dataloader = train_dataloader


def trainer(**settings):
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    return Trainer(accelerator="cpu", logger=False, **quiet | {"max_epochs": 1} | settings)


def classifier(**settings):
    return ImageClassifier(2, stem="small", width=4, **settings)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint, and the weights in it."""
    path = tmp_path_factory.mktemp("trained") / "best.ckpt"
    run, model = trainer(), classifier(schedule=Schedule("step", gamma=0.5))
    run.fit(model, datamodule=Data())
    run.save_checkpoint(path)
    return path, model.state_dict()


pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]


def test_a_checkpoint_tells_what_it_was_trained_on_and_names_no_code(trained):
    content = torch.load(trained[0], weights_only=True)
    told = content["aga_lightning"]
    assert told["classes"] == ("blue", "red") and told["image_size"] == 16 and told["recipe"] == "torchvision"
    assert told["normalisation"] == Data.normalisation and told["optimizer"] == "SGD"
    assert not any(word in str(content["hyper_parameters"]) for word in ("class_path", "_instantiator", "torch.optim"))


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Data("red", "blue"), "another order: number 0 was 'blue' and is 'red'"),
        (Data("amber", "blue"), "among them red; the data has 2, among them amber"),
        (Data(normalisation=((0.0,) * 3, (1.0,) * 3)), "normalisation mean"),
    ],
    ids=["reordered", "renamed", "normalisation"],
)
def test_no_verb_uses_it_on_other_classes_or_numbers(trained, verb, data, words):
    with pytest.raises(CheckpointError, match=f"best.ckpt was trained .*{words}"):
        getattr(trainer(), verb)(classifier(schedule=Schedule("step")), datamodule=data, ckpt_path=trained[0])


def test_another_size_is_told_and_another_network_refused(trained, caplog):
    with caplog.at_level("INFO"):
        trainer().test(classifier(), datamodule=Data(image_size=32), ckpt_path=trained[0], verbose=False)
    assert "best.ckpt was trained with image_size 16, the data has 32" in caplog.text
    with pytest.raises(CheckpointError, match=r"another network.*width=4.*not .*width=8"):
        trainer().test(ImageClassifier(2, stem="small", width=8), datamodule=Data(), ckpt_path=trained[0])
    with pytest.raises(CheckpointError, match=r"num_classes=2.*not .*num_classes=3"):
        unnamed = Data(class_names=None)
        trainer().test(ImageClassifier(3, stem="small", width=4), datamodule=unnamed, ckpt_path=trained[0])


def test_weights_that_do_not_fit_are_named(trained, tmp_path):
    content = torch.load(trained[0], weights_only=True)
    del content["state_dict"]["net.fc.bias"]
    torch.save(content, tmp_path / "torn.ckpt")
    with pytest.raises(CheckpointError, match=r"torn\.ckpt does not fit this network: net\.fc\.bias is missing"):
        trainer().test(classifier(), datamodule=Data(), ckpt_path=tmp_path / "torn.ckpt")


def test_training_beyond_a_onecycle_schedule_is_refused_before_a_step(tmp_path):
    def fit(epochs, path=None):
        run = trainer(max_epochs=epochs, limit_val_batches=0)
        run.fit(classifier(schedule=Schedule("onecycle")), datamodule=Data(), ckpt_path=path)
        return run

    fit(2).save_checkpoint(tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match="ends with step 4, and the training with step 6"):
        fit(3, tmp_path / "last.ckpt")


def spoilt(path, **hyper_parameters):
    content = torch.load(path, weights_only=True)
    content["hyper_parameters"] |= hyper_parameters
    content["datamodule_hyper_parameters"] = {"dataset": ATTACK, "_instantiator": "pathlib.Path.touch"}
    return content


@pytest.mark.parametrize(
    "attack",
    [
        {"optimizer": ATTACK, "_instantiator": "lightning.pytorch.cli.instantiate_module"},
        {"_instantiator": "pathlib.Path.touch"},
        {"_class_path": "pathlib.Path"},
        {"schedule": ATTACK},
        {"mixing": ATTACK},
        {"label_smoothing": ATTACK},
        {"weights": "DEFAULT", "head": "kept"},
    ],
    ids=lambda attack: "+".join(attack),
)
def test_nothing_that_a_checkpoint_names_is_made(trained, tmp_path, monkeypatch, attack):
    monkeypatch.chdir(tmp_path)
    torch.save(spoilt(trained[0], **attack), "evil.ckpt")
    try:
        ImageClassifier.load_from_checkpoint("evil.ckpt")
    except CheckpointError as error:
        assert "evil.ckpt" in str(error)
    trainer().test(classifier(), datamodule=Data(), ckpt_path="evil.ckpt", verbose=False)
    assert [path.name for path in tmp_path.iterdir()] == ["evil.ckpt"]


def test_it_comes_back_with_its_settings(trained):
    path, weights = trained
    again = ImageClassifier.load_from_checkpoint(path)
    assert again.schedule == Schedule("step", gamma=0.5) and again.trained_on.classes == ("blue", "red")
    assert all(value.equal(weights[key]) for key, value in again.state_dict().items())
    assert ImageClassifier.load_from_checkpoint(path, schedule=Schedule("cosine")).schedule.name == "cosine"


@pytest.mark.parametrize(
    ("names", "row"), [(("blue", "red"), 0), (("red", "blue"), 1), (("amber", "blue"), None)], ids=str
)
def test_weights_of_a_checkpoint_are_taken_by_the_names_of_its_classes(trained, caplog, names, row):
    path, weights = trained
    run, model = trainer(max_epochs=0), classifier(weights=str(path))
    with caplog.at_level("INFO"):
        run.fit(model, datamodule=Data(*names))
    assert model.net.conv1.weight.equal(weights["net.conv1.weight"])
    first = model.net.fc.weight[0]
    if row is None:
        assert not any(first.equal(trained_row) for trained_row in weights["net.fc.weight"])
        assert "among them amber" in caplog.text and "The last layer starts from random weights" in caplog.text
    else:
        assert first.equal(weights["net.fc.weight"][row]) and model.net.fc.bias[0] == weights["net.fc.bias"][row]


@pytest.mark.filterwarnings("ignore:SWA is currently only supported every epoch", "ignore:Swapping scheduler")
def test_averaged_weights_are_of_the_network_and_can_be_judged(tmp_path):
    run, model = (
        trainer(max_epochs=4, callbacks=StochasticWeightAveraging(0.01, 0.5), limit_val_batches=0),
        classifier(),
    )
    run.fit(model, datamodule=Data())
    run.save_checkpoint(tmp_path / "averaged.ckpt")
    content = torch.load(tmp_path / "averaged.ckpt", weights_only=True)
    (averaged,) = (one["average_model_state"] for key, one in content["callbacks"].items() if "Averaging" in key)
    assert averaged.keys() == model.state_dict().keys(), "without a network there is nothing to average"
    run.test(model, datamodule=Data(), ckpt_path=tmp_path / "averaged.ckpt", verbose=False)
