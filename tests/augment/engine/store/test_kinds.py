"""Lines of earlier releases, which have no checksum: those that a shelf writes are taken, all others are not."""

import pickle

import pytest

from aga_lightning.augment.engine.store import kinds

DIGEST = "0123456789abcdef" * 4
IMAGE = {"class": "owl", "source": "owls/1.jpg", "source_sha256": DIGEST, "variant": 0}
CAPTION = {"caption": "a lake", "tries": 1, "fallback": False, "seed": 3}
PHOTO = {"subject": 0.2, "boxed": 1, "box": None}
STAGES = {stage: kinds.of_stage(stage) for stage in kinds.STAGES}

GOOD = [
    (kinds.sources, {"digest": DIGEST}, False),
    (kinds.sources, {"digest": DIGEST, "pixels": DIGEST}, False),
    (kinds.augmented, IMAGE | {"caption": "a lake"}, True),
    (kinds.augmented, IMAGE | {"rejected": "too dark"}, False),
    (kinds.background_sets, {"background": "owl/1.jpg"}, True),
    (kinds.background_sets, PHOTO, False),
    (kinds.background_sets, PHOTO | {"box": [0.5, 1, 2, 3]}, False),
    ("boxes", {"detector": "Whole", "boxes": []}, False),
    ("boxes", {"boxes": [[0, 0, 1.5, 1, 0.9]]}, False),
    ("subjects", {"segmenter": "GrabCut", "subjects": [[0, 0, 1, 1, 0.9, 0.8]]}, True),
    ("subjects", {"segmenter": "GrabCut"}, False),
    ("captions", CAPTION, False),
    ("backgrounds", {"painter": "Procedural"}, True),
    ("verdicts", {"objection": None}, False),
    ("verdicts", {"objection": "too dark"}, False),
    ("verdicts", {"chosen": 1, "scores": [0.1, 0.2]}, False),
    ("descriptions", {"description": "an owl"}, False),
    ("domains", {"domains": ["in snow"]}, False),
    ("embeddings", {"token": "<owl>"}, True),
    ("pictures", {"text": "an owl"}, True),
    ("pictures", {"unreadable": "owl.jpg is empty"}, False),
    ("subjects", {"unreadable": "owl.jpg is empty"}, False),
]
BAD = [
    (kinds.sources, {}, False),
    (kinds.sources, {"digest": 7}, False),
    (kinds.sources, {"digest": DIGEST, "pixels": 7}, False),
    (kinds.sources, {"digest": DIGEST[1:]}, False),
    (kinds.sources, {"digest": DIGEST.upper()}, False),
    (kinds.sources, {"digest": DIGEST}, True),
    (kinds.augmented, IMAGE, False),
    (kinds.augmented, IMAGE | {"rejected": None}, False),
    (kinds.augmented, IMAGE | {"rejected": "too dark"}, True),
    *((kinds.augmented, {name: IMAGE[name] for name in IMAGE if name != gone}, True) for gone in IMAGE),
    (kinds.augmented, IMAGE | {"variant": True}, True),
    (kinds.augmented, IMAGE | {"source_sha256": "1"}, True),
    (kinds.background_sets, {}, False),
    (kinds.background_sets, PHOTO | {"subject": "0.2"}, False),
    (kinds.background_sets, PHOTO | {"box": [1, 2, 3]}, False),
    ("boxes", {}, False),
    ("boxes", {"boxes": [[0, 0, 1, 1]]}, False),
    ("boxes", {"boxes": [[0, 0, 1, 1, "0.9"]]}, False),
    ("boxes", {"boxes": [[0, 0, 1, 1, 0.9]]}, True),
    ("subjects", {}, True),
    ("subjects", {"subjects": []}, True),
    ("subjects", {"subjects": [[0, 0, 1, 1, 0.9]]}, True),
    ("subjects", {"subjects": {"a": 1}}, True),
    ("subjects", {"subjects": [[0, 0, 1, 1, 0.9, 0.8]]}, False),
    *(("captions", {name: CAPTION[name] for name in CAPTION if name != gone}, False) for gone in list(CAPTION)[:3]),
    ("captions", CAPTION | {"tries": "1"}, False),
    ("captions", CAPTION, True),
    ("backgrounds", {"painter": "Procedural"}, False),
    ("verdicts", {}, False),
    ("verdicts", {"objection": 1}, False),
    ("verdicts", {"objection": None}, True),
    ("verdicts", {"chosen": 2, "scores": [0.1, 0.2]}, False),
    ("verdicts", {"chosen": 0, "scores": ["0.1"]}, False),
    ("verdicts", {"chosen": "0", "scores": [0.1]}, False),
    ("descriptions", {"description": None}, False),
    ("domains", {"domains": "in snow"}, False),
    ("domains", {"domains": [1]}, False),
    ("embeddings", {"token": "<owl>"}, False),
    ("pictures", {"text": "an owl"}, False),
    ("pictures", {"unreadable": 1}, False),
]


@pytest.mark.parametrize(("kind", "facts", "file"), GOOD)
def test_what_a_shelf_writes_is_taken(kind, facts, file):
    assert STAGES.get(kind, kind)(facts, file) is True


@pytest.mark.parametrize(("kind", "facts", "file"), BAD)
def test_what_no_shelf_writes_is_not(kind, facts, file):
    assert not STAGES.get(kind, kind)(facts, file)


def test_each_stage_has_a_kind_that_can_travel_to_another_process():
    assert {kind for kind, *_ in GOOD if isinstance(kind, str)} == set(STAGES)
    assert pickle.loads(pickle.dumps(STAGES["domains"]))({"domains": []}, False)
    assert kinds.anything({}, False)
