import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.prompts import PRESETS, PromptEngine, avoid_words, engineered_text, mentions, without

ANIMALS = avoid_words((), ("bird", "dog", "cat", "fish", "snake", "spider", "insect", "cattle", "horse", "frog"))


PLURALS = """
import inspect, typeguard
from aga_lightning.augment.prompts import avoid_words
inspect.getsource, checked = None, typeguard.typechecked
assert "water ouzels" in avoid_words(["water ouzel"], [])
assert typeguard.typechecked is checked
"""


def test_plurals_are_loaded_without_rewriting_their_module():
    pytest.importorskip("typeguard", reason="inflect 7.0 has no use for it")
    subprocess.run([sys.executable, "-c", PLURALS], check=True)


def test_paper_set_sizes():
    sets = PRESETS["aga_lightning-18x13"]
    assert [len(entries) for entries in sets] == [3, 18, 13]
    assert PromptEngine().sets == sets


@pytest.mark.parametrize("preset", PRESETS)
def test_no_entry_names_an_animal(preset):
    assert not [entry for entries in PRESETS[preset] for entry in entries if mentions(entry, ANIMALS)]


def test_every_combination_is_drawn_about_equally_often():
    engine = PromptEngine()
    draws = 702 * 20
    counts = Counter(engine.prompt(seed) for seed in range(draws))
    assert len(counts) == 702
    chi_squared = sum((count - 20) ** 2 / 20 for count in counts.values())
    assert abs(chi_squared - 701) < 5 * (2 * 701) ** 0.5


def test_a_prompt_depends_on_its_seed_alone():
    engine = PromptEngine()
    first = engine.prompt(7, ("bird",))
    engine.prompt(8)
    assert engine.prompt(7, ("bird",)) == first == PromptEngine().prompt(7, ("bird",))
    assert first.avoid == ("bird",)


def test_exclude_and_include_narrow_the_sets():
    engine = PromptEngine(include=("brick", "dunes"), exclude=("dusk", "night"))
    assert engine.sets.spatial == ("a desert of sand dunes", "an old brick wall")
    assert len(engine.sets.temporal) == 11


def test_own_lists_replace_the_preset():
    engine = PromptEngine(spatial=["a quarry"], temporal=["at teatime"])
    assert engine.sets == (PRESETS["aga_lightning-18x13"].instructions, ("a quarry",), ("at teatime",))


@pytest.mark.parametrize(
    "arguments", [{"preset": "nothing"}, {"exclude": ["spaceship"]}, {"spatial": ["a quarry"], "exclude": ["quarry"]}]
)
def test_wrong_settings_are_refused(arguments):
    with pytest.raises(ValueError):
        PromptEngine(**arguments)


def test_a_setting_that_names_an_avoided_word_is_not_drawn():
    avoid = avoid_words(["daisy"], ["flower"])
    places = {PromptEngine().prompt(seed, avoid).spatial for seed in range(500)}
    assert "a garden of flower beds" not in places
    assert len(places) == 17


def test_avoid_words_cover_plurals_singulars_heads_and_synonyms():
    words = avoid_words(["water ouzel", "Black_footed-Albatross", "elephants", "goose"], ["bird"])
    expected = {"water ouzels", "ouzel", "black footed albatrosses", "elephant", "geese", "bird", "birds", "songbird"}
    assert expected <= set(words)
    assert "elephantss" not in words
    assert list(words) == sorted(set(words))
    assert all(word == word.lower() and "_" not in word for word in words)


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("fresh snow", ["now"], None),
        ("a bird table", ["bird"], "bird"),
        ("two GULLS.", ["gull"], "gull"),
        ("a gull", ["gulls"], "gulls"),
        ("a sea gull", ["gull"], "gull"),
        ("a gull at sea", ["sea gull"], None),
        ("a Sea_Gull, a sea-gull", ["sea gull"], "sea gull"),
        ("a seagull", ["sea gull"], "sea gull"),
        ("snake_case", ["snake"], "snake"),
        ("wild geese overhead", ["bird", "goose"], "goose"),
        ("birdsong", ["bird"], None),
        ("anything", [], None),
        ("anything", [""], None),
    ],
)
def test_mentions_finds_whole_words_only(text, words, found):
    assert mentions(text, words) == found


WORDS = st.text("abcde", min_size=2, max_size=5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(WORDS, max_size=8), st.lists(WORDS, max_size=3))
def test_without_leaves_no_mention(text, words):
    kept = without(" ".join(text), words)
    assert mentions(kept, words) is None
    assert set(kept.split()) <= set(text)


def test_engineered_text_says_it_all():
    prompt = PromptEngine().prompt(3, ("bird", "ouzel"))
    text = engineered_text(prompt)
    for part in (prompt.instruction, prompt.spatial, prompt.temporal, "one line", "bird, ouzel"):
        assert part in text
    assert "Do not use" not in engineered_text(PromptEngine().prompt(3))
