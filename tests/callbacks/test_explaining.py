"""When explaining callbacks act, what they leave as it was, and that ranks say together what one says."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tiny.explained import Small, classifier, noise, on_two_ranks, open_data, open_trainer
from torch.utils.data import DataLoader, default_collate

from aga_lightning.callbacks.attribution_panels import AttributionPanels
from aga_lightning.callbacks.background_reliance import BackgroundReliance
from aga_lightning.callbacks.explaining import Explaining
from aga_lightning.callbacks.faithfulness import Faithfulness
from aga_lightning.callbacks.measuring import MEASURES
from aga_lightning.preflight import SettingError


class Noting(Explaining):
    """Notes what it is given, and disturbs what it can."""

    fails = False

    def explain(self, occasion):
        self.given = [*getattr(self, "given", []), occasion]
        self.free = torch.is_grad_enabled() and not torch.is_inference_mode_enabled() and not occasion.model.training
        torch.rand(1), np.random.rand(), random.random()
        occasion.logged["looks"] = float(len(self.given))
        if self.fails:
            raise OSError("no space")


@pytest.mark.parametrize(("every", "epochs"), [(0, []), (1, [1, 2, 3, 4]), (2, [2, 4]), (3, [3])])
def test_a_fit_is_explained_at_the_epochs_that_are_due(every, epochs, tmp_path):
    noting = Noting(every_n_epochs=every, images=2)
    assert noting.logs_in_fit == bool(epochs)
    trainer = open_trainer([noting], logger=CSVLogger(tmp_path, "", ""), max_epochs=4, num_sanity_val_steps=2)
    trainer.fit(Small(), noise(0, 1, 0), noise(0, 1, 1))
    given = getattr(noting, "given", [])
    assert [occasion.folder for occasion in given] == [tmp_path / "explain" / f"epoch-00{epoch}" for epoch in epochs]
    assert [[(sample.name, len(sample)) for sample in occasion.samples] for occasion in given] == [[("val", 2)]] * len(
        epochs
    )
    assert trainer.callback_metrics.get("looks", 0) == len(epochs)


@pytest.mark.parametrize("verb", ["validate", "test"])
def test_validate_and_test_are_always_explained_where_gradients_can_be_had(verb, tmp_path):
    noting = Noting()
    getattr(open_trainer([noting], logger=CSVLogger(tmp_path, "", "")), verb)(Small(), noise(0, 1), verbose=False)
    assert noting.given[-1].folder == tmp_path / "explain" / verb and noting.free


def test_what_was_measured_is_logged_where_a_file_cannot_be_written():
    class Contained(Noting):
        fails = True

        def on_test_epoch_end(self, trainer, pl_module):
            with pytest.raises(OSError, match="no space"):
                super().on_test_epoch_end(trainer, pl_module)

    trainer = open_trainer([Contained()])
    trainer.test(Small(), noise(0, 1), verbose=False)
    assert trainer.callback_metrics["looks"] == 1


SETTINGS = {"images": 3, "batch_size": 1}
MEASURED = SETTINGS | {"min_prediction": 0.0, "thresholds": [0.1, 0.4], "steps": 6, "workers": 1}


def explaining(baseline):
    """One of each; every image is seen alone, so that who else is on a rank cannot matter."""
    return [
        AttributionPanels(**SETTINGS, compare_to=baseline, search=4),
        Faithfulness(**MEASURED, every_n_epochs=2, compare_to=baseline),
        BackgroundReliance(**SETTINGS, every_n_epochs=1),
    ]


def fit(folder, data, callbacks):
    model = classifier()
    trainer = open_trainer(callbacks, logger=TensorBoardLogger(folder, "", ""), max_epochs=2, num_sanity_val_steps=2)
    trainer.fit(model, datamodule=data)
    generators = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()
    states = [*trainer.optimizers[0].state.values()]
    tensors = [*model.state_dict().values(), *(value for state in states for value in state.values())]
    tensors += [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    return tensors, generators, float(trainer.callback_metrics["train/loss"])


def test_a_fit_never_notices(tmp_path, shared_disc_folder, other):
    watched = fit(tmp_path / "with", open_data(shared_disc_folder), explaining(other))
    plain = fit(tmp_path / "without", open_data(shared_disc_folder), [])
    files = {path.name for path in (tmp_path / "with" / "explain" / "epoch-002").iterdir()}
    assert {"faithfulness.csv", "background_reliance.csv", "attributions-val.png"} <= files
    assert watched[1:] == plain[1:]
    assert len(watched[0]) == len(plain[0])
    assert all(torch.as_tensor(one).equal(torch.as_tensor(two)) for one, two in zip(watched[0], plain[0], strict=True))


def evaluate(folder, discs, baseline, **settings):
    """A test with one of each; the metrics of each rank are written beside the files."""
    torch.set_num_threads(1)
    logger = CSVLogger(folder, "", "")
    trainer = open_trainer(explaining(baseline), logger=logger, use_distributed_sampler=False, **settings)
    trainer.test(classifier(), datamodule=open_data(Path(discs)), verbose=False)
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    (Path(folder) / f"rank-{trainer.global_rank}.json").write_text(json.dumps(metrics))


def test_two_ranks_say_what_one_says(tmp_path, shared_disc_folder, other):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    threads = torch.get_num_threads()
    evaluate(one, shared_disc_folder, other)
    torch.set_num_threads(threads)
    places = f"{str(two)!r}, {str(shared_disc_folder)!r}, {other!r}"
    on_two_ranks(tmp_path, Path(__file__), f"evaluate({places}, devices=2, strategy='ddp')")
    ours = ("only_", "both_", "background_reliance", "acc_subject_only", *MEASURES)
    alone, *ranks = (
        {
            name: value
            for name, value in json.loads(path.read_text()).items()
            if name.rpartition("/")[2].startswith(ours)
        }
        for path in (one / "rank-0.json", two / "rank-0.json", two / "rank-1.json")
    )
    assert len(alone) > 30 and ranks == [alone, alone]
    written = [{path.name: path.read_bytes() for path in (run / "explain" / "test").iterdir()} for run in (one, two)]
    assert len(written[0]) >= 6 and written[0] == written[1]


HOW = {"mean": (0.5,), "std": (0.25,)}


def normalised(images):
    return (images - HOW["mean"][0]) / HOW["std"][0]


def own_data(collate=None, prepare=normalised):
    """A loader of noise that is normalised, unless something else is done to it."""
    dataset = noise(0, 1, 1, 0).dataset
    items = [(prepare(image), label) for image, label in dataset]
    return DataLoader(items, batch_size=3, collate_fn=collate)


def as_dictionary(items):
    images, labels = default_collate(items)
    return {"pixel_values": images, "labels": labels}


def normalising(items):
    images, labels = default_collate(items)
    return [normalised(images), labels]


class OwnData(LightningDataModule):
    """A data module that says how its images were normalised."""

    normalisation = tuple(HOW.values())

    def test_dataloader(self):
        return own_data()


class OnTheDevice(Small):
    """Normalises batches once they are on the device."""

    def on_after_batch_transfer(self, batch, dataloader_idx):
        return normalised(batch[0]), batch[1]


class WithoutForward(Small):
    """Keeps its network in an attribute."""

    forward = LightningModule.forward

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        self.net(batch["pixel_values"] if isinstance(batch, dict) else batch[0])


def raw(image):
    return image


@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning")
def test_one_answer_whatever_the_form_of_data_and_model():
    def measured(module, data, **settings):
        asked = {"measures": ["sic", "insertion"], "min_prediction": 0.0, "thresholds": [0.1, 0.4], "workers": 1}
        trainer = open_trainer([Faithfulness(images=4, **asked, **settings)])
        trainer.test(module, data, verbose=False)
        return {name: float(value) for name, value in trainer.callback_metrics.items()}

    expected = measured(Small(), own_data(), **HOW)
    assert expected["test/sic_used"] == 4 and 0 < expected["test/insertion"] < 1
    assert measured(WithoutForward(), own_data(as_dictionary), **HOW) == expected
    assert measured(WithoutForward(), OwnData()) == expected
    assert measured(Small(), own_data(normalising, raw), **HOW) == expected
    assert measured(OnTheDevice(), own_data(prepare=raw), **HOW) == expected
    several = measured(Small(), {"near": own_data(), "far": own_data()}, **HOW)
    assert several == {
        name.replace("test", f"test/{one}"): expected[name] for name in expected for one in ("near", "far")
    }


class Probable(Small):
    """Answers with probabilities."""

    def forward(self, images):
        return self.net(images).softmax(1)


@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning")
@pytest.mark.parametrize(
    ("module", "data", "complaint"),
    [
        (
            Small,
            own_data(),
            r"Noting: the images of (test|val) lie in .*, not in 0\.\.1, .* set the callback's mean and std",
        ),
        (Small, DataLoader([(torch.zeros(3, 4, 4), 0, 1)]), r"the batches of \w+ do not tell images from labels"),
        (Probable, noise(0, 1), "Probable answers with probabilities"),
    ],
)
@pytest.mark.parametrize("verb", ["fit", "validate", "test"])
def test_what_cannot_be_explained_ends_a_run_before_it_starts(verb, module, data, complaint, monkeypatch):
    steps = []
    for step in ("training_step", "validation_step", "test_step"):
        monkeypatch.setattr(Small, step, lambda *inputs: steps.append(inputs))
    trainer = open_trainer([Noting(every_n_epochs=1)], num_sanity_val_steps=0, max_epochs=1)
    loaders = {"train_dataloaders": noise(0, 1), "val_dataloaders": data} if verb == "fit" else {"dataloaders": data}
    with pytest.raises(SettingError, match=complaint) as told:
        getattr(trainer, verb)(module(), **loaders)
    assert steps == [] and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("callback", "settings", "complaint"),
    [
        (AttributionPanels, {"images": 0}, "images is 1 or more, not 0"),
        (AttributionPanels, {"mean": [0.5]}, "mean and std are given together"),
        (AttributionPanels, {"mean": [0.5], "std": [0.0]}, "std is above 0 in each channel"),
        (AttributionPanels, {"images": 65}, "images is 65; a sheet shows 1 to 64"),
        (AttributionPanels, {"search": -1}, "search is 0 or more, not -1"),
        (AttributionPanels, {"target": "true"}, "target is one of label, predicted, not 'true'"),
        (BackgroundReliance, {"every_n_epochs": -1}, "every_n_epochs is 0 or more, not -1"),
        (BackgroundReliance, {"batch_size": 0}, "batch_size is 1 or more, not 0"),
        (BackgroundReliance, {"masks": "mine"}, "masks is one of dataset, augmenter, not 'mine'"),
        (Faithfulness, {"method": "magic"}, "method is one of grad_cam, .*, not 'magic'"),
        (Faithfulness, {"method": "rise", "layer": "net"}, "layer is 'net', but rise uses no layer; leave it out"),
        (Faithfulness, {"workers": 0}, "workers is 1 or more, not 0"),
        (Faithfulness, {"aggregate": "sum"}, "aggregate is one of median, mean, not 'sum'"),
        (Faithfulness, {"steps": 0}, "steps is 1 or more, not 0"),
        (Faithfulness, {"triangulation": "fast"}, "triangulation is one of exact, reduced"),
        (Faithfulness, {"order": "random"}, "order is one of stable, numpy"),
        (Faithfulness, {"measures": ["aic", "auc"]}, "measures is one of aic, .*, not 'auc'"),
        (Faithfulness, {"measures": ["aic", "aic"]}, "measures names each measure once, at least one"),
        (Faithfulness, {"measures": []}, "measures names each measure once, at least one"),
        (Faithfulness, {"min_prediction": 80}, "min_prediction is a probability in 0..1, not 80"),
        (Faithfulness, {"thresholds": [0.5, 0.1]}, "thresholds ascend in 0..1"),
        (Faithfulness, {"thresholds": [0.5, 1.1]}, "thresholds ascend in 0..1"),
        (Faithfulness, {"thresholds": []}, "thresholds ascend in 0..1, at least one"),
    ],
)
def test_settings_that_mean_nothing_are_refused(callback, settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        callback(**settings)
