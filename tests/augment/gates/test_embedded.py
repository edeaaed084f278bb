from pathlib import Path

import numpy as np
import pytest

from aga_lightning.augment.base import Caption, Detection, Draft, ImageRecord, Prompt, Subject
from aga_lightning.augment.gates.embedded import AvoidedWords, BlankBackground, MaskSanity, SaliencyAgreement
from aga_lightning.images.samples import Sample

IMAGE = np.full((100, 100, 3), 100, np.uint8)


def draft(mask=None, score=0.9, image=IMAGE, **more):
    sample = Sample(image, ImageRecord(Path("x.png"), 0, "a", "a"), "0" * 64)
    subject = None if mask is None else Subject(mask, Detection((0, 0, 1, 1), 1.0), score)
    return Draft(sample, subject, **more)


def square(top, left, bottom, right):
    mask = np.zeros((100, 100), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_each_objection_names_the_number():
    gate = MaskSanity()
    assert gate.stage == "subject"
    assert gate.objection(draft(square(30, 30, 70, 70))) is None
    assert gate.objection(draft()) == "no subject was found"
    assert gate.objection(draft(square(0, 0, 0, 0))) == "no subject was found"
    assert "1.0% of the picture" in gate.objection(draft(square(40, 40, 50, 50)))
    assert "81.0% of the picture" in gate.objection(draft(square(5, 5, 95, 95)))
    assert "20.0% of the picture's border" in gate.objection(draft(square(0, 10, 30, 90)))
    pieces = square(10, 10, 30, 30) | square(10, 50, 30, 70) | square(50, 10, 70, 30) | square(50, 50, 70, 70)
    assert "4 parts" in gate.objection(draft(pieces))
    assert "score is 0.10" in gate.objection(draft(square(30, 30, 70, 70), 0.1))


def test_bands_of_landscape_are_refused_unless_allowed():
    band = square(40, 0, 55, 100)
    assert "from the left to the right edge" in MaskSanity().objection(draft(band))
    assert "from the top to the bottom edge" in MaskSanity().objection(draft(band.T))
    assert MaskSanity(allow_spanning=True).objection(draft(band)) is None


def test_stopping_just_short_of_the_border_counts_as_touching_it():
    short = np.zeros((300, 300), bool)
    short[120:160, 2:298] = True
    assert "from the left to the right edge" in MaskSanity().objection(draft(short))
    short[:, :5] = short[:, -5:] = False
    assert MaskSanity().objection(draft(short)) is None


def test_specks_are_no_parts():
    mask = square(30, 30, 70, 70)
    mask[3:95:9, 5] = True
    assert MaskSanity().objection(draft(mask)) is None


def test_a_subject_elsewhere_than_the_salient_region_is_refused():
    image = IMAGE.copy()
    image[30:70, 30:70] = (220, 40, 40)
    gate = SaliencyAgreement()
    assert gate.objection(draft(square(30, 30, 70, 70), image=image)) is None
    assert "overlap by 0.0" in gate.objection(draft(square(5, 5, 25, 25), image=image))
    assert gate.objection(draft()) == "no subject was found"


def test_captions_that_name_the_subject_are_refused():
    gate = AvoidedWords()
    prompt = Prompt("describe", "a beach", "at dawn", ("gull", "snow bunting"))
    assert gate.stage == "caption"
    assert gate.objection(draft(caption=Caption("a snowy beach at dawn", prompt))) is None
    assert '"gull"' in gate.objection(draft(caption=Caption("Gulls over a beach", prompt)))
    assert gate.objection(draft()) is None


@pytest.mark.parametrize("level", [0, 100, 255])
def test_blank_backgrounds_are_refused_and_pictures_are_not(level):
    gate = BlankBackground()
    assert gate.stage == "background"
    noise = np.random.default_rng(0).integers(-1, 2, (50, 50, 3))
    nearly = np.clip(level + noise, 0, 255).astype(np.uint8)
    assert "nearly blank" in gate.objection(draft(background=nearly))
    fog = np.repeat(np.linspace(180, 210, 50, dtype=np.uint8)[:, None], 50, 1)[..., None].repeat(3, 2)
    assert gate.objection(draft(background=fog)) is None
    assert gate.objection(draft()) is None
