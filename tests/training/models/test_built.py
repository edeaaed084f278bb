"""Networks of torchvision, of timm and of one's own: trained, frozen in parts, kept in checkpoints."""

from functools import partial

import pytest
import timm
import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader, TensorDataset

from aga_lightning.checkpoints.reading import CheckpointError
from aga_lightning.networks.stages import head_names
from aga_lightning.training.models.classifier import ImageClassifier

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*`val_dataloader`"),
]


class Data(LightningDataModule):
    """Two batches of two images."""

    class_names, recipe, normalisation = ("blue", "red", "tan"), "torchvision", ((0.5,) * 3, (0.5,) * 3)

    def __init__(self, image_size=32):
        super().__init__()
        self.image_size = image_size

    def train_dataloader(self):
        images = torch.randn(4, 3, self.image_size, self.image_size, generator=torch.Generator().manual_seed(0))
        return DataLoader(TensorDataset(images, torch.tensor([0, 1, 2, 1])), batch_size=2)

    val_dataloader = train_dataloader


def trainer(**settings):
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    quiet |= {"logger": False, "accelerator": "cpu", "max_epochs": 1, "num_sanity_val_steps": 0}
    return Trainer(**quiet | settings)


def conv(num_classes):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes)
    )


def sgd(parameters):
    return SGD(parameters, lr=0.1)


NETWORKS = {
    "resnet18": {"width": 8},
    "mobilenet_v3_small": {},
    "regnet_y_400mf": {},
    "shufflenet_v2_x0_5": {},
    "squeezenet1_1": {},
    "timm/test_byobnet": {},
    "timm/test_coatnet": {"size": 64},
    "timm/test_convnext": {},
    "timm/test_efficientnet": {},
    "timm/test_maxvit": {"size": 64},
    "timm/test_mambaout": {},
    "timm/test_nfnet": {},
    "timm/test_resnet": {},
    "timm/test_vit": {"size": 48},
    "timm/test_vit3": {"size": 48},
    "timm/mobilevit_xxs": {"size": 64},
    "timm/pit_ti_224": {"size": 64},
    "own": {"backbone": conv},
}


@pytest.mark.parametrize(("name", "settings"), NETWORKS.items(), ids=NETWORKS)
def test_any_network_is_trained_and_comes_back_from_its_checkpoint(name, settings, tmp_path):
    settings = {"backbone": name, **settings}
    data, own = Data(settings.pop("size", 32)), "backbone" in NETWORKS[name]
    torch.manual_seed(0)
    model = ImageClassifier(3, optimizer=partial(SGD, lr=0.001), **settings)
    run = trainer(limit_val_batches=0)
    run.fit(model, datamodule=data)
    assert run.global_step == 2
    run.save_checkpoint(tmp_path / "last.ckpt")
    torch.manual_seed(9)
    found = ImageClassifier.load_from_checkpoint(tmp_path / "last.ckpt", **({"backbone": conv} if own else {}))
    images = torch.randn(2, 3, data.image_size, data.image_size)
    with torch.inference_mode():
        answer = model.eval()(images)
        assert answer.isfinite().all() and torch.equal(found.eval()(images), answer)
    told = torch.load(tmp_path / "last.ckpt", weights_only=True)["hyper_parameters"]["backbone"]
    assert told == (f"{__name__}.conv" if own else name)


def test_a_checkpoint_makes_no_network_of_ones_own(tmp_path):
    run = trainer(limit_val_batches=0)
    run.fit(ImageClassifier(3, conv, optimizer=sgd), datamodule=Data())
    run.save_checkpoint(tmp_path / "own.ckpt")
    with pytest.raises(CheckpointError, match=r"own\.ckpt is of a network of your own, .*\.conv, .*argument backbone"):
        ImageClassifier.load_from_checkpoint(tmp_path / "own.ckpt")
    content = torch.load(tmp_path / "own.ckpt", weights_only=True)
    content["hyper_parameters"]["backbone"] = {"class_path": "os.abort"}
    torch.save(content, tmp_path / "evil.ckpt")
    with pytest.raises(CheckpointError, match=r"evil\.ckpt is no checkpoint of an ImageClassifier"):
        ImageClassifier.load_from_checkpoint(tmp_path / "evil.ckpt")


@pytest.mark.parametrize(
    ("settings", "size", "line"),
    [
        ({"backbone": "timm/test_vit"}, 64, r"of another network: .*timm/test_vit3"),
        ({"backbone": "timm/test_vit3"}, 64, r"does not fit this network .*image_size 48\): net\.pos_embed is"),
    ],
)
def test_a_checkpoint_of_another_network_or_image_size_is_refused(tmp_path, settings, size, line):
    run = trainer(limit_val_batches=0)
    run.fit(ImageClassifier(3, "timm/test_vit3", optimizer=sgd), datamodule=Data(48))
    run.save_checkpoint(tmp_path / "vit.ckpt")
    with pytest.raises(CheckpointError, match=line):
        trainer().validate(ImageClassifier(3, **settings), datamodule=Data(size), ckpt_path=tmp_path / "vit.ckpt")


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(1)
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "resnet.pth")
    return str(tmp_path / "resnet.pth")


@pytest.mark.parametrize(
    ("train", "moved"),
    [
        ("head", {"fc"}),
        (1, {"layer4", "fc"}),
        (2, {"layer3", "layer4", "fc"}),
        (5, {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"}),
        ("all", {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"}),
    ],
)
def test_what_is_not_trained_stays_as_it_was_with_its_statistics(weights, train, moved):
    model = ImageClassifier(3, "timm/test_resnet", weights, train=train, optimizer=sgd)
    run = trainer(max_epochs=2)
    model.configure_model()
    before = {key: value.clone() for key, value in model.net.state_dict().items()}
    run.fit(model, datamodule=Data())
    changed = {key for key, value in model.net.state_dict().items() if not torch.equal(value, before[key])}
    assert {key.partition(".")[0] for key in changed} == moved
    model.train()
    norms = {name: one.training for name, one in model.net.named_modules() if isinstance(one, nn.BatchNorm2d)}
    assert all(training == (name.partition(".")[0] in moved) for name, training in norms.items())


def test_more_stages_than_there_are_cannot_be_trained(weights):
    for train in (0, 6):
        with pytest.raises(ValueError, match=rf"train is all, head, or 1 to 5, .* not {train}"):
            ImageClassifier(3, "timm/test_resnet", weights, train=train).configure_model()


def test_frozen_layers_need_weights(weights):
    model = ImageClassifier(3, "timm/test_resnet", "DEFAULT", missing_weights="scratch", train="head")
    with pytest.raises(ValueError, match=r"Cannot download .*test_resnet"):
        model.configure_model()


def rates(**settings):
    model = ImageClassifier(3, optimizer=sgd, **settings)
    trainer(limit_val_batches=0).fit(model, datamodule=Data())
    found = {id(one): group["lr"] for group in model.optimizers().param_groups for one in group["params"]}
    assert len(found) == len([*model.net.parameters()])
    return {name.partition(".")[0]: found[id(one)] for name, one in model.net.named_parameters()}


def test_stages_learn_at_rates_that_fall_towards_the_image(weights):
    found = rates(backbone="timm/test_resnet", weights=weights, layer_decay=0.5)
    assert found == {
        "fc": 0.1,
        "layer4": 0.05,
        "layer3": 0.025,
        "layer2": 0.0125,
        "layer1": 0.1 / 16,
        "conv1": 0.1 / 32,
        "bn1": 0.1 / 16,
    }
    assert {*rates(backbone="timm/test_resnet", layer_decay=0.5).values()} == {0.1}  # random weights learn alike
    assert rates(backbone=conv, layer_decay=0.5)["4"] == 0.1


def test_a_linear_probe_goes_on_from_its_checkpoint_and_no_other_training_does(weights, tmp_path):
    settings = {"backbone": "timm/test_resnet", "weights": weights, "optimizer": sgd}
    run = trainer(limit_val_batches=0)
    run.fit(ImageClassifier(3, train="head", **settings), datamodule=Data())
    run.save_checkpoint(tmp_path / "probe.ckpt")
    whole = trainer(max_epochs=2, limit_val_batches=0)
    with pytest.raises(CheckpointError, match=r"was trained with --model\.train head, not all: set it"):
        whole.fit(ImageClassifier(3, **settings), datamodule=Data(), ckpt_path=tmp_path / "probe.ckpt")
    whole = trainer(max_epochs=2, limit_val_batches=0)
    whole.fit(ImageClassifier(3, train="head", **settings), datamodule=Data(), ckpt_path=tmp_path / "probe.ckpt")
    assert whole.global_step == 4


@pytest.mark.filterwarnings("ignore:You're using the WeightAveraging callback")
def test_averages_of_weights_are_what_a_checkpoint_keeps(tmp_path):
    def fit(*callbacks):
        torch.manual_seed(0)
        run, model = trainer(callbacks=[*callbacks]), ImageClassifier(3, conv, optimizer=sgd)
        run.fit(model, datamodule=Data())
        run.save_checkpoint(tmp_path / "one.ckpt")
        return model.net[4].weight

    plain = fit()
    averaged = fit(WeightAveraging(avg_fn=lambda average, current, count: 0.5 * average + 0.5 * current))
    assert not torch.equal(plain, averaged)
    found = ImageClassifier.load_from_checkpoint(tmp_path / "one.ckpt", backbone=conv)
    found.configure_model()
    assert torch.equal(found.net[4].weight, averaged)


def test_a_compiled_network_has_plain_names(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda function, **_: compiled.append(function) or function)
    nets = [ImageClassifier(3, conv, compile=compile) for compile in (False, True)]
    for net in nets:
        net.configure_model()
    assert len(compiled) == 1 and nets[0].state_dict().keys() == nets[1].state_dict().keys()
    assert nets[1](torch.zeros(2, 3, 32, 32)).shape == (2, 3)


def test_the_planned_net_is_the_one_that_is_built():
    model = ImageClassifier(3, "timm/test_vit", train=2)
    planned = model.planned_net(32)
    assert next(planned.parameters()).is_meta and head_names(planned) == ("head",)
    assert sum(one.requires_grad for one in planned.parameters()) == 2 * 12 + 2 + 2
