import pytest

from aga_lightning.augment.methods.image_to_image import ImageToImage
from aga_lightning.cli.parser import OneLineErrorParser, condense


def union(kinds, value):
    """What jsonargparse says of a value that fits none of several types, in a part that may be null."""
    head = "  Does not validate against any of the Union subtypes\n  Subtypes: "
    inner = f"{head}[{kinds}]\n  Errors:\n    - Expected a <class 'NoneType'>\n  Given value type: <class 'str'>"
    outer = f"{head}[<class 'a.Part'>, <class 'NoneType'>]\n  Errors:\n    - Parser key \"b\":\n"
    return f"Parser key \"data.a\":\n{outer}{inner}\n  Given value: {value}\n  Given value: NestedArg(key='b')"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("unrecognized arguments: --model.lrr 1", "unrecognized arguments: --model.lrr 1"),
        (
            "Parser key \"data.augmenter\":\n  Does not validate against any of the Union subtypes\n"
            "  Subtypes: [<class 'a.Augmenter'>, <class 'NoneType'>]\n  Errors:\n"
            "    - Problem with given class_path 'aga_lightning.augment.methods.aga.AGA':\n"
            "        Option 'paint' is not accepted\n    - Expected a <class 'NoneType'>\n"
            "  Given value type: <class 'str'>\n  Given value: X",
            "data.augmenter.AGA: Option 'paint' is not accepted",
        ),
        (
            "Parser key \"data.degree\":\n  Expected a <class 'int'>. Got value: two",
            "data.degree: 'two' is not of type int",
        ),
        ("Parser key \"config\": File does not exist: 'x.yaml'", "config: File does not exist: 'x.yaml'"),
        (union("list[str], <class 'NoneType'>", "2"), "data.a.b: '2' is of none of the types list[str], null"),
        (union("<class 'float'>, <class 'NoneType'>", "None"), "data.a.b: null has to be written in a YAML file here"),
        (
            "Parser key \"data.mode\":\n  Expected a typing.Literal['lazy', 'off']. Got value: slow",
            "data.mode: 'slow' is none of 'lazy', 'off'",
        ),
    ],
)  # fmt: skip
def test_a_message_becomes_the_one_line_that_matters(message, line):
    assert condense(message) == line


def test_the_help_of_a_class_tells_all_that_its_docstring_says_before_its_settings():
    parser = OneLineErrorParser(description="Help for ImageToImage")
    parser.add_class_arguments(ImageToImage, "data.augmenter")
    words = parser.format_help()
    about, _, settings = words.partition("Settings:")
    told = " ".join(about.split())
    paragraphs = ImageToImage.__doc__.partition("Args:")[0].split("\n\n")
    assert len(paragraphs) > 2 and all(" ".join(part.split()) in told for part in paragraphs)
    assert "under words.\n\nThe second row" in about  # the paragraphs stay apart
    assert "Args" not in about and "--data.augmenter.strength" in settings


def test_no_other_parser_repeats_docstrings():
    parser = OneLineErrorParser()
    parser.add_class_arguments(ImageToImage, "data.augmenter")
    assert "Cost an image" not in parser.format_help()
