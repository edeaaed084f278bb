from pathlib import Path

import pytest

from aga_lightning.augment.base import Prompt, Request
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.scenery import Texts
from aga_lightning.augment.engine.store import Store
from aga_lightning.augment.prompts import PromptEngine
from aga_lightning.augment.texts import check_text, filled, names_of
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
    assert filled(check_text(text), names_of(OUZEL), prompt) == expected


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


def test_a_text_is_the_caption_of_a_request_and_a_scene_is_drawn_for_it(tmp_path, disc_records):
    scenes = PromptEngine(spatial=["a desert", "a lake", "a hill"], temporal=["at noon"])
    requests = [Request(disc_records[0], variant) for variant in range(9)]
    texts = Texts("a {class}, {scene}", scenes)
    found = [Runner(Store(tmp_path)).value(texts, request) for request in requests]
    assert {caption.text for caption in found} == {f"a plum, {place} at noon" for place in scenes.spatial}
    keys = {Runner(Store(tmp_path)).key(texts, request) for request in requests}
    assert len(keys) == 3, "what shows the same has the same key"
    assert Runner(Store(tmp_path)).value(Texts("its own background"), requests[0]).text == "its own background"
