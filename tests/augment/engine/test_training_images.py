from dataclasses import replace

import numpy as np
import pytest
from tiny.costly import CostlyDetector, calls
from tiny.plain import Corners, Plain

from aga_lightning.augment.engine.training_images import TrainingImages
from aga_lightning.augment.gates.embedded import BlankBackground, MaskSanity
from aga_lightning.images.reading import ImageReadError
from aga_lightning.images.records import ImageRecord


def training(records, store, **settings):
    method = Plain(**settings)
    return TrainingImages(method.photo, method.subjects, records, store)


def test_a_rejected_mask_leaves_no_subject_behind(tmp_path, store, disc_records):
    sample, subject = training(disc_records, store)[1]
    assert sample.record == disc_records[1] and subject.mask[0, 0] and subject.mask[-1, -1], "all its instances"
    strict = training(disc_records, store, gates=[MaskSanity(min_area=0.5)])
    assert strict[1][1] is None
    method = Plain()
    assert strict.isolated_by(method.subjects.judged)[1][1] is not None
    assert training(disc_records, store, isolates=False)[1][1] is None
    assert np.array_equal(training(disc_records, store).sample(1).image, sample.image)


def test_what_has_no_subject_is_read_and_not_searched(tmp_path, store, disc_records):
    empty = ImageRecord(disc_records[0].path, 0, "empty", "")
    log = tmp_path / "log"
    images = training([empty], store, detector=CostlyDetector(log=str(log)))
    assert images[0][0].image.shape == (48, 48, 3) and images[0][1] is None
    assert calls(log) == {}
    disc_records[1].path.write_bytes(b"no image at all")
    with pytest.raises(ImageReadError):
        training(disc_records, store)[1]


class Other(Corners):
    """The same under another name."""


def test_the_digest_holds_what_is_seen_of_the_images(store, disc_records):
    def digest(records=disc_records, **settings):
        return training(records, store, **settings).digest()

    first, *rest = disc_records
    changed = [
        digest(rest),
        digest([replace(first, label=5), *rest]),
        digest([replace(first, superclass="berry"), *rest]),
        digest([replace(first, box=(0.0, 0.0, 9.0, 9.0)), *rest]),
        digest([replace(first, group="orchard"), *rest]),
        digest([replace(first, path=rest[0].path), *rest]),
        digest(max_side=40),
        digest(segmenter=Other()),
        digest(gates=[MaskSanity()]),
        digest(isolates=False),
    ]
    assert len({digest(), *changed}) == 11
    assert digest() == digest(gates=[BlankBackground()]), "which looks at no subject"
    assert digest(isolates=False) == digest(isolates=False, segmenter=Other(), gates=[MaskSanity()])
