"""How much a model goes by the background: known models before known backgrounds, and a fit that does not notice."""

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import explained
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.callbacks.background_reliance import BackgroundReliance, draw_versions, versions
from aga_lightning.callbacks.evaluation_sample import Examples
from aga_lightning.datasets.base import ImageDataset
from aga_lightning.explain.prediction import Pixels, probabilities
from aga_lightning.files import read_csv
from aga_lightning.images.records import ImageRecord
from aga_lightning.training.datamodule import AGADataModule

NAMES = ("red_$1", "green", "blue")
SIDE = 24


class Squares(ImageDataset):
    """A square of a class's colour before the same colour, or in the set `swapped` before that of the next class."""

    classes = NAMES

    def __init__(self, root, masks=("val", "test", "swapped"), per_class=2):
        self.root, self.masks, self.per_class = Path(root), masks, per_class

    def records(self, split):
        found = []
        for label, number in np.ndindex(len(NAMES), self.per_class):
            place = self.root / split / f"{label}-{number}.png"
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.full((SIDE, SIDE, 3), 20, np.uint8)
                pixels[..., (label + (split == "swapped")) % len(NAMES)] = 250
                pixels[8:16, 8:16] = [250 if channel == label else 20 for channel in range(3)]
                mask = np.zeros((SIDE, SIDE), np.uint8)
                mask[8:16, 8:16] = 255
                Image.fromarray(pixels).save(place)
                Image.fromarray(mask).save(place.with_suffix(".mask"), format="png")
            mask_path = place.with_suffix(".mask") if split in self.masks else None
            found.append(ImageRecord(place, label, NAMES[label], "thing", mask_path=mask_path))
        return found

    def ood_records(self):
        return {"swapped": self.records("swapped")}


class Looks(LightningModule):
    """Names the colour of one pixel, and learns nothing."""

    def __init__(self, place=0):
        super().__init__()
        self.place = place
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return images[:, :, self.place, self.place] * self.scale

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        pass

    test_step = validation_step


BACKGROUND, SUBJECT = 0, SIDE // 2


def open_data(tmp_path, dataset=None, **settings):
    return AGADataModule(
        dataset or Squares(tmp_path / "squares"),
        cache_dir=str(tmp_path / "cache"),
        recipe="alia_cub",
        image_size=SIDE,
        num_workers=0,
        batch_size=4,
        **settings,
    )


def open_trainer(tmp_path, callback, logger=None):
    return explained.open_trainer([callback], logger=CSVLogger(tmp_path, "run", "") if logger is None else logger)


def run_test(tmp_path, model, callback=None, data=None, logger=None):
    trainer = open_trainer(tmp_path, callback or BackgroundReliance(), logger)
    trainer.test(model, datamodule=data or open_data(tmp_path), verbose=False)
    return {name: score.item() for name, score in trainer.callback_metrics.items()}


def table(path):
    return {row.pop("set"): {name: float(score) for name, score in row.items()} for row in read_csv(path)}


# What is removed has no colour, and both models call that red, the first class.
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (
            BACKGROUND,
            {
                "test": {"acc": 1, "acc_subject_only": 1 / 3, "acc_background_only": 1, "background_reliance": 1},
                "ood/swapped": {
                    "acc": 0,
                    "acc_subject_only": 1 / 3,
                    "acc_background_only": 0,
                    "background_reliance": 1,
                },
            },
        ),
        (
            SUBJECT,
            {
                name: {"acc": 1, "acc_subject_only": 1, "acc_background_only": 1 / 3, "background_reliance": 0}
                for name in ("test", "ood/swapped")
            },
        ),
    ],
    ids=["goes by the background", "goes by the subject"],
)
def test_the_scores_tell_what_a_model_goes_by(tmp_path, place, expected):
    metrics = run_test(tmp_path, Looks(place))
    found = table(tmp_path / "run" / "explain" / "test" / "background_reliance.csv")
    assert list(found) == list(expected)
    for name, scores in expected.items():
        assert found[name] == pytest.approx({"images": 6, "decided": 4, **scores}, abs=1e-5)
        logged = {score: value for score, value in scores.items() if score != "acc"}
        assert {score: metrics.pop(f"{name}/{score}") for score in logged} == pytest.approx(logged)
    assert metrics == {}


def test_a_figure_of_each_set_goes_to_tensorboard(tmp_path):
    run_test(tmp_path, Looks(), logger=TensorBoardLogger(tmp_path, "run", ""))
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert sorted(events.Tags()["images"]) == ["background_reliance/ood/swapped", "background_reliance/test"]


def test_a_run_without_a_folder_logs_and_writes_nothing(tmp_path):
    assert run_test(tmp_path, Looks(), logger=False)["test/background_reliance"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["squares"]


def test_sets_without_masks_are_left_out(tmp_path):
    data = open_data(tmp_path, Squares(tmp_path / "squares", masks=("swapped",)))
    metrics = run_test(tmp_path, Looks(), data=data)
    assert {name.rpartition("/")[0] for name in metrics} == {"ood/swapped"}


@pytest.mark.parametrize(
    ("masks", "remedy"), [("dataset", "set masks: augmenter"), ("augmenter", "needs an augmenter with a detector")]
)
def test_where_no_masks_are_one_warning_names_the_remedy(tmp_path, masks, remedy):
    callback = BackgroundReliance(masks=masks)
    data = open_data(tmp_path, Squares(tmp_path / "squares", masks=()))
    with pytest.warns(UserWarning, match=remedy) as caught:
        assert run_test(tmp_path, Looks(), callback, data) == {}
    assert sum("BackgroundReliance" in str(warning.message) for warning in caught) == 1
    assert not (tmp_path / "run" / "explain").exists()
    run_test(tmp_path, Looks(), callback, data, logger=False)  # a second warning would be an error here


def test_the_augmenters_masks_stand_in_where_asked(tmp_path):
    data = open_data(tmp_path, Squares(tmp_path / "squares", masks=()), augmenter=AGA(segmenter=GrabCut(size=SIDE)))
    metrics = run_test(tmp_path, Looks(SUBJECT), BackgroundReliance(masks="augmenter", batch_size=4), data)
    # Nothing can be isolated where subject and background have one colour; the square before another colour can be.
    assert metrics["ood/swapped/acc_subject_only"] == 1
    assert metrics["ood/swapped/background_reliance"] == 0


@pytest.mark.parametrize(
    "hidden", [slice(0, 0), slice(0, SIDE), slice(1, SIDE)], ids=["nothing", "all", "all but a line"]
)
def test_images_that_show_no_subject_or_no_background_do_not_count(tmp_path, hidden):
    data = open_data(tmp_path)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[hidden] = 255
    Image.fromarray(mask).save(data.dataset.records("test")[0].mask_path, format="png")
    run_test(tmp_path, Looks(), data=data)
    found = table(tmp_path / "run" / "explain" / "test" / "background_reliance.csv")
    assert [found[name]["images"] for name in ("test", "ood/swapped")] == [5, 6]


def test_no_image_that_decides_is_not_logged(tmp_path):
    class Stubborn(Looks):
        def forward(self, images):
            return 0 * super().forward(images)

    metrics = run_test(tmp_path, Stubborn())
    assert metrics["test/acc_subject_only"] == pytest.approx(1 / 3)
    assert "test/background_reliance" not in metrics
    assert np.isnan(table(tmp_path / "run/explain/test/background_reliance.csv")["test"]["background_reliance"])


def test_an_image_that_is_not_finite_is_an_answer_like_any_other(tmp_path):
    class Sick(Looks):
        def forward(self, images):
            return torch.nan * super().forward(images)

    assert "test/acc_subject_only" in run_test(tmp_path, Sick())


@pytest.mark.filterwarnings("ignore:Total length of `DataLoader` across ranks is zero")
def test_loaders_without_records_or_images_are_left_out(tmp_path):
    images = TensorDataset(torch.zeros(3, 3, 8, 8), torch.zeros(3, dtype=torch.int64))
    empty = TensorDataset(torch.zeros(0, 3, 8, 8), torch.zeros(0, dtype=torch.int64))
    trainer = open_trainer(tmp_path, BackgroundReliance(), False)
    with pytest.warns(UserWarning, match="no evaluation image with a mask"):
        trainer.test(Looks(), [DataLoader(images), DataLoader(empty)], verbose=False)
    assert dict(trainer.callback_metrics) == {}


def test_the_versions_remove_with_a_margin_and_the_figure_says_what_the_model_says():
    images = torch.ones(1, 3, SIDE, SIDE)
    masks = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    masks[0, 8:16, 8:16] = True
    _, subject, background = versions(images, masks)
    assert subject[0, 0].sum() == 8 * 8
    assert background[0, 0].sum() == SIDE * SIDE - 10 * 10
    examples = Examples(torch.tensor([0]), images, torch.tensor([0]), (masks[0],))
    figure = draw_versions(examples, masks, probabilities(Looks()), Pixels(), NAMES, "val: a title")
    assert [axes.get_title() for axes in figure.axes] == ["✓ 33%\nred_$1"] * 3
    assert [text.get_text() for text in figure.axes[0].texts] == ["true: red_$1"]
    drawn = [axes.get_images()[0].get_array() for axes in figure.axes]
    assert (drawn[0] == 255).all() and (drawn[2][8:16, 8:16] == 0).all()


def test_grey_images_are_drawn_grey():
    class Grey(nn.Module):
        def forward(self, images):
            return images.flatten(1)[:, :2]

    images, masks = torch.rand(2, 1, 8, 8), torch.zeros(2, 8, 8, dtype=torch.bool)
    masks[:, 2:4] = True
    examples = Examples(torch.arange(2), images, torch.zeros(2, dtype=torch.int64), tuple(masks))
    figure = draw_versions(examples, masks, probabilities(Grey()), Pixels((0.0,), (1.0,)), ("0", "1"), "val")
    picture = figure.axes[0].get_images()[0].get_array()
    assert picture.shape == (8, 8, 3) and (picture[..., 0] == picture[..., 1]).all()
