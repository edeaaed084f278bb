import copy
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from aga_lightning.augment.base import Draft, ImageRecord
from aga_lightning.augment.fingerprint import describe
from aga_lightning.augment.gates.near_duplicate import CopiedBackground, NearDuplicate
from aga_lightning.images.perceptual_hash import mirrored, perceptual_hash
from aga_lightning.images.samples import Sample

RECORD = ImageRecord(Path("x.png"), 0, "a", "a")


def picture(seed):
    noise = np.random.default_rng(seed).normal(size=(120, 120, 3))
    soft = cv2.GaussianBlur(noise, (0, 0), 6)
    return np.interp(soft, (soft.min(), soft.max()), (0, 255)).astype(np.uint8)


def draft(seed, **more):
    return Draft(Sample(picture(seed), RECORD, "0" * 64), **more)


def guarded(gate, *seeds):
    gate.guard([perceptual_hash(picture(seed)) for seed in seeds])
    return gate


def test_an_image_of_the_evaluation_is_refused_with_the_number_of_bits():
    gate = guarded(NearDuplicate(), 1, 2, 3)
    assert gate.guards and gate.stage == "image"
    smaller = cv2.resize(picture(2), (80, 80), interpolation=cv2.INTER_AREA)
    reason = gate.objection(draft(0, image=smaller))
    assert reason.startswith("the picture resembles an evaluation image") and "of 63 bits" in reason
    assert gate.objection(draft(0, image=picture(4))) is None


def test_so_is_its_mirror_image():
    reason = guarded(NearDuplicate(), 1, 2).objection(draft(0, image=mirrored(picture(1))))
    assert reason == (
        "the picture's mirror image resembles an evaluation image: "
        "their hashes differ in 0 of 63 bits, not in more than 6"
    )


def test_the_limit_itself_still_counts_as_near():
    image = picture(5)
    seven_off = perceptual_hash(image) ^ 0b1111111
    for limit, refused in ((6, False), (7, True), (8, True)):
        gate = NearDuplicate(max_distance=limit)
        gate.guard([seven_off])
        assert (gate.objection(draft(0, image=image)) is not None) == refused


def test_each_gate_looks_at_what_its_stage_has_made():
    copied, fresh = picture(1), picture(9)
    assert CopiedBackground().stage == "background" and CopiedBackground.guards
    assert guarded(CopiedBackground(), 1).objection(draft(0, background=copied, image=fresh)) is not None
    assert guarded(CopiedBackground(), 1).objection(draft(0, background=fresh, image=copied)) is None
    assert guarded(NearDuplicate(), 1).objection(draft(0, background=copied, image=fresh)) is None
    assert guarded(NearDuplicate(), 1).objection(draft(1)) is None  # the source image is not what was made


def test_without_evaluation_images_all_is_accepted_but_they_must_have_been_asked_for():
    with pytest.raises(RuntimeError, match="call `guard`"):
        NearDuplicate().objection(draft(0, image=picture(1)))
    assert guarded(NearDuplicate()).objection(draft(0, image=picture(1))) is None


def test_hashes_travel_with_copies_and_do_not_enter_the_key():
    gate = guarded(NearDuplicate(), 1)
    for again in (copy.deepcopy(gate), pickle.loads(pickle.dumps(gate))):
        assert again.objection(draft(0, image=picture(1))) is not None
    assert describe(gate) == {"part": "NearDuplicate", "version": 1, "max_distance": 6}


@pytest.mark.parametrize("limit", [-1, 32])
def test_a_limit_out_of_range_is_refused(limit):
    with pytest.raises(ValueError, match=r"give bits in 0\.\.31"):
        NearDuplicate(max_distance=limit)
