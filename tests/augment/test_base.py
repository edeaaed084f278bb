from pathlib import Path

import numpy as np
import pytest

from aga_lightning.augment.augmenter import Augmenter
from aga_lightning.augment.base import BackgroundGenerator, Detection, Gate, Request, Subject
from aga_lightning.images.records import ImageRecord


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


def test_a_subject_is_visible_where_its_alpha_is_not_nothing():
    alpha, detection = np.array([[0, 1, 127, 128, 255]], np.uint8), Detection((0, 0, 5, 1), 1.0)
    soft = Subject(alpha >= 128, detection, 1.0, alpha=alpha)
    assert soft.visible.tolist() == [[False, True, True, True, True]]
    assert Subject(soft.mask, detection, 1.0).visible is soft.mask


def test_a_part_without_its_verb_cannot_be_made():
    with pytest.raises(TypeError, match="objection"):
        type("Silent", (Gate,), {})()
