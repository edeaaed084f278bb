import pytest

from aga_lightning.augment.detectors.wording import check_prompt, filled, names_something, plain_words


@pytest.mark.parametrize(
    ("superclass", "words"),
    [("Bird", "bird"), ("sea_bird", "sea bird"), ("Three-toed__Sloth ", "three toed sloth"), ("", "")],
)
def test_superclasses_are_put_in_plain_words(superclass, words):
    assert plain_words(superclass) == words


def test_prompts_are_filled_and_otherwise_left_as_they_are():
    assert filled("A photo of a {superclass}", "Sea_Bird") == "A photo of a sea bird"
    assert filled("animal.", "bird") == "animal."


@pytest.mark.parametrize("prompt", ["{class_name}.", "{}", "{superclass.__class__}", "{superclass", "bird}", " "])
def test_prompts_that_cannot_be_filled_are_refused_with_an_example(prompt):
    with pytest.raises(ValueError, match=r"prompt is .*\{superclass\}\."):
        check_prompt(prompt)


@pytest.mark.parametrize(
    ("label", "expected"),
    [("bird", True), ("[CLS] sea bird. [SEP]", True), ("", False), (". [SEP]", False), ("[CLS]", False)],
)
def test_only_words_name_something(label, expected):
    assert names_something(label, ["[CLS]", "[SEP]"]) is expected
