from pathlib import Path

import pytest

from aga_lightning.augment.base import Prompt
from aga_lightning.augment.methods.wording import check_text, filled
from aga_lightning.images.records import ImageRecord

OUZEL = ImageRecord(Path("ouzel.jpg"), 0, "water_ouzel", "song_bird")


@pytest.mark.parametrize(
    ("text", "prompt", "expected"),
    [
        (
            "a photo of a {class}, {scene}",
            Prompt("", "a desert", "at noon"),
            "a photo of a water ouzel, a desert at noon",
        ),
        ("a {superclass} in {scene}", Prompt("", "", "winter"), "a song bird in winter"),
        ("{scene}", Prompt("Describe", "a desert", ""), "a desert"),
        ("a {class} and a {class}", None, "a water ouzel and a water ouzel"),
        ("{{a}} {class}{scene}", None, "{a} water ouzel"),
        ("snow", None, "snow"),
    ],
)
def test_places_are_filled_with_words_in_place_of_underscores(text, prompt, expected):
    assert filled(check_text(text), OUZEL, prompt) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a {clas}", r"holds {clas}; there are {class}, {superclass}, {scene}$"),
        ("a {}", r"holds {}; there are"),
        ("a {0}", r"holds \{0\}; there are"),
        ("a {class.label}", r"holds {class\.label}; there are"),
        ("a {class", r"cannot be read \(.*\); write a brace twice to mean itself$"),
        ("a }", r"cannot be read"),
    ],
)
def test_what_cannot_be_filled_is_told(text, words):
    with pytest.raises(ValueError, match=words):
        check_text(text)


def test_a_method_may_have_places_of_its_own():
    assert check_text("a photo of a {token}", ("token",)) == "a photo of a {token}"
    with pytest.raises(ValueError, match=r"holds {class}; there are {token}$"):
        check_text("a photo of a {class}", ("token",))
