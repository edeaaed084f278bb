"""Which augmentations may enter training: all that were made, or the originals in the place of the others."""

from dataclasses import replace

import numpy as np
import pytest

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Augmented, Rejected
from aga_lightning.augment.collection import Collection
from aga_lightning.augment.store import Store
from aga_lightning.data.base import DatasetError
from aga_lightning.data.loading import LazyImages, RecombinedImages, StoredImages
from aga_lightning.data.usable import augmented_images, pairs_of, stored_files


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
    """A complete collection of two variants of each of the 8 photos."""

    def collect(rejects=(), records=disc_records):
        collection = Collection(Fussy(rejects), Store(tmp_path / "cache"), records, 2, 0)
        collection.make(collection.requests)
        return collection

    return collect


def test_pairs_are_every_variant_of_every_record_in_order(disc_records):
    assert pairs_of(disc_records[:2], 3) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert pairs_of(disc_records, 0) == []


def test_each_pair_has_the_file_of_its_own_photo_and_variant(collect, disc_records):
    files = stored_files(collect(), "skip")
    assert list(files) == pairs_of(disc_records, 2)
    for (index, variant), path in files.items():
        assert path.name.startswith(f"{disc_records[index].path.stem}-{variant}-")


@pytest.mark.parametrize(("rejected", "stand_ins"), [("skip", 0), ("original", 2 + 8)])
def test_rejects_and_photos_without_a_subject_are_treated_as_told(collect, disc_records, rejected, stand_ins):
    records = [replace(one, superclass="") if one.class_name == "plum" else one for one in disc_records]
    collection = collect([("lime_0", 1), ("lime_2", 0)], records)
    with pytest.warns(UserWarning, match=r"2 of 8 augmentations were rejected \(2 x too dark\); listed in .*rejected"):
        files = stored_files(collection, rejected)
    assert sum(path is not None for path in files.values()) == 6
    missing = {pair for pair, path in files.items() if path is None}
    assert len(missing) == stand_ins
    rejects = {(records[index].path.stem, variant) for index, variant in set(pairs_of(records, 2)) - set(files)}
    assert {("lime_0", 1), ("lime_2", 0)} <= rejects | {(records[i].path.stem, variant) for i, variant in missing}


def test_a_collection_that_lacks_images_says_what_to_run(disc_records, tmp_path):
    collection = Collection(Fussy(), Store(tmp_path), disc_records, 2, 0)
    collection.make(collection.requests[:5])
    with pytest.raises(DatasetError, match="lacks 11 of 16 augmentations: run the verb augment first"):
        stored_files(collection, "skip")


def test_nothing_but_rejects_is_an_error(collect, disc_records):
    collection = collect([(record.path.stem, variant) for record in disc_records for variant in range(2)])
    with pytest.raises(DatasetError, match=r"16 of 16 augmentations were rejected \(16 x too dark\)\. See .*loosen"):
        stored_files(collection, "original")


def test_each_mode_has_its_source_of_images(collect):
    collection = collect([("lime_0", 0)])
    with pytest.warns(UserWarning, match="1 of 16"):
        files = stored_files(collection, "original")
    stored = augmented_images(collection, "pregenerate", files)
    assert isinstance(stored, StoredImages)
    assert len(stored.paths) == 15 and None not in stored.paths.values()
    online = augmented_images(collection, "online", files)
    assert isinstance(online, RecombinedImages)
    assert len(online.requests) == 15
    assert isinstance(augmented_images(collection, "lazy", {}), LazyImages)
