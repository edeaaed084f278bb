"""Samples of evaluation sets: the same ones each time, spread over the classes, with the masks that there are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch.utils.data import Dataset, TensorDataset, default_collate

from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.callbacks.evaluation_sample import EvaluationSample, evaluation_samples, spread_over_classes
from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.explain.prediction import Pixels
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import ImageRecord
from aga_lightning.preflight import SettingError
from aga_lightning.training.datamodule import AGADataModule
from aga_lightning.training.loading import EvaluationImages
from aga_lightning.training.transforms import UNCHANGED, build_transforms

_, EVALUATE = build_transforms("alia_cub", image_size=24, normalised_by=UNCHANGED)


class Labelled:
    """Has records, and counts how often an image is loaded."""

    def __init__(self, labels):
        self.records = [
            ImageRecord(Path(f"{place}.png"), label, f"class {label}", "") for place, label in enumerate(labels)
        ]
        self.loaded = 0

    def __len__(self):
        return len(self.records)

    def __getitem__(self, index):
        self.loaded += 1
        return torch.full((3, 4, 4), index / 100), self.records[index].label


def test_rare_classes_are_chosen_first_and_nothing_is_loaded():
    dataset = Labelled([0] * 20 + [1] * 3 + [2])
    chosen = spread_over_classes(dataset, 7, seed=0)
    labels = [dataset.records[index].label for index in chosen]
    assert [labels.count(label) for label in range(3)] == [3, 3, 1]
    assert chosen == sorted(set(chosen))
    assert dataset.loaded == 0


def test_a_seed_chooses_and_a_larger_sample_holds_the_smaller():
    dataset = Labelled([0, 1] * 20)
    first, again, other, larger = (spread_over_classes(dataset, n, s) for n, s in ((6, 0), (6, 0), (6, 1), (12, 0)))
    assert first == again != other
    assert set(first) < set(larger)


def test_no_more_is_chosen_than_there_is():
    assert spread_over_classes(Labelled([0, 1]), 9, 0) == [0, 1]
    assert spread_over_classes(Labelled([]), 9, 0) == []
    assert len(spread_over_classes(TensorDataset(torch.zeros(5, 1)), 3, 0)) == 3


def test_batches_are_the_ranks_shares():
    sample = EvaluationSample("val", Labelled([0] * 5), [0, 1, 3, 4])
    shares = [[batch.ids.tolist() for batch in sample.batches(1, rank=rank, ranks=3)] for rank in range(3)]
    assert shares == [[[0], [4]], [[1]], [[3]]]
    (whole,) = sample.batches(10)
    assert (100 * whole.images[:, 0, 0, 0]).round().tolist() == [0, 1, 3, 4]
    assert sample.file(0) == "class 0/0.png" and EvaluationSample("val", [], []).file(3) == "3"
    assert whole.masks == (None,) * 4
    assert list(EvaluationSample("val", Labelled([]), []).batches(4)) == []


@pytest.fixture
def masked(tmp_path):
    """A set of one photo with a mask in its upper left quarter, and one without."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    mask = np.zeros((48, 48), np.uint8)
    mask[:24, :24] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    records = [
        ImageRecord(tmp_path / "photo.png", 0, "bird", "bird", mask_path=tmp_path / "mask.png"),
        ImageRecord(tmp_path / "photo.png", 0, "bird", "bird"),
    ]
    return EvaluationImages(records, EVALUATE)


def test_masks_go_the_way_of_their_images(masked):
    sample = EvaluationSample("val", masked, [0, 1])
    examples = sample.examples([0, 1], masks="dataset")
    expected = torch.zeros(24, 24, dtype=torch.bool)
    expected[:12, :12] = True
    assert examples.masks[0].equal(expected)
    assert examples.masks[1] is None
    assert sample.has_masks
    assert not EvaluationSample("val", masked, [1]).has_masks


def test_a_missing_mask_is_named(masked):
    masked.records[0].mask_path.unlink()
    with pytest.raises(ImageReadError, match=r"mask\.png, the mask of .*photo\.png, does not exist"):
        EvaluationSample("val", masked, [0]).examples([0], masks="dataset")


def open_data(folder, tmp_path, **settings):
    dataset = ImageFolder(str(folder), ood={"dusk": str(folder / "dusk")})
    return AGADataModule(
        dataset, cache_dir=str(tmp_path / "cache"), recipe="alia_cub", image_size=24, num_workers=0, **settings
    )


def test_the_augmenters_masks_stand_in_where_asked(disc_folder, tmp_path):
    data = open_data(disc_folder, tmp_path, augmenter=AGA(segmenter=GrabCut(size=48)))
    sample = EvaluationSample("val", data.val_dataloader()[0].dataset, [0], data, Pixels(*data.normalisation))
    assert sample.examples([0], masks="dataset").masks == (None,)
    (mask,) = sample.examples([0], masks="augmenter").masks
    assert mask.shape == (24, 24)
    assert 0.1 < mask.float().mean() < 0.5  # the disc


def test_samples_are_those_of_the_stage(disc_folder, tmp_path, monkeypatch):
    data = open_data(disc_folder, tmp_path)
    trainer = Trainer(accelerator="cpu", logger=False)
    trainer.datamodule = data
    monkeypatch.setattr(Trainer, "val_dataloaders", property(lambda self: data.val_dataloader()))
    monkeypatch.setattr(Trainer, "test_dataloaders", property(lambda self: data.test_dataloader()))
    assert [(sample.name, len(sample)) for sample in evaluation_samples(trainer, 5, 0)] == [("val", 5), ("ood/dusk", 4)]
    trainer.testing = True
    assert [sample.name for sample in evaluation_samples(trainer, 5, 0)] == [*data.test_names] == ["val", "ood/dusk"]


class Answers(Dataset):
    """A data set of one's own, whose items are what it is told."""

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def test_masks_in_batches_are_the_data_sets():
    mask = torch.zeros(1, 4, 4)
    mask[:, :2] = 255
    dataset = Answers(*({"image": torch.full((3, 4, 4), 0.5), "label": label, "mask": mask} for label in (1, 0)))
    sample = EvaluationSample("val", dataset, [0, 1])
    assert sample.has_masks and not EvaluationSample("val", Labelled([0]), [0]).has_masks
    examples = sample.examples([1, 0], masks="dataset")
    assert [found.sum().item() for found in examples.masks] == [8, 8] and examples.labels.tolist() == [0, 1]
    assert sample.examples([0]).masks == (None,)


def test_images_come_as_the_network_gets_them():
    dataset = Answers((torch.full((3, 4, 4), 51, dtype=torch.uint8), 1))

    def batch_of(items):
        return default_collate([(image / 255 - 0.5, label) for image, label in items])

    pixels = Pixels((0.5,), (1.0,))
    (image,) = EvaluationSample("val", dataset, [0], None, pixels, batch_of).chosen([0]).examples([0]).images
    assert image.allclose(torch.tensor(-0.3)) and pixels.pixels(image[None]).unique().tolist() == [51]


def test_what_is_no_image_with_a_label_is_told():
    sample = EvaluationSample("val", Answers((torch.zeros(3, 4, 4), torch.zeros(2))), [0])
    with pytest.raises(SettingError, match=r'^the batches of val do not tell .* \{"image": images, "label": labels\}'):
        sample.examples([0])
