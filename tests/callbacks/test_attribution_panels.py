"""Where the model looks, in real runs: the sheets, and the comparison with a baseline."""

import random
from pathlib import Path

import matplotlib.pyplot
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import explained
from tiny.explained import Small
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from aga_lightning.callbacks import attribution_panels
from aga_lightning.callbacks.attribution_panels import AttributionPanels
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.images.drawing import RIGHT_MARK, WRONG_MARK
from aga_lightning.images.records import ImageRecord
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.loading import EvaluationImages
from aga_lightning.training.models.classifier import ImageClassifier
from aga_lightning.training.transforms import UNCHANGED, build_transforms


def open_data(folder):
    dataset = ImageFolder(str(folder), ood={"dusk": str(folder / "dusk")})
    return AGADataModule(dataset, recipe="alia_cub", image_size=16, batch_size=4, num_workers=0)


def open_trainer(folder, *callbacks, logger=True, **settings):
    logger = TensorBoardLogger(folder, "", "") if logger is True else logger
    return explained.open_trainer(callbacks, logger=logger, default_root_dir=folder, **settings)


def fit(folder, discs, *callbacks, model=None, epochs=1, seed=0, **settings):
    torch.manual_seed(seed), np.random.seed(seed), random.seed(seed)
    model = ImageClassifier(2, stem="small", width=4) if model is None else model
    trainer = open_trainer(folder, *callbacks, max_epochs=epochs, **settings)
    trainer.fit(model, datamodule=open_data(discs))
    return trainer, model


def sheets(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.png"))


@pytest.fixture
def drawings(monkeypatch):
    """What is drawn: title, caption, photos, views, and the words on the figure."""
    drawn = []

    def draw(title, caption, photos, views, class_names):
        figure = original(title, caption, photos, views, class_names)
        drawn.append((title, caption, photos, views, [text.get_text() for text in figure.texts]))
        return figure

    original = attribution_panels.draw_panels
    monkeypatch.setattr(attribution_panels, "draw_panels", draw)
    return drawn


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, shared_disc_folder):
    """Two nets that have been trained for a moment, which do not always say the same."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for seed in (1, 2):
        trainer, _ = fit(folder, shared_disc_folder, seed=seed, logger=False, epochs=seed, num_sanity_val_steps=0)
        trainer.save_checkpoint(folder / f"{seed}.ckpt")
    return folder / "1.ckpt", folder / "2.ckpt"


def test_a_fit_gets_a_sheet_of_each_set_at_each_epoch(tmp_path, shared_disc_folder, drawings):
    fit(tmp_path, shared_disc_folder, AttributionPanels(images=2), epochs=2)
    names = ["attributions-ood-dusk.png", "attributions-val.png"]
    assert sheets(tmp_path) == [f"explain/epoch-00{epoch}/{name}" for epoch in (1, 2) for name in names]
    events = EventAccumulator(str(tmp_path)).Reload()
    assert sorted(events.Tags()["images"]) == ["attributions/ood/dusk", "attributions/val"]
    pictures = events.Images("attributions/val")
    assert [picture.step for picture in pictures] == [2, 4]
    with Image.open(tmp_path / "explain/epoch-002/attributions-val.png") as sheet:
        assert sheet.size == (pictures[1].width, pictures[1].height)
        assert np.asarray(sheet).std() > 20
    assert [drawing[0] for drawing in drawings] == [
        f"{name} after epoch {epoch}: where the model looks" for epoch in (1, 2) for name in ("val", "ood/dusk")
    ]
    # The same photos each time, the model as it is by then.
    assert drawings[0][2].pixels.equal(drawings[2][2].pixels)
    assert not drawings[0][3][0].attributions.equal(drawings[2][3][0].attributions)
    assert not matplotlib.pyplot.get_fignums()
    assert not list(tmp_path.rglob(".*.png"))


def test_a_sheet_says_what_the_model_says(tmp_path, shared_disc_folder, drawings):
    torch.manual_seed(0)
    model = ImageClassifier(2, stem="small", width=4)
    trainer = open_trainer(tmp_path, AttributionPanels(images=20, every_n_epochs=0, batch_size=4), inference_mode=True)
    data = open_data(shared_disc_folder)
    trainer.test(model, datamodule=data, verbose=False)
    assert sheets(tmp_path) == [f"explain/test/attributions-{part}.png" for part in ("ood-dusk", "test")]
    _, caption, photos, (view,), words = drawings[0]
    assert len(photos.labels) == 6  # all there are
    images, labels = zip(*data.val_dataloader()[0].dataset, strict=True)
    probabilities = model.eval()(torch.stack(images)).softmax(1)
    assert photos.labels.tolist() == list(labels)
    assert photos.pixels.equal((255 * (torch.stack(images) * STD + MEAN)).round().to(torch.uint8))
    torch.testing.assert_close(view.confidences, probabilities.max(1).values.detach())
    assert view.predicted.equal(probabilities.argmax(1))
    assert view.attributions.abs().sum() > 0
    for label, probability in zip(labels, probabilities, strict=True):
        predicted = int(probability.argmax())
        mark = RIGHT_MARK if predicted == label else WRONG_MARK
        assert f"{mark} {100 * probability[predicted]:.0f} %\n{('lime', 'plum')[predicted]}" in words
    assert "Grad-CAM for the class that is predicted." in caption


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def run_test(folder, model, loaders, **settings):
    trainer = open_trainer(folder, AttributionPanels(**settings))
    trainer.test(model, loaders, verbose=False)
    return trainer


def pictures(*labels, channels=3):
    images = torch.rand(len(labels), channels, 12, 16, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(images, torch.tensor(labels, dtype=torch.int64)), batch_size=2)


class Accumulating(Small):
    """Has gradients when the callback looks, as amid accumulated batches, and notes those of after it."""

    def on_test_start(self):
        for parameter in self.parameters():
            parameter.grad = torch.ones_like(parameter)

    def on_test_epoch_end(self):
        self.seen = [parameter.grad.clone() for parameter in self.parameters()]
        self.modes = {module.training for module in self.modules()}


@pytest.mark.parametrize(
    ("method", "named"),
    [
        ("grad_cam", "Grad-CAM"),
        ("integrated_gradients", "Integrated gradients"),
        ("gradient_x_input", "Gradient times input"),
    ],
)
def test_gradients_and_modes_are_left_as_they_were(tmp_path, drawings, method, named):
    model = Accumulating()
    run_test(tmp_path, model, pictures(0, 1), images=1, method=method)
    assert all((gradient == 1).all() for gradient in model.seen)
    assert model.modes == {False}
    assert drawings[0][3][0].attributions.isfinite().all()
    assert drawings[0][1].startswith(f"{named} for")


def answers(path, dataset):
    images, labels = zip(*dataset, strict=True)
    model = ImageClassifier.load_from_checkpoint(path, map_location="cpu").eval()
    return model(torch.stack(images)).argmax(1) == torch.tensor(labels)


def test_a_baseline_stands_beside_the_model_and_what_only_one_gets_right_is_counted(
    tmp_path, shared_disc_folder, checkpoints, drawings
):
    baseline, model = checkpoints
    data = open_data(shared_disc_folder)
    panels = AttributionPanels(images=4, compare_to=str(baseline), batch_size=4)
    trainer = open_trainer(tmp_path, panels)
    trainer.test(ImageClassifier(2, stem="small", width=4), datamodule=data, ckpt_path=str(model), verbose=False)
    events = EventAccumulator(str(tmp_path)).Reload()
    found = {drawing[0]: drawing[1:] for drawing in drawings}
    some = False
    for name, loader in zip(("test", "ood/dusk"), data.test_dataloader(), strict=True):
        ours, theirs = answers(model, loader.dataset), answers(baseline, loader.dataset)
        this, that, count = int((ours & ~theirs).sum()), int((theirs & ~ours).sum()), len(ours)
        assert trainer.callback_metrics[f"{name}/only_this_model_is_right"] == pytest.approx(this / count)
        assert trainer.callback_metrics[f"{name}/only_the_baseline_is_right"] == pytest.approx(that / count)
        both = int((ours & theirs).sum())
        assert trainer.callback_metrics[f"{name}/both_models_are_right"] == pytest.approx(both / count)
        counts = f"{this} of {count}: only this model is right; {that}: only the baseline"
        caption, _, views, words = found[f"{name}: where both models look"]
        assert caption.endswith(f"{counts}.") and "1.ckpt" in caption
        assert [view.heading for view in views] == ["baseline", "this model"]
        assert {"photo", "baseline", "this model"} <= set(words)
        assert (f"{name}: {counts}" in found) == (this > 0)
        assert (f"only_this_model_is_right/{name}" in events.Tags()["images"]) == (this > 0)
        if this > 0:
            some = True
            _, photos, views, _ = found[f"{name}: {counts}"]
            assert len(photos.labels) == min(this, 4)
            assert (views[1].predicted == photos.labels).all() and (views[0].predicted != photos.labels).all()
        title = f"{name}: {both} of {count}: both models are right"
        assert (title in found) == (f"both_models_are_right/{name}" in events.Tags()["images"]) == (both > 0)
        assert (f"explain/test/both_models_are_right-{name.replace('/', '-')}.png" in sheets(tmp_path)) == (both > 0)
        if both > 0:
            _, photos, views, _ = found[title]
            assert len(photos.labels) == min(both, 4)
            assert all((view.predicted == photos.labels).all() for view in views)
    assert some, "the two checkpoints have to differ for this test to say anything"


def test_where_no_image_is_this_models_alone_there_is_no_sheet_but_the_counts(
    tmp_path, shared_disc_folder, checkpoints, drawings
):
    left_over = tmp_path / "explain/validate/only_this_model_is_right-val.png"
    left_over.parent.mkdir(parents=True)
    left_over.touch()
    trainer = open_trainer(tmp_path, AttributionPanels(images=1, compare_to=str(checkpoints[0])))
    model, data = ImageClassifier(2, stem="small", width=4), open_data(shared_disc_folder)
    trainer.validate(model, datamodule=data, ckpt_path=str(checkpoints[0]), verbose=False)
    names = sheets(tmp_path / "explain/validate")
    assert [name for name in names if name.startswith("attributions")] == [
        "attributions-ood-dusk.png",
        "attributions-val.png",
    ]
    assert not any(name.startswith("only") for name in names)
    assert trainer.callback_metrics["val/only_this_model_is_right"] == 0
    assert "0 of 6: only this model is right; 0: only the baseline." in drawings[0][1]
    # Beside itself, a model shares all that it has right.
    right = int(answers(checkpoints[0], data.val_dataloader()[0].dataset).sum())
    assert 0 < right < 6
    assert trainer.callback_metrics["val/both_models_are_right"] == pytest.approx(right / 6)
    assert "both_models_are_right-val.png" in names
    title, _, photos, views, _ = drawings[1]
    assert title == f"val: {right} of 6: both models are right"
    assert [(view.predicted == photos.labels).tolist() for view in views] == [[True], [True]]


def test_a_search_of_none_draws_both_models_and_counts_nothing(tmp_path, shared_disc_folder, checkpoints, drawings):
    trainer = open_trainer(tmp_path, AttributionPanels(images=1, compare_to=str(checkpoints[0]), search=0))
    trainer.validate(Small(), datamodule=open_data(shared_disc_folder), verbose=False)
    assert [view.heading for view in drawings[0][3]] == ["baseline", "this model"]
    assert not [name for name in trainer.callback_metrics if "only" in name]
    assert len(sheets(tmp_path)) == 2


def test_without_a_logger_sheets_are_files_and_the_models_are_compared(
    tmp_path, shared_disc_folder, checkpoints, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    panels = AttributionPanels(images=1, compare_to=str(checkpoints[0]))
    trainer = open_trainer(tmp_path, panels, logger=False)
    trainer.test(Small(), datamodule=open_data(shared_disc_folder), verbose=False)
    assert [path.name for path in tmp_path.iterdir()] == ["lightning_logs"]
    assert sheets(tmp_path / "lightning_logs/version_0")
    assert 0 <= trainer.callback_metrics["test/only_this_model_is_right"] <= 1


def test_the_true_classs_attributions_on_request(tmp_path, drawings):
    torch.manual_seed(0)
    model = Small()
    for target in ("predicted", "label"):
        run_test(tmp_path, model, pictures(0, 1), target=target)
    predicted, label = (drawing[3][0] for drawing in drawings)
    assert predicted.predicted.tolist() == label.predicted.tolist()
    differs = predicted.predicted != torch.tensor([0, 1])
    assert differs.tolist() in ([True, False], [False, True])  # so that both cases are seen
    assert not predicted.attributions[differs].equal(label.attributions[differs])
    assert predicted.attributions[~differs].equal(label.attributions[~differs])
    assert "Grad-CAM for the true class." in drawings[1][1]


def test_a_layer_can_be_chosen(tmp_path, drawings):
    model = Small()
    for layer in ("net.0", "net.2"):
        run_test(tmp_path, model, pictures(0), layer=layer)
    assert not drawings[0][3][0].attributions.equal(drawings[1][3][0].attributions)
    with pytest.raises(ValueError, match=r"no layer 'net\.22'; near it are"):
        run_test(tmp_path, model, pictures(0), layer="net.22")


def masked_pictures(folder):
    mask = np.zeros((32, 32), np.uint8)
    mask[:16] = 255
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / "photo.png")
    Image.fromarray(mask).save(folder / "mask.png")
    path = folder / "photo.png"
    records = [ImageRecord(path, 0, "bird", "bird", mask_path=folder / "mask.png"), ImageRecord(path, 1, "b", "b")]
    _, transform = build_transforms("alia_cub", image_size=16, normalised_by=UNCHANGED)
    return DataLoader(EvaluationImages(records, transform))


@pytest.mark.parametrize("outline", [True, False])
def test_subjects_are_outlined_where_the_data_set_knows_them(tmp_path, drawings, outline):
    (tmp_path / "photos").mkdir()
    run_test(tmp_path, Small(), masked_pictures(tmp_path / "photos"), outline=outline)
    _, caption, photos, _, _ = drawings[0]
    assert ("Outlined" in caption) == outline
    assert photos.masks[1] is None
    if outline:
        assert photos.masks[0][:8].all() and not photos.masks[0][8:].any()
    else:
        assert photos.masks[0] is None


def test_a_model_that_has_diverged_is_drawn_as_one(tmp_path, drawings):
    model = Small()
    nn.init.constant_(model.net[0].weight, torch.nan)
    run_test(tmp_path, model, pictures(0, 1))
    _, _, _, (view,), words = drawings[0]
    assert not view.attributions.isfinite().any()
    assert f"{WRONG_MARK} ? %\n0" in words


def test_a_map_without_anything_positive_is_explained(tmp_path, drawings):
    model = Small()
    nn.init.zeros_(model.net[-1].weight)
    run_test(tmp_path, model, pictures(0, 1))
    assert drawings[0][3][0].attributions.eq(0).all()
    assert "Nowhere positive: no place speaks for the class." in drawings[0][1]


@pytest.mark.parametrize(("classes", "channels"), [(1, 3), (3, 1)])
def test_one_class_and_grey_images(tmp_path, drawings, classes, channels):
    run_test(tmp_path, Small(classes, channels), pictures(0, 0, 0, channels=channels), images=8)
    _, _, photos, (view,), words = drawings[0]
    assert photos.pixels.shape == (3, channels, 12, 16) and view.attributions.shape == (3, 12, 16)
    assert classes > 1 or words.count(f"{RIGHT_MARK} 100 %\n0") == 3


@pytest.mark.filterwarnings("ignore:Total length of `DataLoader` across ranks is zero")
def test_a_set_without_images_is_left_out(tmp_path, drawings):
    run_test(tmp_path, Small(), [pictures(0, 1), DataLoader(TensorDataset(torch.zeros(0, 3, 12, 16), torch.zeros(0)))])
    assert [drawing[0] for drawing in drawings] == ["test/0: where the model looks"]
    assert sheets(tmp_path) == ["explain/test/attributions-test-0.png"]
