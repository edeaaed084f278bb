import logging
import math
from functools import partial

import pytest
import torch
import torchvision
from lightning.pytorch import LightningDataModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger
from torch.optim import SGD, AdamW
from torch.utils.data import DataLoader, TensorDataset

from aga_lightning.networks.weights_files import WeightsError
from aga_lightning.training.models.classifier import ImageClassifier, inverse_frequencies
from aga_lightning.training.models.schedules import Schedule

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:.*{words}")
    for words in ("have no `val_dataloader`", "callbacks used to create the checkpoint need to be provided")
]

CLASSES = 3


class TinyData(LightningDataModule):
    """Eight noisy images of three colours, and the sets a real data module would have."""

    val_names = ("val", "ood/new_habitats")
    test_names = ("test", "ood/new_habitats", "ood/sketch")
    class_names = ("robin", "wren", "owl")

    def __init__(self, batch_size: int = 4, labels: tuple[int, ...] = (0, 1, 2, 0, 1, 2, 0, 1)) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.labels = torch.tensor(labels)
        noise = torch.randn(len(labels), 3, 32, 32, generator=torch.Generator().manual_seed(0))
        self.images = torch.nn.functional.one_hot(self.labels, 3)[:, :, None, None] * 2.0 + 0.3 * noise

    def loader(self, shuffle=False):
        return DataLoader(TensorDataset(self.images, self.labels), batch_size=self.batch_size, shuffle=shuffle)

    def class_counts(self):
        return torch.bincount(self.labels, minlength=CLASSES).tolist()

    def train_dataloader(self):
        return self.loader(shuffle=True)

    def val_dataloader(self):
        return [self.loader() for _ in self.val_names]

    def test_dataloader(self):
        return [self.loader() for _ in self.test_names]

    def predict_dataloader(self):
        return self.loader()


class GroupedData(TinyData):
    """Twelve images of one camera, two of another and none of a third."""

    group_names = ("dam 2", "hill/north", "shore")

    def __init__(self):
        super().__init__(labels=(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 2, 2))
        self.groups = torch.tensor([1] * 12 + [0] * 2)

    def triples(self):
        return DataLoader(TensorDataset(self.images, self.labels, self.groups), batch_size=self.batch_size)

    def val_dataloader(self):
        return [self.triples() for _ in self.val_names]

    def test_dataloader(self):
        return [self.triples() for _ in self.test_names]

    def predict_dataloader(self):
        return self.triples()


class UnnamedData(TinyData):
    """A data module that knows nothing of this house."""

    val_names = property()
    test_names = property()
    class_names = property()
    class_counts = property()

    def val_dataloader(self):
        return self.loader()

    def test_dataloader(self):
        return self.loader()


def trainer(tmp_path, **settings):
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    return Trainer(**(quiet | {"accelerator": "cpu", "default_root_dir": tmp_path, "max_epochs": 1} | settings))


def classifier(**settings):
    defaults = {"num_classes": CLASSES, "width": 8, "optimizer": partial(AdamW, lr=0.01)}
    return ImageClassifier(**(defaults | settings))


@pytest.fixture(autouse=True)
def seeded():
    seed_everything(0, verbose=False)


def test_it_learns_eight_images_by_heart(tmp_path):
    model, data = classifier(schedule=Schedule("onecycle")), TinyData()
    run = trainer(tmp_path, max_epochs=18)
    run.fit(model, datamodule=data)
    assert run.callback_metrics["val/acc"] == 1
    assert run.callback_metrics["val/loss"] < 0.2
    assert run.callback_metrics["train/acc"] == 1


@pytest.mark.parametrize(("kind", "more"), [(TinyData, []), (GroupedData, ["worst_group_acc"])])
def test_the_names_in_fit(tmp_path, kind, more):
    run = trainer(tmp_path)
    run.fit(classifier(), datamodule=kind())
    metrics = ("acc", "recall", "f1", "loss", *more)
    evaluated = {f"{name}/{metric}" for name in ("val", "ood/new_habitats") for metric in metrics}
    assert set(run.callback_metrics) == {"train/loss", "train/acc", *evaluated}


@pytest.mark.parametrize(("verb", "sets"), [("validate", TinyData.val_names), ("test", TinyData.test_names)])
def test_the_names_outside_of_fit(tmp_path, verb, sets):
    run = trainer(tmp_path)
    getattr(run, verb)(classifier(), datamodule=TinyData(labels=(0, 1, 0, 1)), verbose=False)
    classes = ("acc_per_class/robin", "acc_per_class/wren")  # there is no owl to be right about
    assert set(run.callback_metrics) == {
        f"{name}/{metric}" for name in sets for metric in ("acc", "recall", "f1", "loss", *classes)
    }


def test_a_data_module_without_names_gets_the_usual_ones(tmp_path):
    run = trainer(tmp_path)
    model, data = classifier(), UnnamedData()
    run.fit(model, datamodule=data)
    assert "val/acc" in run.callback_metrics
    run.test(model, datamodule=data, verbose=False)
    assert {"test/acc", "test/acc_per_class/2"} <= set(run.callback_metrics)


@pytest.mark.parametrize(("verb", "sets"), [("validate", TinyData.val_names), ("test", TinyData.test_names)])
def test_accuracies_of_groups(tmp_path, verb, sets):
    model, data, run = classifier(), GroupedData(), trainer(tmp_path)
    getattr(run, verb)(model, datamodule=data, verbose=False)
    scores = {name: score.item() for name, score in run.callback_metrics.items()}
    right = model.eval()(data.images).argmax(1) == data.labels
    hill, dam = right[:12].float().mean().item(), right[12:].float().mean().item()
    assert dam < hill
    for name in sets:
        assert scores[f"{name}/acc_per_group/hill/north"] == pytest.approx(hill)
        assert scores[f"{name}/acc_per_group/dam 2"] == pytest.approx(dam)
        assert scores[f"{name}/worst_group_acc"] == pytest.approx(hill)  # two images of a camera are no measurement
        assert f"{name}/acc_per_group/shore" not in scores
    assert model.group_images == {name: {"dam 2": 2, "hill/north": 12, "shore": 0} for name in sets}


def test_each_evaluation_asks_for_the_groups_of_its_own_data(tmp_path):
    model, run = classifier(), trainer(tmp_path)
    run.test(model, datamodule=GroupedData(), verbose=False)
    run.test(model, datamodule=TinyData(), verbose=False)
    assert not [name for name in run.callback_metrics if "group" in name]
    assert model.group_images == {}


def test_batches_that_tell_groups_without_names_are_counted_without_groups(tmp_path):
    run, data = trainer(tmp_path), GroupedData()
    run.validate(classifier(), data.triples(), verbose=False)
    assert "val/acc" in run.callback_metrics
    assert not [name for name in run.callback_metrics if "group" in name]


def test_more_loaders_than_names_is_an_error_with_the_remedy(tmp_path):
    loaders = [TinyData().loader() for _ in range(2)]
    with pytest.raises(ValueError, match=r"2 evaluation loaders.*\['val'\].*val_names"):
        trainer(tmp_path).validate(classifier(), loaders, verbose=False)


def test_scores_are_of_the_whole_set_and_of_each_epoch_alone(tmp_path):
    data = TinyData(batch_size=5)  # batches of 5 and 3: a mean of batch means would differ
    model = classifier()
    run = trainer(tmp_path)
    first = run.validate(model, datamodule=data, verbose=False)
    assert run.validate(model, datamodule=data, verbose=False) == first
    logits = model.eval()(data.images)
    expected = torch.nn.functional.cross_entropy(logits, data.labels).item()
    assert run.callback_metrics["val/loss"].item() == pytest.approx(expected, rel=1e-5)
    assert run.callback_metrics["val/acc"].item() == pytest.approx(
        (logits.argmax(1) == data.labels).float().mean().item()
    )


@pytest.mark.parametrize("kind", [TinyData, GroupedData])
def test_predict_gives_the_class_and_the_probabilities(tmp_path, kind):
    model, data = classifier(), kind()
    predictions = trainer(tmp_path).predict(model, datamodule=data)
    labels = torch.cat([prediction.labels for prediction in predictions])
    probabilities = torch.cat([prediction.probabilities for prediction in predictions])
    assert probabilities.shape == (len(data.labels), CLASSES)
    assert torch.allclose(probabilities.sum(1), torch.ones(len(data.labels)))
    assert torch.equal(labels, model.eval()(data.images).argmax(1))


def test_class_weights_by_hand():
    assert inverse_frequencies([10, 5, 20]).tolist() == pytest.approx([0.5, 1.0, 0.25])
    assert inverse_frequencies([10, 0, 20]).tolist() == pytest.approx([1.0, 0.0, 0.5])


@pytest.mark.parametrize(
    ("settings", "weights", "smoothed"),
    [({"class_weights": True}, [2 / 3, 2 / 3, 1], 0), ({"label_smoothing": 0.3}, [1, 1, 1], 0.3)],
)
def test_class_weights_and_label_smoothing_enter_the_loss(tmp_path, settings, weights, smoothed):
    data = TinyData(batch_size=8)  # 3, 3 and 2 images
    model = classifier(**settings, optimizer=partial(SGD, lr=0.0))
    run = trainer(tmp_path, limit_val_batches=0)
    run.fit(model, datamodule=data)
    nats = -model.train()(data.images).log_softmax(1)
    weights = torch.tensor(weights)[data.labels]
    weighted = (nats[torch.arange(8), data.labels] * weights).sum() / weights.sum()
    expected = (1 - smoothed) * weighted + smoothed * nats.mean()
    assert run.callback_metrics["train/loss"].item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(("decay_norms", "decays"), [(True, [0.05]), (False, [0.05, 0.0])])
def test_the_optimizer_decays_what_it_is_told_to(tmp_path, decay_norms, decays):
    model = classifier(decay_norms=decay_norms, optimizer=partial(AdamW, lr=0.01, weight_decay=0.05))
    run = trainer(tmp_path, limit_val_batches=0)
    run.fit(model, datamodule=TinyData())
    assert [group["weight_decay"] for group in run.optimizers[0].param_groups] == decays


def test_class_weights_without_counts_is_an_error_with_the_remedy(tmp_path):
    with pytest.raises(ValueError, match=r"class_counts\(\); set class_weights to false"):
        trainer(tmp_path).fit(classifier(class_weights=True), TinyData().loader())


class Rates(Callback):
    """The rate of each step."""

    def __init__(self):
        self.seen = []

    def on_before_optimizer_step(self, trainer, module, optimizer):
        self.seen.append(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize(
    ("schedule", "ends", "expected"),
    [
        # Three batches an epoch in groups of two: two optimiser steps an epoch.
        (Schedule("step", step_size=2), {"max_epochs": 4}, [0.01] * 4 + [0.001] * 4),
        (Schedule("cosine"), {"max_epochs": -1, "max_steps": 7},
         [0.01 * (1 + math.cos(math.pi * step / 7)) / 2 for step in range(7)]),
        (Schedule("onecycle"), {"max_epochs": 5}, [*[None] * 9, 0.01 / 25 / 1e4]),
    ],
    ids=["it drops between epochs", "max_steps is its end", "it ends with the last optimiser step"],
)  # fmt: skip
def test_a_schedule_goes_by_the_steps_of_the_optimizer(tmp_path, schedule, ends, expected):
    rates = Rates()
    run = trainer(tmp_path, **ends, accumulate_grad_batches=2, callbacks=rates, limit_val_batches=0)
    run.fit(classifier(schedule=schedule), datamodule=TinyData(batch_size=3))
    assert len(rates.seen) == run.global_step == len(expected)
    assert [rate for rate, known in zip(rates.seen, expected, strict=True) if known] == pytest.approx(
        [known for known in expected if known]
    )
    assert schedule.name != "onecycle" or rates.seen[-1] == min(rates.seen)


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "both"])
def test_mixed_batches_train_and_evaluation_is_not_mixed(tmp_path, mixing):
    run = trainer(tmp_path, max_epochs=2)
    model = classifier(mixing=mixing, mixing_probability=0.6, label_smoothing=0.1, class_weights=True)
    run.fit(model, datamodule=TinyData())
    assert run.callback_metrics["train/loss"].isfinite()
    assert run.validate(model, datamodule=TinyData(), verbose=False) == run.validate(
        model, datamodule=TinyData(), verbose=False
    )


@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.2}])
def test_a_weighted_batch_counts_the_same_mixed_or_not(tmp_path, settings):
    def loss(mix):
        seed_everything(0, verbose=False)
        model = classifier(class_weights=True, optimizer=partial(SGD, lr=0.0), **settings)
        model.mix = mix
        run = trainer(tmp_path, limit_val_batches=0)
        run.fit(model, datamodule=TinyData(batch_size=8))
        return run.callback_metrics["train/loss"].item()

    whole = loss(lambda images, labels: (images, torch.nn.functional.one_hot(labels, CLASSES).float()))
    assert whole == pytest.approx(loss(None), rel=1e-5)


def test_the_settings_of_mixing_reach_the_batches():
    images, labels = torch.rand(6, 3, 64, 64), torch.tensor([0, 1, 2, 0, 1, 2])
    never = classifier(mixing="mixup", mixing_probability=0.0)
    assert never.mix(images, labels)[0] is images
    # At a large alpha all shares are near one half, of a rectangle before it is clipped.
    halved = classifier(mixing="mixup", mixup_alpha=10_000.0), classifier(mixing="cutmix", cutmix_alpha=10_000.0)
    assert all(model.mix(images, labels)[1].max() < 0.9 for model in halved for _ in range(30))


@pytest.mark.parametrize("settings", [{"channels_last": True}, {"mixing": "both", "mixing_probability": 0.5}, {}])
def test_two_runs_with_one_seed_are_the_same(tmp_path, settings):
    states = []
    for _ in range(2):
        seed_everything(5, verbose=False)
        model = classifier(**settings)
        trainer(tmp_path, limit_val_batches=0).fit(model, datamodule=TinyData())
        states.append(model.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_half_precision_gives_finite_scores_and_single_precision_probabilities(tmp_path, precision):
    model, data = classifier(), TinyData()
    run = trainer(tmp_path, precision=precision)
    run.fit(model, datamodule=data)
    assert all(score.isfinite() for score in run.callback_metrics.values())
    assert run.predict(model, datamodule=data)[0].probabilities.dtype == torch.float32


def test_channels_last_changes_the_layout_and_not_the_answer():
    model = classifier(channels_last=True)
    model.configure_model()
    assert model.net.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    plain = classifier()
    plain.configure_model()
    plain.load_state_dict(model.state_dict())
    images = TinyData().images
    assert torch.allclose(model.eval()(images), plain.eval()(images), atol=1e-5)


def test_the_net_is_built_late_and_once():
    model = classifier()
    assert not hasattr(model, "net")
    model.configure_model()
    net = model.net
    model.configure_model()
    assert model.net is net


def save(tmp_path, model, **settings):
    checkpoint = ModelCheckpoint(dirpath=tmp_path / "checkpoints", monitor="val/acc", mode="max")
    run = trainer(tmp_path, enable_checkpointing=True, callbacks=checkpoint, **settings)
    run.fit(model, datamodule=TinyData())
    return checkpoint.best_model_path


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "onecycle"])
def test_a_checkpoint_is_plain_and_comes_back(tmp_path, schedule):
    model = classifier(schedule=Schedule(schedule))
    path = save(tmp_path, model)
    content = torch.load(path, weights_only=True)
    assert content["hyper_parameters"]["width"] == 8
    again = ImageClassifier.load_from_checkpoint(path, weights_only=True)
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())
    scores = trainer(tmp_path).validate(model, datamodule=TinyData(), verbose=False)
    fresh = trainer(tmp_path).validate(classifier(), datamodule=TinyData(), ckpt_path=path, verbose=False)
    assert fresh == scores


def test_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(tmp_path):
    class Stop(Callback):
        def on_train_epoch_end(self, trainer, module):
            trainer.should_stop = trainer.current_epoch == 1

    def fit(path=None, callbacks=()):
        seed_everything(0, verbose=False)
        model = classifier(schedule=Schedule("cosine"))
        run = trainer(tmp_path, max_epochs=4, callbacks=list(callbacks), limit_val_batches=0)
        run.fit(model, TinyData(batch_size=8).loader(), ckpt_path=path)
        return run, model

    stopped, _ = fit(callbacks=[Stop()])
    assert stopped.global_step == 2
    stopped.save_checkpoint(tmp_path / "half.ckpt")
    _, resumed = fit(tmp_path / "half.ckpt")
    _, whole = fit()
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in whole.state_dict().items())


def test_a_checkpoint_does_not_need_the_weights_it_started_from(tmp_path):
    start = classifier()
    start.configure_model()
    torch.save(start.net.state_dict(), tmp_path / "start.pth")
    path = save(tmp_path, classifier(weights=str(tmp_path / "start.pth")))
    (tmp_path / "start.pth").unlink()
    assert ImageClassifier.load_from_checkpoint(path).weights is None


def test_the_body_of_a_checkpoint_starts_another_classifier(tmp_path):
    model = classifier()
    path = save(tmp_path, model)
    other = classifier(num_classes=7, weights=path)
    other.configure_model()
    assert torch.equal(other.net.layer1[0].conv1.weight, model.net.layer1[0].conv1.weight)
    assert other.net.fc.out_features == 7


def test_weights_of_torchvision_are_taken_where_they_are_and_their_layers_learn_more_slowly(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    state = torchvision.models.squeezenet1_1().state_dict()
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(state, tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    settings = {"backbone": "squeezenet1_1", "width": 64, "body_lr": 0.1}
    model = classifier(weights="IMAGENET1K_V1", missing_weights="scratch", **settings)
    model.configure_model()
    assert torch.equal(model.net.features[0].weight, state["features.0.weight"])
    run = trainer(tmp_path)
    run.fit(model, datamodule=TinyData())
    assert [group["lr"] for group in run.optimizers[0].param_groups] == [0.01, 0.01, 0.001, 0.001]
    run.save_checkpoint(tmp_path / "half.ckpt")
    later = trainer(tmp_path, max_epochs=2)
    later.fit(classifier(**settings), datamodule=TinyData(), ckpt_path=tmp_path / "half.ckpt")
    assert [group["lr"] for group in later.optimizers[0].param_groups] == [0.01, 0.01, 0.001, 0.001]


def test_where_they_cannot_be_had_training_starts_from_scratch_and_says_so(tmp_path, caplog):
    settings = {"backbone": "squeezenet1_1", "width": 64, "weights": "IMAGENET1K_V1", "body_lr": 0.1}
    model = classifier(missing_weights="scratch", **settings)
    with caplog.at_level(logging.INFO):
        seed_everything(1, verbose=False)
        model.configure_model()
    assert [line for line in caplog.messages if "random weights" in line and "HF_HUB_OFFLINE" in line]
    seed_everything(1, verbose=False)
    plain = classifier(backbone="squeezenet1_1", width=64)
    plain.configure_model()
    assert torch.equal(model.net.features[0].weight, plain.net.features[0].weight)
    run = trainer(tmp_path, limit_val_batches=0)
    run.fit(model, datamodule=TinyData())
    assert {group["lr"] for group in run.optimizers[0].param_groups} == {0.01}
    with pytest.raises(WeightsError, match="Cannot download"):
        classifier(**settings).configure_model()


def test_a_kept_head_judges_the_classes_of_the_data_among_those_of_the_weights(tmp_path):
    whole = classifier(num_classes=1000)
    path = save(tmp_path, whole)
    indices = (983, 19, 20)
    kept = classifier(num_classes=3, weights=path, head="kept", imagenet_indices=indices)
    kept.configure_model()
    kept.eval()
    images = torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(kept(images), whole.eval()(images)[:, list(indices)], atol=1e-6)
    again = ImageClassifier.load_from_checkpoint(save(tmp_path / "again", kept.train()))
    again.configure_model()
    assert torch.equal(again.net.fc.weight, kept.net.fc.weight)


def test_indices_alone_keep_no_head(tmp_path):
    path = save(tmp_path, classifier(num_classes=1000))
    fresh = classifier(num_classes=3, weights=path, imagenet_indices=(0, 1, 2))
    fresh.configure_model()
    assert not torch.equal(fresh.net.fc.weight, torch.load(path, weights_only=True)["state_dict"]["net.fc.weight"][:3])


@pytest.mark.parametrize(
    ("settings", "missing"),
    [({"imagenet_indices": (0, 1)}, "weights"), ({"weights": "DEFAULT"}, "a data set that knows ImageNet's indices")],
)
def test_a_kept_head_needs_weights_and_a_data_set_that_knows_them(settings, missing):
    with pytest.raises(ValueError, match=f"needs {missing}"):
        classifier(head="kept", **settings)


def test_hyperparameters_reach_tensorboard(tmp_path):
    logger = TensorBoardLogger(tmp_path, name="", version="")
    trainer(tmp_path, logger=logger).fit(classifier(), datamodule=TinyData())
    assert "backbone: resnet18" in (tmp_path / "hparams.yaml").read_text()


def parse(*arguments):
    parser = LightningArgumentParser(exit_on_error=False)
    parser.add_lightning_class_args(ImageClassifier, "model")
    return parser.instantiate_classes(parser.parse_args(["--model.num_classes", "3", *arguments])).model


def test_the_command_line_chooses_optimizer_and_schedule():
    model = parse("--model.optimizer", "AdamW", "--model.optimizer.lr", "0.002", "--model.schedule.name", "onecycle")
    optimizer = model.optimizer([torch.nn.Parameter(torch.zeros(1))])
    assert isinstance(optimizer, AdamW)
    assert optimizer.defaults["lr"] == 0.002
    assert model.schedule == Schedule("onecycle")


def test_the_default_optimizer_is_the_reference_recipes_and_one_setting_of_it_can_be_changed():
    for model, rate in ((parse(), 0.1), (ImageClassifier(3), 0.1), (parse("--model.optimizer.lr", "0.01"), 0.01)):
        optimizer = model.optimizer([torch.nn.Parameter(torch.zeros(1))])
        assert isinstance(optimizer, SGD)
        assert [optimizer.defaults[key] for key in ("lr", "momentum", "weight_decay")] == [rate, 0.9, 1e-4]


def test_a_run_of_the_command_line_keeps_optimizer_and_schedule_in_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["aga_lightning"])  # Lightning warns of arguments beside its own
    cli = LightningCLI(
        ImageClassifier,
        TinyData,
        run=False,
        save_config_callback=None,
        auto_configure_optimizers=False,
        args=[
            *("--model.num_classes=3", "--model.width=8", "--model.optimizer=AdamW", "--model.optimizer.lr=0.002"),
            *("--model.schedule.name=onecycle", "--trainer.max_epochs=1", "--trainer.accelerator=cpu"),
            *("--trainer.enable_progress_bar=false", "--trainer.logger=false", "--trainer.enable_model_summary=false"),
            *("--trainer.enable_checkpointing=false", f"--trainer.default_root_dir={tmp_path}"),
        ],
    )
    cli.trainer.fit(cli.model, cli.datamodule)
    cli.trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = ImageClassifier.load_from_checkpoint(tmp_path / "last.ckpt", weights_only=True)
    assert again.schedule == Schedule("onecycle")
    assert again.optimizer([torch.nn.Parameter(torch.zeros(1))]).defaults["lr"] == 0.002


class BackgroundData(TinyData):
    """Of eight images the first set calls three by another name, the last set one."""

    val_names = test_names = ("ood/mixed_rand", "test", "ood/mixed_same")

    def test_dataloader(self):
        sets = [self.labels.clone() for _ in self.test_names]
        sets[0][:3] = (sets[0][:3] + 1) % 3
        sets[2][0] = (sets[2][0] + 1) % 3
        return [DataLoader(TensorDataset(self.images, labels), batch_size=3) for labels in sets]

    val_dataloader = test_dataloader


def test_the_background_gap_is_logged_where_both_sets_are(tmp_path):
    model, run = classifier(), trainer(tmp_path)
    model.net = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())  # right about all images
    for verb in (run.validate, run.test):
        verb(model, datamodule=BackgroundData(), verbose=False)
        assert run.callback_metrics["ood/mixed_same/acc"] == pytest.approx(7 / 8)
        assert run.callback_metrics["ood/mixed_rand/acc"] == pytest.approx(5 / 8)
        assert run.callback_metrics["ood/bg_gap"] == pytest.approx(2 / 8)
    run.test(model, datamodule=TinyData(), verbose=False)
    assert "ood/bg_gap" not in run.callback_metrics
