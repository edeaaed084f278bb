from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.base import Prompt
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.prompts import PRESETS, PromptEngine, avoid_words, mentions


def caption(prompt, seed):
    return TemplateCaptioner().caption([prompt], [seed])[0]


def test_setting_and_time_are_in_every_caption():
    for number, words in enumerate(product(*PRESETS["aga_lightning-18x13"])):
        prompt = Prompt(*words)
        text = caption(prompt, number).text
        assert prompt.spatial in text.lower() and prompt.temporal in text.lower()
        assert text[0].isupper() and text.endswith(".") and "  " not in text


def test_a_caption_does_not_depend_on_its_batch():
    prompts = [PromptEngine().prompt(seed) for seed in range(6)]
    batch = TemplateCaptioner().caption(prompts, range(6))
    assert batch == [caption(prompt, seed) for seed, prompt in enumerate(prompts)]
    assert [one.prompt for one in batch] == prompts


def test_settings_with_their_own_preposition_read_well():
    for spatial in PRESETS["official-17"].spatial:
        prompt = Prompt("Describe", spatial, "")
        for seed in range(8):
            text = f" {caption(prompt, seed).text.lower()} "
            assert not any(f" {word} {prompt.spatial}" in text for word in ("of", "near", "showing"))


AVOIDED = avoid_words(["lakeside", "view"], ["scene", "photograph", "light", "landscape", "ground"])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(PRESETS["aga_lightning-18x13"].spatial),
    st.lists(st.sampled_from([*AVOIDED, "meadow", "forest", "rain", "dawn"]), max_size=12),
    st.integers(0, 2**63),
)
def test_no_caption_contains_an_avoided_word(spatial, avoid, seed):
    text = caption(Prompt("Describe", spatial, "at dawn", tuple(avoid)), seed).text
    assert mentions(text, avoid) is None
    assert text
