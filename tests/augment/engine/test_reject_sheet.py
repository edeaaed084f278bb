"""The sheet of rejects: what stands on it, that it is spread over the reasons, and that nothing is made for it."""

import shutil

import numpy as np
import pytest
from torchvision.datasets import ImageFolder

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import Gate, Rejected, Request, Segmenter, Subject
from aga_lightning.augment.engine.collection import Collection
from aga_lightning.augment.engine.generation import fill
from aga_lightning.augment.engine.reject_sheet import draw_rejects, rejects_png, spread
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.aga import AGA
from aga_lightning.augment.pretrained import Pretrained
from aga_lightning.augment.segmenters.embedded import GrabCut
from aga_lightning.images.reading import read_image
from aga_lightning.images.records import ImageRecord


class NoPlums(Gate):
    stage = "subject"

    def objection(self, draft):
        return "plums cost $5" if draft.sample.record.class_name == "plum" else None


class NoLimes(Gate):
    stage = "image"

    def objection(self, draft):
        return "limes are sour" if draft.sample.record.class_name == "lime" else None


class Middle(Pretrained, Segmenter):
    """The middle of the image; counts how often its weights are loaded."""

    loaded = 0

    def __init__(self, weights="someone/something"):
        self.weights = weights
        self.revision = self.device = None
        self.dtype = "auto"
        self.batch_size = 2

    def load(self):
        type(self).loaded += 1
        return "weights"

    def segment(self, samples, detections):
        mask = np.zeros((48, 48), bool)
        mask[12:36, 12:36] = self.model == "weights"
        return [Subject(mask, boxes[0], 1.0) for boxes in detections]


class Sulky(Augmenter):
    """Makes nothing and keeps nothing."""

    def augment(self, requests, cache):
        return (Rejected(request, f"not in the mood {request.variant}") for request in requests)


def collect(tmp_path, records, augmenter, degree=2):
    collection = Collection(augmenter, Store(tmp_path / "cache"), records, degree, 0)
    for requests in collection.pending():
        collection.make(requests)
    return collection


@pytest.fixture
def choosy(tmp_path, disc_records):
    """All 16 requests rejected: plums before there is a caption, limes at the end."""
    return collect(tmp_path, disc_records, AGA(segmenter=GrabCut(size=48), gates=[NoPlums(), NoLimes()]))


def words(figure):
    return [" ".join(text.get_text() for text in axis.texts).replace("\n", " ") for axis in figure.axes if axis.texts]


def pictures(figure):
    return [axis.get_images()[0].get_array() for axis in figure.axes if axis.get_images()]


def outlined(figure):
    return sum(bool(axis.collections) for axis in figure.axes)


def test_a_reject_is_shown_with_source_outline_background_caption_and_reason(choosy):
    figure = draw_rejects(choosy, rows=2)
    plum, lime = choosy.requests[0], next(r for r in choosy.requests if r.record.class_name == "lime")
    caption = choosy.augmenter.kept(lime, choosy.store).caption.text
    assert words(figure) == [
        "plum, variant 0: plum_0.png plums cost $5 8 rejected for this reason",
        f"lime, variant 0: lime_0.png limes are sour 8 rejected for this reason {caption}",
    ]
    shown = pictures(figure)
    assert len(shown) == 3 and outlined(figure) == 2
    assert np.array_equal(shown[0], read_image(plum.record.path))
    assert np.array_equal(shown[1], read_image(lime.record.path))
    assert np.array_equal(shown[2], choosy.augmenter.kept(lime, choosy.store).background)


def test_nothing_is_made_for_it(choosy, monkeypatch):
    def refuse(*_):
        raise AssertionError("a sheet makes nothing")

    shutil.rmtree(choosy.store.cache_dir / "index" / "subjects")
    for name in ("captions", "backgrounds"):
        shutil.rmtree(choosy.store.cache_dir / "index" / name)
    bare = Collection(choosy.augmenter, Store(choosy.store.cache_dir), choosy.records, choosy.degree, choosy.seed)
    for part, verb in ((GrabCut, "segment"), (NoPlums, "objection"), (Store, "save")):
        monkeypatch.setattr(part, verb, refuse)
    figure = draw_rejects(bare, rows=4)
    assert len(pictures(figure)) == 4 and outlined(figure) == 0


def test_no_weights_are_loaded_for_it(tmp_path, disc_records):
    collection = Collection(AGA(segmenter=Middle(), gates=[NoPlums()]), Store(tmp_path), disc_records, 1, 0)
    fill(collection, images=False)
    before = Middle.loaded
    assert before > 0 and collection.augmenter.segmenter._model is None
    for requests in collection.pending():
        collection.make(requests)
    assert outlined(draw_rejects(collection)) == 4
    assert Middle.loaded == before


def test_where_nothing_is_rejected_there_is_no_sheet(tmp_path, disc_records):
    collection = collect(tmp_path, disc_records[:1], AGA(segmenter=GrabCut(size=48)), degree=1)
    assert draw_rejects(collection) is None
    assert rejects_png(collection) is None


def test_an_image_that_cannot_be_read_is_told_in_words_without_its_folder(tmp_path, disc_records):
    disc_records[0].path.write_bytes(disc_records[0].path.read_bytes()[:60])
    figure = draw_rejects(collect(tmp_path, disc_records[:2], AGA(segmenter=GrabCut(size=48)), degree=1))
    assert pictures(figure) == []
    assert "plum_0.png cannot be" in words(figure)[0] and str(tmp_path) not in words(figure)[0]


def test_a_method_that_keeps_nothing_shows_the_sources(tmp_path, disc_records):
    collection = collect(tmp_path, disc_records, Sulky())
    figure = draw_rejects(collection, rows=3)
    assert len(pictures(figure)) == 3 and outlined(figure) == 0
    assert all("not in the mood 0 16 rejected" in text for text in words(figure))
    assert len(words(draw_rejects(collection, rows=50))) == 8  # one an image


def test_the_file_leaves_the_folder_an_image_folder_and_is_always_the_same(choosy, tmp_path, disc_records):
    mixed = collect(tmp_path / "mixed", disc_records, AGA(segmenter=GrabCut(size=48), gates=[NoPlums()]))
    mixed.finish(lambda: rejects_png(mixed))
    path = mixed.folder / "rejected.png"
    first = path.read_bytes()
    assert min(read_image(path).size) > 200
    assert ImageFolder(mixed.folder).classes == ["lime"] and len(ImageFolder(mixed.folder)) == 8
    path.unlink()
    mixed.finish(lambda: rejects_png(mixed))
    assert path.read_bytes() == first and b"matplotlib" not in first.lower()


def group(name, images, variants=2):
    return [
        Request(ImageRecord(f"{name}{image}", 0, name, name), variant)
        for image in range(images)
        for variant in range(variants)
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, ["a0", "b0", "c0"]),
        (5, ["a0", "a8", "b0", "b1", "c0"]),
        (6, ["a0", "a4", "a8", "b0", "b1", "c0"]),
        (2, ["a0", "b0"]),
        (0, []),
        (99, [*(f"a{image}" for image in range(9)), "b0", "b1", "c0"]),
    ],
)
def test_rejects_are_spread_over_reasons_then_over_images(count, expected):
    chosen = spread([group("a", 9), group("b", 2), group("c", 1)], count)
    assert [request.record.path for request in chosen] == expected
    assert all(request.variant == 0 for request in chosen)
