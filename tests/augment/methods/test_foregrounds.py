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
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.engine.workload import StandIns
from aga_lightning.augment.methods.foregrounds import PaintedForegrounds


class Noise(BackgroundGenerator):
    """Smooth noise, so that a network has something to tell apart."""

    def paint(self, scenes):
        coarse = [np.random.default_rng(scene.seed).integers(0, 256, (4, 4, 3), np.uint8) for scene in scenes]
        return [np.kron(picture, np.ones((8, 8, 1), np.uint8)) for picture in coarse]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def painted(painter, selector=None, candidates=1, per_class=None, texts=("a {class}", "the {class} on white")):
    return PaintedForegrounds(painter, texts, per_class, candidates, selector, "a photo of a {class}", 32)


def requests(records, variants=2):
    return [Request(record, variant) for record in records for variant in range(variants)]


def test_the_candidate_with_the_highest_score_of_clip_itself_is_chosen(tmp_path, store, disc_records):
    save_clip(tmp_path / "clip")
    model = CLIPModel.from_pretrained(tmp_path / "clip").eval()
    processor = CLIPProcessor.from_pretrained(tmp_path / "clip")
    of = painted(Noise(), Clip(weights=str(tmp_path / "clip"), device="cpu", batch_size=3), candidates=4)
    chosen = set()
    for request in requests(disc_records):
        foreground = of.of(request, store)
        pictures = of.all_of(foreground, store)
        text = f"a photo of a {request.record.class_name}"
        inputs = processor(
            text=[text], images=[Image.fromarray(p) for p in pictures], return_tensors="pt", padding=True
        )
        with torch.no_grad():
            scores = (model(**inputs).logits_per_image[:, 0] / model.logit_scale.exp()).numpy()
        best = int(scores.argmax())
        assert of.choose([foreground], store) == [best]
        assert np.array_equal(of.picture(foreground, store), pictures[best])
        assert of.score(foreground, store) == pytest.approx(scores[best], abs=1e-5)
        chosen.add(best)
    assert len(chosen) > 1


def test_a_picture_that_clip_cannot_judge_is_chosen_last(store, log, disc_records):
    class Blind(ColourClip):
        def image_features(self, images):
            features = super().image_features(images)
            features[::2] = np.nan
            return features

    of = painted(DiscPainter(str(log)), Blind(str(log)), candidates=2)
    assert of.choose([of.of(request, store) for request in requests(disc_records)], store) == [1] * 16


def test_one_candidate_is_taken_as_it_is(store, log, disc_records):
    of = painted(DiscPainter(str(log)))
    foreground = of.of(Request(disc_records[0], 0), store)
    assert of.key(foreground) == of.keys(foreground)[0]
    assert (of.choose([foreground], store), of.score(foreground, store)) == ([0], None)


def test_candidates_share_the_words_and_differ_in_their_seeds(store, log, disc_records):
    of = painted(DiscPainter(str(log)), ColourClip(str(log)), candidates=3)
    foregrounds = [of.of(request, store) for request in requests(disc_records, 4)]
    keys = [key for foreground in foregrounds for key in of.keys(foreground)]
    assert len(set(keys)) == len(keys) == 3 * 32
    assert {f.text for f in foregrounds} == {"a plum", "the plum on white", "a lime", "the lime on white"}


def test_foregrounds_of_a_class_are_shared_by_its_images_and_by_no_other(store, log, disc_records):
    of = painted(DiscPainter(str(log)), per_class=3)
    asked = requests(disc_records, 10)
    drawn = Counter((request.record.class_name, of.key(of.of(request, store))) for request in asked)
    assert Counter(name for name, _ in drawn) == {"plum": 3, "lime": 3}
    assert len({key for _, key in drawn}) == 6
    assert min(drawn.values()) > 4


def test_a_foreground_depends_on_the_run_seed_the_image_and_the_number(store, log, disc_records):
    of = painted(DiscPainter(str(log)))
    first = of.of(Request(disc_records[0], 0), store)
    assert of.of(Request(disc_records[0], 0), Store(store.cache_dir / "other")) == first
    others = [Request(disc_records[0], 0, 1), Request(disc_records[0], 1), Request(disc_records[1], 0)]
    assert first.seed not in {of.of(request, store).seed for request in others}


def test_keys_are_known_before_anything_is_painted(store, log, disc_records):
    of = painted(DiscPainter(str(log)), ColourClip(str(log)), candidates=2)
    foreground = of.of(Request(disc_records[0], 0), StandIns(store))
    before = of.key(foreground), of.keys(foreground)
    assert not of.is_kept(foreground, store)
    assert not log.exists()
    of.picture(foreground, store)
    assert (of.key(foreground), of.keys(foreground)) == before
    assert of.is_kept(foreground, store)


def test_what_is_kept_is_not_painted_or_judged_again(store, log, disc_records):
    foregrounds = [painted(DiscPainter(str(log))).of(request, store) for request in requests(disc_records)]
    for _ in range(2):
        of = painted(DiscPainter(str(log)), ColourClip(str(log)), candidates=2)
        of.choose(foregrounds, store)
    assert calls(log)["disc"] == calls(log)["look"] == 32


def test_the_key_of_a_choice_tells_who_chose_and_by_which_words(store, log, disc_records):
    settings = {"painter": DiscPainter(str(log)), "selector": ColourClip(str(log)), "candidates": 2}
    of = painted(**settings)
    foreground = of.of(Request(disc_records[0], 0), store)
    by_words = PaintedForegrounds(of.painter, of.texts, None, 2, of.selector, "a {class}", 32)
    others = [painted(**(settings | {"selector": Clip()})), painted(**(settings | {"candidates": 3})), by_words]
    assert of.key(foreground) not in {other.key(foreground) for other in others}
