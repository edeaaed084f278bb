import pytest
from jsonargparse import ArgumentParser
from tiny.wordnet import wordnet_in

from aga_lightning.datasets.folder import ImageFolder
from aga_lightning.datasets.superclasses import find_superclasses
from aga_lightning.images.records import DatasetError

CLASSES = ("empty", "owl", "wren")
KINDS = {"empty": "", "owl": "raptor", "wren": "bird"}


def find(setting, **more):
    return find_superclasses(setting, CLASSES, **more)


def refused(setting, match):
    with pytest.raises(DatasetError, match=match) as raised:
        find(setting)
    assert "\n" not in str(raised.value)


@pytest.fixture
def write(tmp_path):
    def write(content, name="kinds.yaml"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return str(tmp_path / name)

    return write


def test_without_a_setting_the_data_set_decides():
    assert find(None) == {name: name for name in CLASSES}
    assert find(None, default=KINDS.get) == KINDS


def test_one_word_is_for_all_classes_but_those_without_a_subject():
    assert find("animal") == dict.fromkeys(CLASSES, "animal")
    assert find("animal", default=KINDS.get) == {"empty": "", "owl": "animal", "wren": "animal"}
    assert find("St. Bernard")["owl"] == "St. Bernard"


def test_a_mapping_may_leave_out_classes_and_give_or_take_a_subject():
    assert find({"owl": "hunter"}) == {"empty": "empty", "owl": "hunter", "wren": "wren"}
    assert find({"owl": "hunter"}, default=KINDS.get) == {**KINDS, "owl": "hunter"}
    assert find({"empty": "place", "owl": ""}, default=KINDS.get) == {"empty": "place", "owl": "", "wren": "bird"}
    assert find({}, default=KINDS.get) == KINDS


def test_a_file_is_a_mapping_whose_words_stay_text(write):
    assert find(write("owl: no\nwren: 007\n")) == {"empty": "empty", "owl": "no", "wren": "007"}
    assert find(write("owl: 1e3\nwren: null\nempty:\n", "KINDS.YML")) == {"owl": "1e3", "wren": "null", "empty": ""}
    numbered = find_superclasses(write("007: agent\nno: answer\n"), ["007", "no"])
    assert numbered == {"007": "agent", "no": "answer"}
    assert find(write("owl: Eule\nwren: Zaunkönig\n"))["wren"] == "Zaunkönig"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("- owl", "must map each class"),
        ("owl: [a]", "must map each class"),
        ("owl: {a: b}", "must map each class"),
        ("[owl]: a", "cannot be read as YAML"),
        ("owl: {", "cannot be read as YAML"),
        ("owl: a\n\tb: c", "cannot be read as YAML"),
        ("owl: !!python/object:os.system a\nwren: [", "cannot be read as YAML"),
        ("owl", "must map each class"),
        ("", "must map each class"),
    ],
)
def test_a_file_of_another_shape_is_named_in_one_line(write, content, complaint):
    refused(write(content), rf"kinds\.yaml {complaint}")


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path):
    refused(str(tmp_path / "gone.yml"), r"gone\.yml cannot be read as YAML")
    (tmp_path / "kinds.yaml").write_bytes(b"owl: \xff")
    refused(str(tmp_path / "kinds.yaml"), r"kinds\.yaml cannot be read as YAML")


@pytest.mark.parametrize("name", ["kinds.json", "lists/kinds", "C:\\kinds", "kinds.YAML.txt"])
def test_a_file_without_the_ending_of_yaml_is_not_taken_for_a_word(name):
    refused(name, r"no word: the name of a file with a mapping ends in \.yaml or \.yml")


def test_an_unknown_class_is_named_with_the_nearest_ones(write):
    refused({"wrem": "bird"}, r"'wrem' in the setting `superclasses` is unknown: .* wren")
    refused(write("wren: bird\nowls: bird\n"), r"'owls' in .*kinds\.yaml is unknown: .* owl")
    assert find({"heron": "wader"}, known=["heron"]) == {name: name for name in CLASSES}


@pytest.mark.parametrize("setting", ["wordnet", "wordnet:", "wordnet:nine", "wordnet:-1", "wordnet:9.5", "wordnet:٩"])
def test_wordnet_without_a_depth_is_not_taken_for_a_word(setting):
    refused(setting, "lacks a depth: write wordnet:<depth>")


def test_wordnet_is_asked_by_name_or_by_the_ids_of_the_data_set(tmp_path):
    pytest.importorskip("wn", reason="superclasses from WordNet need the extra wordnet")
    with wordnet_in(tmp_path):
        classes = ["crane", "chickadee", "nobody"]
        assert find_superclasses("wordnet:5", classes) == {
            "crane": "instrumentality",
            "chickadee": "organism",
            "nobody": "nobody",
        }
        ids = {"crane": "n02012849"}
        assert find_superclasses("WordNet:9", classes, wordnet_ids=ids)["crane"] == "bird"
        subjectless = find_superclasses("wordnet:9", classes, default=lambda name: "" if name == "crane" else name)
        assert subjectless == {"crane": "", "chickadee": "bird", "nobody": "nobody"}
        with pytest.raises(DatasetError, match="at least 1"):
            find_superclasses("wordnet:0", classes)


@pytest.mark.parametrize(
    ("typed", "setting"),
    [
        ("wordnet:9", "wordnet:9"),
        ("bird", "bird"),
        ("no", "no"),
        ('{"owl": "raptor", "wren": "no"}', {"owl": "raptor", "wren": "no"}),
        ("null", None),
    ],
)
def test_the_command_line_passes_the_setting_on_as_it_is_typed(typed, setting):
    parser = ArgumentParser()
    parser.add_class_arguments(ImageFolder, "dataset")
    settings = parser.parse_args(["--dataset.root", "photos", "--dataset.superclasses", typed])
    assert parser.instantiate_classes(settings).dataset.superclasses == setting
