from dataclasses import replace

import pytest
from tiny.llama import build_llama

from aga_lightning.augment.base import Caption, Prompt
from aga_lightning.augment.captioners.causal_lm import CausalLM
from aga_lightning.augment.captioners.language_model import LanguageModel, Llama2GPTQ, chosen
from aga_lightning.augment.captioners.template import TemplateCaptioner
from aga_lightning.augment.fingerprint import fingerprint
from aga_lightning.augment.pretrained import PretrainedError
from aga_lightning.augment.prompts import PromptEngine, avoid_words, mentions
from aga_lightning.images.seeds import seed_from

BIRDS = avoid_words(["water ouzel"], ["bird"])
LAKE, CANYON, FLOCK = "A misty lake at dawn.", "Red canyon walls glow at noon.", "A flock of birds above the lake."


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language_model")
    return {"chat": build_llama(folder / "chat", chat=True), "bare": build_llama(folder / "bare")}


def tiny(folder, **settings):
    return LanguageModel(weights=str(folder), **{"max_new_tokens": 16, "batch_size": 4, "device": "cpu", **settings})


def prompts_of_many_lengths():
    """Two of them need a padded length of their own: they name many words to avoid."""
    prompts = [PromptEngine().prompt(seed, BIRDS) for seed in range(4)]
    return [*prompts, replace(prompts[0], avoid=()), replace(prompts[1], avoid=BIRDS * 3)]


class Scripted(LanguageModel):
    """Says what a script has for a prompt and the number of the try; notes who was asked."""

    def __init__(self, script, **settings):
        super().__init__(**settings)
        self.script = script
        self.asked = []

    def answers(self, prompts, seeds):
        numbers = {seed_from(start, number): number for start in range(20) for number in range(1, 20)}
        self.asked.append([prompt.spatial for prompt in prompts])
        return [
            self.script[prompt.spatial][min(numbers[seed], len(self.script[prompt.spatial])) - 1]
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]


def prompt_about(spatial, avoid=BIRDS):
    return Prompt("Describe in a few vivid words the perfect background", spatial, "at dawn", avoid)


def scripted(*answers, **settings):
    """What comes of one prompt to which the model gives these answers."""
    return Scripted({"it": answers}, **settings).caption([prompt_about("it")], [0])[0]


@pytest.mark.parametrize("name", ["chat", "bare"])
def test_a_caption_depends_on_its_own_prompt_and_seed_alone(checkpoints, name):
    captioner = tiny(checkpoints[name], temperature=1.0)
    prompts, seeds = prompts_of_many_lengths(), [3, 1, 4, 1, 5, 9]
    together = captioner.answers(prompts, seeds)
    assert [captioner.answers([prompt], [seed])[0] for prompt, seed in zip(prompts, seeds, strict=True)] == together
    assert captioner.answers(prompts[::-1], seeds[::-1])[::-1] == together
    assert captioner.answers(prompts * 2, seeds * 2) == together * 2
    captions = captioner.caption(prompts, seeds)
    assert [captioner.caption([prompt], [seed])[0] for prompt, seed in zip(prompts, seeds, strict=True)] == captions
    assert [caption.prompt for caption in captions] == prompts
    assert all(mentions(caption.text, caption.prompt.avoid) is None for caption in captions)
    assert any(not caption.fallback for caption in captions)


def test_prompts_of_another_padded_length_share_no_batch(checkpoints, monkeypatch):
    captioner = tiny(checkpoints["chat"])
    batches = []
    answers = CausalLM.answers

    def noted(model, questions, width, *others):
        batches.append((width, questions))
        return answers(model, questions, width, *others)

    monkeypatch.setattr(CausalLM, "answers", noted)
    captioner.answers(prompts_of_many_lengths(), range(6))
    assert len({width for width, _ in batches}) > 1
    for width, batch in batches:
        assert width % 64 == 0 and len(batch) == 4
        assert all(width - 64 < len(tokens) <= width for tokens in batch)


def test_temperature_zero_is_greedy_and_asks_once(checkpoints):
    captioner = tiny(checkpoints["chat"], temperature=0.0)
    prompt = prompts_of_many_lengths()[0]
    assert len(set(captioner.answers([prompt] * 4, range(4)))) == 1
    mute = Scripted({"it": ["", LAKE]}, temperature=0.0)
    assert mute.caption([prompt_about("it")], [0])[0].tries == 1
    assert len(mute.asked) == 1


def test_rubbish_and_words_to_avoid_are_asked_for_again():
    assert scripted(LAKE) == Caption(LAKE, prompt_about("it"))
    assert scripted("12345", FLOCK, f"1. {FLOCK}\n2. {LAKE}") == Caption(LAKE, prompt_about("it"), tries=3)
    assert scripted("Two OUZELS by a misty lake.", LAKE).tries == 2
    assert scripted("A snowbird-free lake at dawn.").tries == 1


def test_the_template_writes_after_the_last_try():
    caption = scripted(FLOCK, tries=3)
    template = TemplateCaptioner().caption([prompt_about("it")], [0])[0]
    assert caption == replace(template, tries=3, fallback=True)
    assert scripted(FLOCK, FLOCK, LAKE, tries=3) == Caption(LAKE, prompt_about("it"), tries=3)


def test_only_those_without_a_caption_are_asked_again_and_together():
    script = {"a": [LAKE], "b": ["", LAKE], "c": [FLOCK, "", CANYON], "d": [CANYON], "e": [""]}
    captioner = Scripted(script, tries=4)
    prompts = [prompt_about(spatial) for spatial in script]
    captions = captioner.caption(prompts, range(5))
    assert captioner.asked == [["a", "b", "c", "d", "e"], ["b", "c", "e"], ["c", "e"], ["e"]]
    assert [caption.tries for caption in captions] == [1, 2, 3, 1, 4]
    assert captions == [captioner.caption([prompt], [seed])[0] for seed, prompt in enumerate(prompts)]
    assert captioner.caption([], []) == []


def test_the_seed_chooses_among_the_captions_of_an_answer():
    answer = f"1. {LAKE}\n2. {FLOCK}\n3. {CANYON}"
    texts = [chosen(answer, prompt_about("it"), seed) for seed in range(40)]
    assert {LAKE, CANYON} == set(texts)
    assert texts == [chosen(answer, prompt_about("it"), seed) for seed in range(40)]
    assert chosen(f"1. {FLOCK}", prompt_about("it"), 0) is None


def test_words_to_avoid_are_left_out_of_a_prompt_that_the_model_could_not_read(checkpoints):
    captioner = tiny(checkpoints["chat"])
    crowded = prompt_about("a pine forest", tuple(f"water ouzel number {number}" for number in range(200)))
    asked = [crowded, replace(crowded, avoid=()), prompt_about("a pine forest")]
    said = captioner.answers(asked, [0, 0, 0])
    assert said[0] == said[1] != said[2]
    assert captioner.caption([crowded], [0])[0].text


def test_a_chat_format_without_a_template_is_told_with_the_remedy(checkpoints):
    with pytest.raises(PretrainedError, match="no chat template: give format alpaca or plain"):
        tiny(checkpoints["bare"], format="chat").caption(prompts_of_many_lengths(), range(6))


@pytest.mark.parametrize(
    "setting",
    [
        {"format": "yaml"},
        {"max_new_tokens": 0},
        {"tries": 0},
        {"batch_size": 0},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_k": -1},
    ],
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match=f"^{next(iter(setting))} is "):
        LanguageModel(**setting)


def test_the_preset_of_the_paper():
    paper = Llama2GPTQ()
    assert (paper.weights, paper.format) == ("TheBloke/Llama-2-13B-chat-GPTQ", "alpaca")
    assert (paper.max_new_tokens, paper.temperature) == (512, 0.7)
    assert fingerprint(paper) != fingerprint(LanguageModel(weights=paper.weights, format="alpaca", max_new_tokens=512))


def test_any_question_is_answered_by_its_seed_if_it_fits(checkpoints):
    model = tiny(checkpoints["chat"], temperature=1.0)
    assert model.fits("word " * 50)
    assert not model.fits("word " * 2000)
    said = [model.reply("A lake in the forest", seed) for seed in (0, 1, 0)]
    assert said[0] == said[2] != said[1]
    tokens = model.model.tokens("A lake in the forest")
    assert model.replies([tokens, tokens], [1, 0]) == [said[1], said[0]]
