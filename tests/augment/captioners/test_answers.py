import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.base import Prompt
from aga_lightning.augment.captioners.answers import LONGEST, candidates, shortened
from aga_lightning.augment.prompts import engineered_text

QUESTION = engineered_text(
    Prompt("Describe in a few vivid words the perfect background", "a pine forest", "at dawn", ("bird", "birds"))
)
LAKE, CANYON = "A misty lake at dawn.", "Red canyon walls glow at noon."


@pytest.mark.parametrize(
    "answer",
    [
        f"1. {LAKE}\n2. {CANYON}",
        f"1) {LAKE}\n2) {CANYON}",
        f"  1.  {LAKE}\r\n\r\n  2.  {CANYON}\r\n",
        f"Prompt 1: {LAKE}\nPrompt 2: {CANYON}",
        f'**Prompt 1:** "{LAKE}"\n\n**Prompt 2:** \u201c{CANYON}\u201d',
        f"- {LAKE}\n- {CANYON}",
        f"* **{LAKE}**\n* *{CANYON}*",
        f"Sure! Here are two vivid prompts:\n\n1. {LAKE}\n2. {CANYON}\n\nLet me know if you would like more!",
        f"Here are two: 1. {LAKE} 2. {CANYON}",
        f"1. A misty lake\nat dawn.\n2. {CANYON}",
        f"{LAKE}\n{CANYON}",
        f"{LAKE}\n\n{CANYON}\n\nI hope this helps!",
        f"<think>Two lines, then.</think>\n1. {LAKE}\n2. {CANYON}",
        f"Two lines, then.\n</think>\n1. {LAKE}\n2. {CANYON}",
        f"### Response:\n1. {LAKE}\n2. {CANYON}\n\n### Instruction:\nDescribe a wide desert at noon.",
        f"1. {LAKE}\n2. {CANYON}\n3. An old brick wall un",
    ],
)
def test_two_captions_in_any_shape(answer):
    assert candidates(answer, QUESTION) == [LAKE, CANYON]


@pytest.mark.parametrize(
    "answer",
    [
        LAKE,
        f"Sure! {LAKE}",
        f'Certainly! Here is a caption: "{LAKE}"',
        f'"{LAKE}" This caption evokes calm.',
        f"Caption: {LAKE}",
        f"{LAKE}</s><s>[INST] More. [/INST]",
        f"{QUESTION} {LAKE}",
        f"{QUESTION}\n{LAKE}",
        f"{LAKE}\n{LAKE}",
        f"\u4e00\u53ea\u9e1f, \u4e00\u4e2a\u6e56, \u9ece\u660e.\n{LAKE}",
        f"{LAKE} And beyond it the woo",
    ],
)
def test_one_caption_in_any_shape(answer):
    assert candidates(answer, QUESTION) == [LAKE]


def test_a_plain_paragraph_is_a_caption():
    text = "Still water lies\nbetween tall pines, and a pale light rises. Mist hangs over 3.5 miles of shore."
    assert candidates(text, QUESTION) == [text.replace("\n", " ")]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        " \n\t\n ",
        "1.\n2.\n3.",
        "12345 67890 !!! ???",
        "lake dawn",
        "the the the the the the",
        "Sure! Here are two prompts:",
        "A lake \x00 at \x07 dawn",
        "A lake \ufffd\ufffd at dawn",
        "= = = = a = = = = b = = = c = = =",
        QUESTION,
        QUESTION[: len(QUESTION) // 2],
        "Answer in one line.",
        "Describe in a few words what you see at dawn.",
        "I'm sorry, but I cannot describe that.",
        "As an AI language model, I have no eyes.",
        "<think>First I should think of a lake at dawn",
        "\u4e00\u53ea\u9e1f, \u4e00\u4e2a\u6e56, \u9ece\u660e.",
    ],
)
def test_rubbish_is_no_caption(answer):
    assert candidates(answer, QUESTION) == []


def test_a_long_answer_is_cut_at_the_end_of_a_sentence():
    sentence = "Tall pines stand around the still water, and a pale light rises."
    (caption,) = candidates(" ".join([sentence] * 20), QUESTION)
    assert caption == " ".join([sentence] * 5)
    assert len(caption.split()) <= LONGEST


def test_a_sentence_that_never_ends_is_cut_at_a_word():
    words = [f"{letter}-side" for letter in "abcdefghijklmnopqrstuvwxyz"] * 4
    assert shortened(", ".join(words)) == ", ".join(words[:LONGEST])


PIECES = (
    "1. ",
    "2)",
    "Prompt 1:",
    "- ",
    "* ",
    "\n",
    "\n\n",
    "\u2028",
    "\x85",
    "\x0b",
    '"',
    "**",
    "Sure! ",
    "Here are:",
)
PIECES += ("### Response:", "<think>", "</think>", LAKE, CANYON, "a lake", " ", ".", ":", "\x00", "\u200b", QUESTION)
texts = st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(texts, st.sampled_from(["", QUESTION]))
def test_any_text_gives_captions_of_one_bare_line_or_none(answer, question):
    for caption in candidates(answer, question):
        assert caption and caption == caption.strip()
        assert caption.splitlines() == [caption] and caption.isprintable()
        assert 3 <= len(caption.split()) <= LONGEST or "-" in caption
