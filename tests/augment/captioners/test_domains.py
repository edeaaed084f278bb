import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aga_lightning.augment.captioners.domains import domains_in, form, question, thing
from aga_lightning.augment.methods.alia import PRESETS
from aga_lightning.augment.texts import filled, names_of
from aga_lightning.images.records import ImageRecord

PREFIX = "a photo of a {class}"
BEGIN = "a photo of a bird"


def read(answer, kind="bird", count=10, prefix=PREFIX):
    return domains_in(answer, prefix, f"a photo of a {kind}", kind, count)


def test_the_published_prompts_are_the_published_ones(tmp_path):
    auk = ImageRecord(tmp_path / "x.jpg", 0, "Crested_Auklet", "bird")
    assert [filled(text, names_of(auk)) for text in PRESETS["cub"]] == [
        "a photo of a Crested Auklet bird flying",
        "a photo of a Crested Auklet bird interacting with flowers",
        "a photo of a Crested Auklet bird in the water",
        "a photo of a Crested Auklet bird on a branch",
        "a photo of a Crested Auklet bird on rocks",
        "a photo of a Crested Auklet bird perched on a birdfeeder",
        "a photo of a Crested Auklet bird perched on a fence",
    ]
    zebras = ImageRecord(tmp_path / "x.jpg", 0, "zebras", "zebra")
    assert [filled(text, names_of(zebras)) for text in PRESETS["iwildcam"]] == [
        "a photo of a zebras in a grassy field with trees and bushes",
        "a photo of zebras in a forest in the dark",
        "a photo of zebras near a large body of water in the middle of a field",
        "A photo of zebras walking on a dirt trail with twigs and branches",
    ]
    assert [filled(text, names_of(zebras)) for text in PRESETS["iwildcam_instructions"]] == [
        "put the zebras in a grassy field with trees and bushes",
        "put the animal in the middle of a forest at night",
        "put the animal near a lake",
        "put the animal in a field with twigs",
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("- a photo of a bird on a mossy stone\n- a photo of a bird flying", ["on a mossy stone", "flying"]),
        ("Sure! Here are the captions:\n\n1. A photo of a bird in the rain.\n2. A photo of birds at a feeder.",
         ["in the rain", "at a feeder"]),
        ("* **A close-up photo of a bird, its head turned**", [", its head turned"]),
        ("- standing in tall grass\n- Snowy field at dusk", ["standing in tall grass", ", snowy field at dusk"]),
        ('"a photo of a bird near water"\n"a photo of a bird near water"', ["near water"]),
        ("a photo of a bird {class} in {fog} mist", [", class in fog mist"]),
        ("<think>a photo of a bird in thoughts</think>- a photo of a bird in a reed bed", ["in a reed bed"]),
    ],
    ids=["plain", "numbered", "markdown", "bare", "twice", "braces", "thoughts"],
)  # fmt: skip
def test_an_answer_in_any_shape_is_read(answer, expected):
    assert read(answer) == [PREFIX + (text if text.startswith(",") else f" {text}") for text in expected]


def test_a_kind_that_the_answer_makes_up_is_left_out():
    answer = "- a photo of a golden retriever in the snow\n- A close-up of two cats\n- a photo of a subject by a river"
    assert read(answer, kind="subject") == [f"{PREFIX} in the snow", f"{PREFIX} by a river"]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I cannot help with that, sorry.",
        "Here are the captions:",
        "a photo of a bird.",
        "1.\n2.\n3.",
        "%$ 12 {} 34",
    ],
)
def test_rubbish_holds_no_domain(answer):
    assert read(answer) == []


def test_of_more_domains_than_asked_the_first_are_taken():
    answer = "\n".join(f"- a photo of a bird in field {letter * 3}" for letter in "abcdefghijkl")
    assert read(answer) == [f"{PREFIX} in field {letter * 3}" for letter in "abcdefghij"]
    assert read(answer, count=1) == [f"{PREFIX} in field aaa"]


def test_what_only_repeats_the_question_holds_none():
    asked = question(["a heron by a lake"], BEGIN, 10)
    examples = [line for line in asked.splitlines() if line.startswith("- ")]
    assert len(examples) == 3
    assert read("\n".join(examples)) == []


lines = st.text(st.characters(codec="utf-8"), max_size=80)
words = st.lists(
    st.sampled_from([*"a photo of bird birds in the { } {class} - 1. : flying".split(), "\n"]), max_size=40
)


@given(st.one_of(st.lists(lines).map("\n".join), words.map(" ".join)), st.integers(1, 4))
def test_domains_are_never_empty_never_too_many_and_always_fill_in(answer, count):
    found = read(answer, count=count)
    assert len(found) == len(set(found)) <= count
    record = ImageRecord("x.jpg", 0, "auk", "bird")
    for domain in found:
        said = domain.removeprefix(PREFIX)
        assert said != domain
        assert said.strip(string.punctuation + string.whitespace)
        assert filled(domain, names_of(record)) == f"a photo of a auk{said}"


def test_the_question_names_the_kind_of_thing_where_there_is_one():
    assert thing({"bird"}) == "bird" and thing({"water_bird", ""}) == "water bird"
    assert thing({"bird", "dog"}) == thing(set()) == "subject"
    assert form(PREFIX, {"bird"}) == BEGIN
    assert form("a photo of a {class} {superclass}", {"bird"}) == BEGIN
    assert form("put the {class}", {"bird", "dog"}) == "put the subject"
    asked = question(["one caption", "another one"], BEGIN, 7)
    assert asked.endswith("\none caption\nanother one")
    assert "at most 7" in asked and f'"{BEGIN} ..."' in asked
