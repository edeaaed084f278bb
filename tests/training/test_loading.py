"""An item of training is decided by its pick alone: not by the worker, the process, or what was loaded before."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Rejected, Request
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.reading import ImageReadError, read_image
from aga_lightning.training.loading import (
    AugmentedImages,
    EvaluationImages,
    LazyImages,
    RecombinedImages,
    StoredImages,
    TrainingImages,
)
from aga_lightning.training.sampling import ORIGINAL, MixingPolicy, MixingSampler, Pick
from aga_lightning.training.transforms import UNCHANGED, build_transforms
from aga_lightning.workers import worker_settings

TRAIN, EVALUATE = build_transforms("torchvision", image_size=32, policy="randaugment")
_, EXACT = build_transforms("alia_cub", image_size=48, normalised_by=UNCHANGED)


class Painted(Augmenter):
    """A plain picture for each variant but the second, which it rejects; counts its work."""

    def __init__(self):
        self.made = []

    def augment(self, requests, cache):
        for request in requests:
            self.made.append(request)
            if request.variant == 1:
                yield Rejected(request, "the second never works out")
            else:
                yield Augmented(request, np.full((48, 48, 3), 40 + 60 * request.variant, np.uint8))


def fill(collection):
    for requests in collection.pending():
        collection.make(requests)
    return collection


def collect(tmp_path, records, augmenter=None, degree=2, name="cache"):
    return Collection(augmenter or AGA(segmenter=GrabCut(size=48)), Store(tmp_path / name), records, degree, 0)


def stored(collection):
    outcomes = fill(collection).find_all()
    index = {record: number for number, record in enumerate(collection.records)}
    files = {(index[request.record], request.variant): made.path for request, made in outcomes.items()}
    return StoredImages(collection, files)


def lazy(collection):
    return LazyImages(collection)


def online(collection):
    return RecombinedImages(fill(collection), collection.requests)


def epoch(records, augmented, workers, degree=2):
    """All items of an epoch, loaded by so many workers."""
    pairs = [(index, variant) for index in range(len(records)) for variant in range(degree)]
    loader = DataLoader(
        TrainingImages(records, TRAIN, augmented),
        batch_size=5,
        sampler=MixingSampler(len(records), pairs, MixingPolicy(), lambda: 0, seed=3),
        **worker_settings(workers),
    )
    images, labels = zip(*loader, strict=True)
    return torch.cat(images), torch.cat(labels)


def grey(image):
    return round(float(image.mean()) * 255)


@pytest.mark.parametrize("source", [stored, lazy, online])
def test_the_number_of_workers_changes_nothing(tmp_path, disc_records, source):
    alone, shared = (
        epoch(disc_records, source(collect(tmp_path, disc_records, name=f"workers-{workers}")), workers)
        for workers in (0, 2)
    )
    assert alone[0].shape == (24, 3, 32, 32)
    assert torch.equal(alone[0], shared[0])
    assert torch.equal(alone[1], shared[1])


def test_an_item_depends_on_its_pick_alone(tmp_path, disc_records):
    images = TrainingImages(disc_records, TRAIN)
    first, _ = images[Pick(0, ORIGINAL, 7)]
    images[Pick(1, ORIGINAL, 8)]
    torch.manual_seed(99)
    assert torch.equal(images[Pick(0, ORIGINAL, 7)][0], first)
    assert not torch.equal(images[Pick(0, ORIGINAL, 8)][0], first)


def test_originals_and_augmentations_are_told_apart(tmp_path, disc_records):
    images = TrainingImages(disc_records, EXACT, lazy(collect(tmp_path, disc_records, Painted(), degree=3)))
    original, label = images[Pick(5, ORIGINAL, 0)]
    assert torch.equal(original, EXACT(read_image(disc_records[5].path)))
    assert label == disc_records[5].label == 1
    assert [grey(images[Pick(5, variant, 0)][0]) for variant in (0, 2)] == [40, 160]


class Same(AugmentedImages):
    """Augmentations that equal the originals."""

    def image(self, pick):
        return read_image(self.records[pick.record].path)


def test_a_policy_treats_an_augmentation_as_it_treats_an_original(disc_records):
    same = Same()
    same.records = disc_records
    plain, _ = build_transforms("torchvision", image_size=32)
    images, unpoliced = (TrainingImages(disc_records, transform, same) for transform in (TRAIN, plain))
    for seed in range(5):
        image, label = images[Pick(5, 0, seed)]
        assert image.equal(images[Pick(5, ORIGINAL, seed)][0]) and label == disc_records[5].label
    assert any(not images[Pick(5, 0, seed)][0].equal(unpoliced[Pick(5, 0, seed)][0]) for seed in range(5))


def test_lazy_makes_an_image_when_it_is_first_touched_and_reads_it_ever_after(tmp_path, disc_records):
    augmenter = Painted()
    images = LazyImages(collect(tmp_path, disc_records, augmenter))
    assert augmenter.made == []
    first = images.image(Pick(3, 0, seed=1))
    assert images.image(Pick(3, 1, seed=1)) is None
    assert augmenter.made == [Request(disc_records[3], 0, 0), Request(disc_records[3], 1, 0)]
    again = images.image(Pick(3, 0, seed=2))
    assert images.image(Pick(3, 1, seed=2)) is None
    assert np.array_equal(first, again)
    later = Painted()
    assert np.array_equal(LazyImages(collect(tmp_path, disc_records, later)).image(Pick(3, 0, 0)), first)
    assert len(augmenter.made) == 2 and later.made == []


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("source", [lazy, stored])
def test_a_damaged_image_never_enters_training(tmp_path, disc_records, source, workers):
    images = source(fill(collect(tmp_path, disc_records[:2], degree=1)))
    expected = epoch(disc_records[:2], images, workers, degree=1)
    for path in images.collection.folder.rglob("*.jpg"):
        data = path.read_bytes()
        path.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    later = source(collect(tmp_path, disc_records[:2], degree=1))
    seen = epoch(disc_records[:2], later, workers, degree=1)
    assert all(torch.equal(one, other) for one, other in zip(expected, seen, strict=True))


def test_a_stored_image_is_compared_once_and_then_only_read(tmp_path, disc_records, monkeypatch):
    images = stored(collect(tmp_path, disc_records[:1], degree=1))
    first = images.image(Pick(0, 0, 0))
    monkeypatch.setattr(images.collection, "ensure", None)
    assert np.array_equal(images.image(Pick(0, 0, 1)), first)


def test_online_draws_afresh_for_each_seed_and_repeats_itself(tmp_path, disc_records):
    images = online(collect(tmp_path, disc_records))
    one, same, another = (images.image(Pick(0, 0, seed)) for seed in (1, 1, 2))
    assert isinstance(one, Image.Image)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, another)
    assert not np.array_equal(one, stored(images.collection).image(Pick(0, 0, 0)))


def test_a_method_without_backgrounds_says_that_it_cannot_recombine(tmp_path, disc_records):
    collection = collect(tmp_path, disc_records, Painted())
    with pytest.raises(TypeError, match=r"Painted has no separate backgrounds; use --data\.mode"):
        RecombinedImages(collection, collection.requests).image(Pick(0, 0, 1))


def test_evaluation_images_come_in_order_unchanged_and_with_their_groups(disc_records):
    cameras = ("", "dam 2", "hill/north")
    taken_by = [cameras[number] for number in (2, 0, 1, 1, 2, 2, 0, 2)]
    records = [replace(record, group=group) for record, group in zip(disc_records, taken_by, strict=True)]
    assert len(EvaluationImages(records, EVALUATE)[0]) == 2, "groups that nobody asks for are left out"
    loader = DataLoader(EvaluationImages(records, EVALUATE, cameras), batch_size=5)
    images, labels, groups = (torch.cat(parts) for parts in zip(*loader, strict=True))
    assert groups.dtype == torch.int64
    assert [cameras[group] for group in groups] == taken_by
    assert labels.tolist() == [0] * 4 + [1] * 4
    assert torch.equal(images[3], EVALUATE(read_image(disc_records[3].path)))


@pytest.mark.parametrize("source", [lazy, online])
def test_an_image_without_a_subject_is_never_augmented(tmp_path, disc_records, source):
    empty = replace(disc_records[0], superclass="")
    augmenter = Painted()
    images = source(collect(tmp_path, [empty, *disc_records[1:]], augmenter))
    made = len(augmenter.made)
    assert images.image(Pick(0, 0, 0)) is None
    assert len(augmenter.made) == made
    assert empty.path not in [request.record.path for request in augmenter.made]
    assert torch.equal(
        TrainingImages([empty], EXACT, images)[Pick(0, 0, 3)][0],
        TrainingImages([empty], EXACT)[Pick(0, ORIGINAL, 3)][0],
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_photo_stops_training_with_its_name(disc_records, workers):
    disc_records[3].path.write_bytes(disc_records[3].path.read_bytes()[:90])
    with pytest.raises(ImageReadError, match=disc_records[3].path.name):
        epoch(disc_records, None, workers, degree=0)


class Unmergeable(Painted):
    """Finds fault with every recombination."""

    def recombine(self, request, background, seed, cache):
        return Rejected(request, "no")


@pytest.mark.parametrize("source", [None, lazy, online])
def test_where_there_is_no_augmentation_the_original_stands_in(tmp_path, disc_records, source):
    collection = collect(tmp_path, disc_records, Unmergeable())
    images = TrainingImages(disc_records, EXACT, source and source(collection))
    state = torch.get_rng_state()
    assert torch.equal(images[Pick(2, 1, 0)][0], images[Pick(2, ORIGINAL, 0)][0])
    assert torch.equal(torch.get_rng_state(), state), "the process keeps its own random numbers"
    assert len(images) == 8
