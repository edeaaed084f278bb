import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch import Trainer
from PIL import Image
from torch import nn

from aga_lightning.augment.base import Draft, ImageRecord, SubjectSource
from aga_lightning.augment.gates.confidence import ConfidenceRule, confident_thresholds
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.checkpoints.facts import KEY, Facts
from aga_lightning.images.samples import Sample
from aga_lightning.networks.backbones import build_backbone
from aga_lightning.training.models.classifier import ImageClassifier
from aga_lightning.training.transforms import build_transforms

NAMES = ("plum", "lime", "fig")


def record(label):
    return ImageRecord(Path("x.png"), label, NAMES[label % 3], "fruit")


def plain(level, height=8, width=8):
    return np.full((height, width, 3), level, np.uint8)


def draft(image, label=0):
    return Draft(Sample(plain(0), record(label), "0" * 64), image=image)


class Training(SubjectSource):
    """Images with labels; notes which were asked for."""

    def __init__(self, images, labels, name="first"):
        self.images, self.labels, self.name, self.asked = images, labels, name, []

    def __len__(self):
        return len(self.images)

    def digest(self):
        return self.name

    def __getitem__(self, index):
        self.asked.append(index)
        return Sample(self.images[index], record(self.labels[index]), str(index)), None


class ByHand(ConfidenceRule):
    """Probabilities by hand: a row for each grey level."""

    ROWS = np.array(
        [
            [0.9, 0.1, 0.0],  # training, class 0
            [0.5, 0.2, 0.3],  # training, class 0: the mean of 0 is 0.7
            [0.3, 0.6, 0.1],  # training, class 1: the mean of 1 is 0.6
            [0.7, 0.3, 0.0],  # as sure of 0 as the mean
            [0.69, 0.31, 0.0],  # a little less sure
            [0.35, 0.61, 0.04],  # sure of 1
            [0.0, 0.05, 0.95],  # sure of 2, which no training image has
            [np.nan, 0.5, 0.5],
        ]
    )

    def __init__(self, weights="none.pth", **settings):
        super().__init__(weights=weights, **settings)

    def probabilities(self, images):
        return self.ROWS[[int(image[0, 0, 0]) for image in images]]


def taught(**settings):
    gate = ByHand(**settings)
    gate.learn(Training([plain(0), plain(1), plain(2)], [0, 0, 1]))
    return gate


def test_sure_and_right_is_too_easy_sure_and_wrong_is_another_class_and_doubt_is_kept():
    gate = taught()
    assert gate.stage == "image" and gate.learns
    assert gate.objection(draft(plain(3), 0)) == (
        'the image is too easy: the classifier\'s probability of "plum" is 0.700, at least the mean of its training '
        "images (0.700)"
    )
    assert gate.objection(draft(plain(3), 1)) == (
        'the image looks like another class: the probability of "plum" is 0.700, at least the mean of its training '
        "images (0.700)"
    )
    assert gate.objection(draft(plain(4), 0)) is None
    assert gate.objection(draft(plain(4), 1)) is None
    assert 'the image is too easy: the classifier\'s probability of "lime"' in gate.objection(draft(plain(5), 1))
    assert 'another class: the probability of "lime"' in gate.objection(draft(plain(5), 0))


def test_a_class_without_training_images_is_never_sure():
    assert taught().objection(draft(plain(6), 2)) is None
    assert taught().objection(draft(plain(6), 0)) is None


def test_each_half_of_the_rule_can_be_left_out():
    drafts = [draft(plain(3), 0), draft(plain(3), 1), draft(plain(4), 1)]
    for easy in (True, False):
        for wrong in (True, False):
            reasons = taught(drop_easy=easy, drop_mislabelled=wrong).objections(drafts)
            assert [reason is not None for reason in reasons] == [easy, wrong, False]


def test_probabilities_that_are_no_numbers_are_an_objection_and_no_crash():
    assert taught().objection(draft(plain(7))) == "the classifier's probabilities are not numbers"


def test_drafts_without_an_image_pass_and_the_training_images_must_have_been_seen():
    assert taught().objections([draft(None), draft(plain(3)), draft(None)])[::2] == [None, None]
    assert ByHand().objections([draft(None)]) == [None]
    with pytest.raises(RuntimeError, match="call `learn`"):
        ByHand().objection(draft(plain(3)))
    with pytest.raises(ValueError, match="no training images"):
        ByHand().learn(Training([], []))


def test_the_same_training_images_are_looked_at_once():
    gate = ByHand(batch_size=2)
    training = Training([plain(0), plain(1), plain(2)], [0, 0, 1])
    gate.learn(training)
    gate.learn(training)
    assert training.asked == [0, 1, 2]
    gate.learn(Training([plain(5)], [1], "second"))
    assert 'probability of "lime" is 0.610' in gate.objection(draft(plain(5), 1))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 6))
def test_thresholds_are_those_of_confident_learning(seed, count, classes):
    """The formula of cleanlab's `get_confident_thresholds`, in loops: mean self-confidence of each class."""
    rng = np.random.default_rng(seed)
    rows, labels = rng.dirichlet(np.ones(classes), count), rng.integers(0, classes, count)
    sums, counts = [0.0] * classes, [0] * classes
    for row, label in zip(rows, labels, strict=True):
        sums[label] += row[label]
        counts[label] += 1
    expected = [total / number if number else np.inf for total, number in zip(sums, counts, strict=True)]
    assert confident_thresholds(rows, labels) == pytest.approx(np.array(expected))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """What the project's own Trainer saves: a ResNet of width 8 with three classes."""
    torch.manual_seed(0)
    module = ImageClassifier(3, width=8)
    module.configure_model()
    for layer in module.net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
    folder = tmp_path_factory.mktemp("classifier")
    trainer = Trainer(logger=False, default_root_dir=folder, accelerator="cpu", enable_progress_bar=False)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(folder / "last.ckpt")
    return folder / "last.ckpt", module.net.eval()


def photos(count=5):
    """Pictures of soft blobs and of several sizes."""
    rng = np.random.default_rng(0)
    sizes = [(80 + 7 * number, 100) for number in range(count)]
    noise = [cv2.GaussianBlur(rng.normal(size=(*size, 3)), (0, 0), 5) for size in sizes]
    return [np.interp(n, (n.min(), n.max()), (0, 255)).astype(np.uint8) for n in noise]


def gate_of(checkpoint, **settings):
    return ConfidenceRule(weights=str(checkpoint[0]), **{"backbone": "resnet18", "size": 56, "resize": 64, **settings})


@pytest.mark.parametrize("recipe", ["torchvision", "alia_cub"])
def test_the_classifier_sees_what_the_project_shows_it_in_evaluation(checkpoint, recipe):
    evaluate = build_transforms(recipe, 56)[1]
    with torch.inference_mode():
        logits = checkpoint[1](torch.stack([evaluate(Image.fromarray(photo)) for photo in photos()]))
    expected = logits.double().softmax(1).numpy()
    ours = gate_of(checkpoint, resize=64 if recipe == "torchvision" else None).probabilities(photos())
    assert np.ptp(expected, axis=0).max() > 0.01
    assert ours == pytest.approx(
        expected, abs=1e-3
    )  # measured: 1.2e-4; Pillow and torch round resized pixels by a level


def test_a_checkpoint_of_this_project_learns_and_judges(checkpoint):
    labels = [0, 1, 2, 0, 1]
    gate = gate_of(checkpoint, batch_size=2)
    gate.learn(Training(photos(), labels))
    rows = gate.probabilities(photos())
    thresholds = confident_thresholds(rows, np.array(labels))
    drafts = [draft(photo, label) for photo, label in zip(photos(), labels, strict=True)]
    reasons = gate.objections(drafts)
    for row, label, reason in zip(rows, labels, reasons, strict=True):
        sure = row.max() >= thresholds[row.argmax()]
        words = "is too easy" if row.argmax() == label else f'"{NAMES[row.argmax()]}"'
        assert (words in reason) if sure else reason is None
    assert any(reasons)
    again = pickle.loads(pickle.dumps(gate))
    assert again.objections(drafts) == reasons


def test_a_classifier_of_fewer_classes_is_refused(checkpoint):
    with pytest.raises(PretrainedError, match="tells 3 classes apart, but the data set has a class of number 3"):
        gate_of(checkpoint).learn(Training(photos(2), [0, 3]))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"backbone": "resnet5"}, "no backbone 'resnet5'"),
        ({"size": 0}, "give pixels"),
        ({"size": 300}, "resize at least size"),
        ({"std": (1.0, 0.0, 1.0)}, "three numbers above 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        ConfidenceRule(weights="x.pth", **settings)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (Facts(("plum", "fig", "lime")), "other classes: number 1 was fig, and is lime"),
        (Facts(("plum",)), "other classes: number 1 was none, and is lime"),
        (Facts(NAMES, normalisation=((0.0,) * 3, (1.0,) * 3)), r"mean \(0\.0, .* set mean and std"),
        (Facts(NAMES, 224, normalisation=((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))), None),
    ],
    ids=["reordered", "too few", "normalisation", "image size"],
)
def test_a_checkpoint_of_other_classes_or_numbers_is_refused_and_of_another_size_told(tmp_path, caplog, facts, words):
    net = build_backbone("resnet18", 3, width=4)
    torch.save({"state_dict": net.state_dict(), KEY: facts.as_data()}, tmp_path / "best.ckpt")
    gate = ConfidenceRule(weights=str(tmp_path / "best.ckpt"), backbone="resnet18", size=32, resize=None, device="cpu")
    training = Training([plain(0), plain(1)], [0, 1])
    if words is not None:
        with pytest.raises(PretrainedError, match=f"best.ckpt was trained .*{words}"):
            gate.learn(training)
        return
    with caplog.at_level("INFO"):
        gate.learn(training)
    assert "best.ckpt was trained with image_size 224, not 32" in caplog.text
