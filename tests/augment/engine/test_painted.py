from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from tiny.clip_model import save_clip
from tiny.costly import calls
from tiny.painted import ColourClip, DiscPainter
from transformers import CLIPModel, CLIPProcessor

from aga_lightning.augment.base import BackgroundGenerator, Request
from aga_lightning.augment.clip import Clip
from aga_lightning.augment.engine.painted import Candidates, ForegroundRecords, Foregrounds, PaintedPhoto, Selection
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.store import Store


class Noise(BackgroundGenerator):
    """Smooth noise, so that a network has something to tell apart."""

    def paint(self, scenes):
        coarse = [np.random.default_rng(scene.seed).integers(0, 256, (4, 4, 3), np.uint8) for scene in scenes]
        return [np.kron(picture, np.ones((8, 8, 1), np.uint8)) for picture in coarse]


class Painted:
    """The steps up to the chosen foreground."""

    def __init__(self, painter, selector=None, candidates=1, per_class=None, likeness="a photo of a {class}"):
        self.records = ForegroundRecords(
            painter=painter,
            texts=("a {class}", "the {class} on white"),
            per_class=per_class,
            candidates=candidates,
            selector=selector,
            likeness=likeness,
            max_side=32,
        )
        self.candidates = Candidates(Foregrounds(self.records), self.records)
        self.selection = selector and Selection(selector, self.candidates, self.records)
        self.photo = PaintedPhoto(self.records, self.candidates, self.selection)


def requests(records, variants=2):
    return [Request(record, variant) for record in records for variant in range(variants)]


def test_the_candidate_with_the_highest_score_of_clip_itself_is_chosen(tmp_path, store, disc_records):
    save_clip(tmp_path / "clip")
    model = CLIPModel.from_pretrained(tmp_path / "clip").eval()
    processor = CLIPProcessor.from_pretrained(tmp_path / "clip")
    of = Painted(Noise(), Clip(weights=str(tmp_path / "clip"), device="cpu", batch_size=3), candidates=4)
    chosen = set()
    for request in requests(disc_records):
        runner = Runner(store)
        pictures = runner.value(of.candidates, request)
        text = f"a photo of a {request.record.class_name}"
        inputs = processor(
            text=[text], images=[Image.fromarray(p) for p in pictures], return_tensors="pt", padding=True
        )
        with torch.no_grad():
            scores = (model(**inputs).logits_per_image[:, 0] / model.logit_scale.exp()).numpy()
        best = int(scores.argmax())
        number, likeness = runner.value(of.selection, request)
        assert number == best and likeness == pytest.approx(scores[best], abs=1e-5)
        sample = runner.value(of.photo, request)
        assert np.array_equal(sample.image, pictures[best]) and sample.record.likeness == likeness
        chosen.add(best)
    assert len(chosen) > 1


def test_a_picture_that_clip_cannot_judge_is_chosen_last(store, log, disc_records):
    class Blind(ColourClip):
        def image_features(self, images):
            features = super().image_features(images)
            features[::2] = np.nan
            return features

    of = Painted(DiscPainter(str(log)), Blind(str(log)), candidates=2)
    assert {Runner(store).value(of.selection, request).number for request in requests(disc_records)} == {1}


def test_candidates_share_the_words_and_differ_in_their_seeds(store, log, disc_records):
    of = Painted(DiscPainter(str(log)), ColourClip(str(log)), candidates=3)
    asked = [one for request in requests(disc_records, 4) for one in of.candidates.members(request, Runner(store))]
    keys = {Runner(store).key(of.candidates.each, one) for one in asked}
    assert len(keys) == len(asked) == 3 * 32
    texts = {of.records.of(one, store.digest).text for one in asked}
    assert texts == {"a plum", "the plum on white", "a lime", "the lime on white"}


def test_foregrounds_of_a_class_are_shared_by_its_images_and_by_no_other(store, log, disc_records):
    of = Painted(DiscPainter(str(log)), per_class=3)
    asked = requests(disc_records, 10)
    drawn = Counter((request.record.class_name, Runner(store).key(of.photo, request)) for request in asked)
    assert Counter(name for name, _ in drawn) == {"plum": 3, "lime": 3}
    assert len({key for _, key in drawn}) == 6
    assert min(drawn.values()) > 4


def test_a_foreground_depends_on_the_run_seed_the_image_and_the_number(store, log, disc_records):
    of = Painted(DiscPainter(str(log))).records.of
    first = of(Request(disc_records[0], 0), store.digest)
    assert of(Request(disc_records[0], 0), Store(store.cache_dir / "other").digest) == first
    others = [Request(disc_records[0], 0, 1), Request(disc_records[0], 1), Request(disc_records[1], 0)]
    assert first.seed not in {of(request, store.digest).seed for request in others}


def test_nothing_is_painted_or_judged_twice_or_for_a_key(store, log, disc_records):
    request = Request(disc_records[0], 0)
    of = Painted(DiscPainter(str(log)), ColourClip(str(log)), candidates=2)
    before = Runner(store).key(of.photo, request)
    assert of.photo.peek(request, Runner(store)) is None and not log.exists()
    for _ in range(2):
        Runner(store).value(of.photo, request)
    assert Runner(store).key(of.photo, request) == before
    assert of.photo.peek(request, Runner(store)).record.text == of.records.of(request, store.digest).text
    assert calls(log)["disc"] == calls(log)["look"] == 2


def test_what_stands_for_the_digest_of_a_file_tells_who_chose_and_by_which_words(store, log, disc_records):
    settings = {"painter": DiscPainter(str(log)), "selector": ColourClip(str(log)), "candidates": 2}
    changed = ({}, {"selector": Clip()}, {"candidates": 3}, {"likeness": "a {class}"}, {"candidates": 1})
    digests = set()
    for change in changed:
        records = Painted(**(settings | change)).records
        digests.add(records.digest(records.of(Request(disc_records[0], 0), store.digest)))
    assert len(digests) == len(changed)
