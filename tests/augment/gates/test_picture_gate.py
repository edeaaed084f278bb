"""Tests for `aga_lightning.augment.gates.picture_gate`."""

from aga_lightning.augment.base import Draft
from aga_lightning.augment.gates.picture_gate import PictureGate


class Named(PictureGate):
    """Objects to every picture by its name; strings stand in for pixels."""

    stage = "background"

    def judge(self, drafts, pictures):
        return list(pictures)


def test_drafts_without_a_picture_are_accepted_and_the_others_keep_their_places():
    drafts = [Draft(None, background="sea"), Draft(None, image="bird"), Draft(None, background="wood")]
    assert Named().objections(drafts) == ["sea", None, "wood"]
    assert Named().objection(drafts[0]) == "sea"
    assert Named().objections([drafts[1]]) == [None]
