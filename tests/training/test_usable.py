"""Which augmentations may enter training: all that were made, or the originals in the place of the others."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Rejected
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.store import Store
from aga_lightning.images.records import DatasetError
from aga_lightning.training.loading import LazyImages, RecombinedImages, StoredImages
from aga_lightning.training.usable import augmented_images, usable_files


class Fussy(Augmenter):
    """A grey for each photo, but for what it rejects: pairs of a file's stem and a variant."""

    def __init__(self, rejects=()):
        self.rejects = tuple(rejects)

    def prepare(self, records, cache):
        pass

    def augment(self, requests, cache):
        for request in requests:
            if (request.record.path.stem, request.variant) in self.rejects:
                yield Rejected(request, "too dark")
            else:
                yield Augmented(request, np.full((48, 48, 3), 90, np.uint8))


@pytest.fixture
def collect(disc_records, tmp_path):
    """A complete collection of two variants of each of the 8 photos, of which the last 4 are limes."""

    def collect(rejects=(), records=disc_records):
        collection = Collection(Fussy(rejects), Store(tmp_path / "cache"), records, 2, 0)
        collection.make(collection.requests)
        return collection

    return collect


def pairs_of(records):
    return [(index, variant) for index in range(len(records)) for variant in range(2)]


def no_plums(records):
    return [replace(one, superclass="") if one.class_name == "plum" else one for one in records]


def test_each_pair_has_the_file_of_its_own_photo_and_variant(collect, disc_records):
    files = usable_files(collect(), "pregenerate", "skip", {})
    assert list(files) == pairs_of(disc_records)
    for (index, variant), path in files.items():
        assert path.name.startswith(f"{disc_records[index].path.stem}-{variant}-")


@pytest.mark.parametrize("rejected", ["skip", "original"])
def test_rejects_and_photos_without_a_subject_are_treated_as_told(collect, disc_records, rejected):
    records = no_plums(disc_records)
    collection = collect([("lime_0", 1), ("lime_2", 0)], records)
    with pytest.warns(UserWarning, match=r"2 of 8 augmentations were rejected \(2 x too dark\); listed in .*rejected"):
        files = usable_files(collection, "pregenerate", rejected, {})
    made = {pair for pair, path in files.items() if path is not None}
    assert made == {(index, variant) for index in range(4, 8) for variant in range(2)} - {(4, 1), (6, 0)}
    assert set(files) == (made if rejected == "skip" else set(pairs_of(records)))


@pytest.mark.parametrize("rejected", ["skip", "original"])
def test_photos_that_are_not_chosen_are_not_replaced_either(disc_records, tmp_path, rejected):
    records = no_plums(disc_records)
    collection = Collection(Fussy(), Store(tmp_path), records, 2, 0, chosen=[records[1], records[6]])
    collection.make(collection.requests)
    files = usable_files(collection, "pregenerate", rejected, {})
    assert {index for index, _ in files} == ({6} if rejected == "skip" else {1, 6})
    assert {index for index, path in usable_files(collection, "lazy", rejected, {})} == {1, 6}


def test_before_anything_is_made_all_may_be_asked_for(disc_records, tmp_path):
    collection = Collection(Fussy(), Store(tmp_path), disc_records, 2, 0)
    assert usable_files(collection, "lazy", "skip", {}) == dict.fromkeys(pairs_of(disc_records))


def test_a_quota_chooses_among_what_was_accepted(collect, disc_records):
    collection = collect([("lime_0", 0), ("lime_0", 1), ("lime_1", 0)])
    with pytest.warns(UserWarning, match="3 of 16"):
        every = usable_files(collection, "pregenerate", "skip", {})
        files = usable_files(collection, "pregenerate", "skip", {"lime": 3, "plum": 6})
    assert files.items() <= every.items()
    assert list(files) == sorted(files)
    shown = Counter(disc_records[index].path.stem for index, _ in files)
    assert {name: shown[name] for name in shown if "lime" in name} == {"lime_1": 1, "lime_2": 1, "lime_3": 1}
    assert sorted(shown[f"plum_{number}"] for number in range(4)) == [1, 1, 2, 2]


def test_originals_fill_what_augmentations_leave_of_a_quota(collect, disc_records):
    collection = collect([("lime_0", 0), ("lime_0", 1)])
    with pytest.warns(UserWarning, match="2 of 16"):
        fewer = usable_files(collection, "pregenerate", "original", {"lime": 6})
    with pytest.warns(UserWarning) as told:
        more = usable_files(collection, "pregenerate", "original", {"lime": 7})
    assert any("1 of 1 classes lack 1 augmentations in all (lime has 6 of 7)" in str(one.message) for one in told)
    limes = [[path for (index, _), path in files.items() if index >= 4] for files in (fewer, more)]
    assert [len(paths) for paths in limes] == [6, 7]
    assert [paths.count(None) for paths in limes] == [0, 1]


def test_a_lazy_quota_is_spent_on_photos_with_a_subject(disc_records, tmp_path):
    records = no_plums(disc_records)
    fruit = [replace(one, class_name="fruit") for one in records]
    files = usable_files(Collection(Fussy(), Store(tmp_path), fruit, 2, 0), "lazy", "skip", {"fruit": 8})
    assert list(files) == [pair for pair in pairs_of(records) if pair[0] >= 4]
    with pytest.warns(UserWarning, match="lack 2 augmentations"):
        files = usable_files(Collection(Fussy(), Store(tmp_path), fruit, 2, 0), "lazy", "skip", {"fruit": 10})
    assert sum(records[index].has_subject for index, _ in files) == 8
    assert len(files) == 10


def test_a_collection_that_lacks_images_says_what_to_run(disc_records, tmp_path):
    collection = Collection(Fussy(), Store(tmp_path), disc_records, 2, 0)
    collection.make(collection.requests[:5])
    with pytest.raises(DatasetError, match=r"lacks 11 of 16 augmentations: .*run the verb augment first"):
        usable_files(collection, "pregenerate", "skip", {})


def test_nothing_but_rejects_is_an_error(collect, disc_records):
    collection = collect([(record.path.stem, variant) for record in disc_records for variant in range(2)])
    with pytest.raises(DatasetError, match=r"16 of 16 augmentations were rejected \(16 x too dark\)\. See .*loosen"):
        usable_files(collection, "pregenerate", "original", {})


def test_each_mode_has_its_source_of_images(collect):
    collection = collect([("lime_0", 0)])
    with pytest.warns(UserWarning, match="1 of 16"):
        files = usable_files(collection, "pregenerate", "original", {})
    stored = augmented_images(collection, "pregenerate", files)
    assert isinstance(stored, StoredImages)
    assert len(stored.paths) == 15 and None not in stored.paths.values()
    online = augmented_images(collection, "online", files)
    assert isinstance(online, RecombinedImages)
    assert len(online.requests) == 15
    chosen = {(5, 1): files[5, 1], (0, 0): None}
    (request,) = augmented_images(collection, "online", chosen).requests
    assert (request.record, request.variant) == (collection.records[5], 1)
    assert isinstance(augmented_images(collection, "lazy", {}), LazyImages)
