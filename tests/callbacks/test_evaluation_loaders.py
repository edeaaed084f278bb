"""Loaders of any data: their names, the images that they show, and which part of a batch is what."""

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from tiny.explained import open_trainer
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    default_collate,
)

from aga_lightning.callbacks.evaluation_loaders import batches_of, evaluation_loaders, parts_of, places_of
from aga_lightning.preflight import SettingError

IMAGES, LABELS, ROW = torch.rand(3, 3, 4, 4), torch.tensor([1, 0, 2]), torch.tensor([7, 8, 9])
PLAIN = TensorDataset(IMAGES, LABELS)


class Idle(LightningModule):
    """Says which names the sets have got."""

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        self.names = [name for name, _ in evaluation_loaders(self.trainer)]


class Named(LightningDataModule):
    """Has one name for each of two loaders."""

    test_names = ("near", "far")

    def test_dataloader(self):
        return [DataLoader(PLAIN), DataLoader(PLAIN)]


@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning")
@pytest.mark.parametrize(
    ("given", "names"),
    [
        (DataLoader(PLAIN), ["test"]),
        ([DataLoader(PLAIN), DataLoader(PLAIN)], ["test/0", "test/1"]),
        ({"day": DataLoader(PLAIN), "night": DataLoader(PLAIN)}, ["test/day", "test/night"]),
        (Named(), ["near", "far"]),
        ([], None),
    ],
)
def test_sets_are_called_by_the_data_module_the_keys_or_their_numbers(given, names):
    if names is None:
        assert evaluation_loaders(open_trainer()) == []
        return
    module = Idle()
    open_trainer().test(module, given, verbose=False)
    assert module.names == names


class Stream(IterableDataset):
    """Images without places."""

    def __iter__(self):
        return iter(PLAIN)


@pytest.mark.parametrize(
    ("loader", "places"),
    [
        (DataLoader(PLAIN), [0, 1, 2]),
        (DataLoader(PLAIN, shuffle=True), [0, 1, 2]),
        (DataLoader(PLAIN, sampler=SubsetRandomSampler([2, 0])), [0, 2]),
        (DataLoader(PLAIN, sampler=[1, 1]), [1]),
        (DataLoader(PLAIN, batch_sampler=BatchSampler(SequentialSampler(range(2)), 2, False)), [0, 1]),
        (
            DataLoader(Stream()),
            "the images of val come from a Stream, which gives none by its place: use a DataLoader",
        ),
        ([IMAGES], "the images of val come from a list"),
        (DataLoader(PLAIN, batch_size=None), "the loader of val makes no batches: give it a batch_size"),
    ],
)
def test_the_places_are_those_of_the_images_that_a_loader_shows(loader, places):
    before = torch.get_rng_state()
    if isinstance(places, str):
        with pytest.raises(SettingError, match=places) as told:
            places_of("val", loader)
        assert "\n" not in str(told.value)
    else:
        assert list(places_of("val", loader)) == places
    assert torch.get_rng_state().equal(before)


def test_batches_are_collated_and_go_through_lightnings_hooks():
    class Hooked(LightningModule):
        def on_before_batch_transfer(self, batch, dataloader_idx):
            return {"image": batch["image"] + 1, "label": batch["label"]}

        def on_after_batch_transfer(self, batch, dataloader_idx):
            return {"image": batch["image"] * 10, "label": batch["label"] + dataloader_idx}

        def test_step(self, batch, batch_idx):
            pass

    def collate(items):
        images, labels = default_collate(items)
        return {"image": images / 2, "label": labels}

    loader = DataLoader(PLAIN, collate_fn=collate, num_workers=0)
    trainer = open_trainer(limit_test_batches=0)
    trainer.test(Hooked(), loader, verbose=False)
    batch = batches_of(trainer, loader, 3)([PLAIN[0], PLAIN[1]])
    assert batch["image"].allclose((IMAGES[:2] / 2 + 1) * 10) and batch["label"].tolist() == [4, 3]


MASKS = torch.zeros(3, 1, 4, 4)
UNSURE = [
    (IMAGES,),
    IMAGES,
    (LABELS, IMAGES),
    (IMAGES, LABELS, ROW),
    (IMAGES, IMAGES, LABELS),
    (IMAGES, LABELS.float()),
    (IMAGES, LABELS[:2]),
    (IMAGES.flatten(1), LABELS),
    (list(IMAGES), LABELS),
    {"image": IMAGES, "x": IMAGES, "label": LABELS},
    {"image": IMAGES},
    {"picture": IMAGES, "label": LABELS},
    {"image": IMAGES, "label": LABELS, "mask": MASKS[:, :, :2]},
    ({"image": IMAGES}, LABELS),
]


@pytest.mark.parametrize(
    "batch",
    [
        (IMAGES, LABELS),
        [IMAGES, LABELS],
        (IMAGES, LABELS, MASKS),
        {"image": IMAGES, "label": LABELS},
        {"pixel_values": IMAGES, "labels": LABELS, "idx": ROW},
    ],
)
def test_images_and_labels_are_told_apart(batch):
    found = parts_of(batch)
    assert found.images is IMAGES and found.labels is LABELS and found.masks is None


def test_groups_and_masks_are_known():
    assert parts_of((IMAGES, LABELS, ROW), grouped=True).labels is LABELS
    masks = parts_of({"image": IMAGES, "label": LABELS, "mask": MASKS + 1}).masks
    assert masks.shape == (3, 4, 4) and masks.dtype == torch.bool and masks.all()


@pytest.mark.parametrize("batch", UNSURE, ids=range(len(UNSURE)))
def test_what_is_not_certain_is_not_guessed(batch):
    assert parts_of(batch) is None
