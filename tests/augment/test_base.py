from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import BackgroundGenerator, Detection, Gate, Request, SubjectSource
from aga_lightning.images.records import ImageRecord
from aga_lightning.images.samples import Sample


class Painter(BackgroundGenerator):
    def paint(self, scenes):
        return []


class Accelerated(Painter):
    needs_accelerator = True


class Method(Augmenter):
    def __init__(self, painter):
        self.painter = painter

    def augment(self, requests, cache):
        return iter(())


def test_work_for_an_accelerator_is_found_among_the_parts():
    assert not Method(Painter()).accelerated
    assert Method(Accelerated()).accelerated
    assert Method([Painter(), Method(Accelerated())]).accelerated


def test_a_method_that_isolates_nothing_says_so():
    record = ImageRecord(Path("a.png"), 0, "wren", "bird")
    method, request = Method(Painter()), Request(record, 0)
    assert method.subject(record, None) is None
    assert method.learned() is None
    with pytest.raises(TypeError, match=r"Method has no separate backgrounds; use --data\.mode"):
        method.recombine(request, request, 0, None)


class Album(SubjectSource):
    """Knows its photos only by looking at them."""

    def __len__(self):
        return 3

    def digest(self):
        return "all"

    def __getitem__(self, index):
        return Sample(None, ImageRecord(Path(f"{index}.png"), 0, "wren", "bird"), f"digest {index}"), None


def test_a_source_of_subjects_that_knows_no_shortcut_looks_at_its_photos():
    album = Album()
    assert [record.path.name for record in album.records] == ["0.png", "1.png", "2.png"]
    assert album.digests == ["digest 0", "digest 1", "digest 2"]
    assert album.sample(1).digest == "digest 1"


def test_what_passes_between_parts_cannot_be_changed_on_the_way():
    with pytest.raises(FrozenInstanceError):
        Detection((0, 0, 1, 1), 0.5).score = 1.0


def test_a_part_without_its_verb_cannot_be_made():
    with pytest.raises(TypeError, match="objection"):
        type("Silent", (Gate,), {})()
