"""What every control shares, seen on the smallest of them."""

import numpy as np
import pytest

from aga_lightning.augment.base import BackgroundGenerator, Gate, Rejected, Request
from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.detectors.embedded import CentrePrior
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.methods.background_control import BackgroundControl
from aga_lightning.augment.segmenters.embedded import GrabCut


class Count(BackgroundGenerator):
    """Paints everything in the grey of how many photos it was lent."""

    borrows = True

    def borrow(self, training):
        self.lent = [training[index] for index in range(len(training))]

    def paint(self, scenes):
        return [np.full((scene.size[1], scene.size[0], 3), len(self.lent), np.uint8) for scene in scenes]


class Refuses(Gate):
    """Accepts no subject."""

    stage = "subject"

    def objection(self, draft):
        return "no subject is good enough"


class Plain(BackgroundControl):
    """The smallest control."""

    def __init__(self, gates=None):
        super().__init__(Count(), CentrePrior(), GrabCut(size=48), Merging(edge="hard"), gates, 48)

    @property
    def remark(self):
        return "as many as there are"


@pytest.fixture
def cache(tmp_path):
    return Store(tmp_path / "cache")


def test_a_control_says_by_what_it_paints_and_what_it_remarks(disc_records, cache):
    control = Plain()
    control.prepare(disc_records, cache)
    (made,) = control.augment([Request(disc_records[0], 0)], cache)
    assert made.facts["caption"] == "as many as there are", "nobody is asked for a caption"
    corners = made.image[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == len(disc_records)).all()
    assert control.stages(cache) == [], "no part of it has a model"


def test_a_subject_that_is_refused_is_lent_and_not_augmented(disc_records, cache):
    control = Plain([Refuses()])
    control.prepare(disc_records, cache)
    (made,) = control.augment([Request(disc_records[0], 0)], cache)
    assert isinstance(made, Rejected) and made.reason == "no subject is good enough"
    assert all(subject is not None for _, subject in control.painter.lent), "nobody else will stand before its photo"


def test_the_photos_that_are_lent_are_part_of_what_decides(disc_records, cache):
    few, all_of_them = Plain(), Plain()
    few.prepare(disc_records[:4], cache)
    all_of_them.prepare(disc_records, cache)
    assert few.learned()["borrowed"] != all_of_them.learned()["borrowed"]
    assert few.learned()["painter"] == all_of_them.learned()["painter"]
