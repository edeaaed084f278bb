import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny.wordnet import wordnet_in

from aga_lightning.datasets.wordnet import hypernyms
from aga_lightning.images.records import DatasetError

wn = pytest.importorskip("wn", reason="superclasses from WordNet need the extra wordnet")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def few_nouns(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wordnet")
    with wordnet_in(folder):
        yield folder


@pytest.fixture
def other_folder(tmp_path, few_nouns):
    """A folder that wn takes for its own during one test."""
    wn.config.data_directory = tmp_path
    yield tmp_path
    wn.config.data_directory = few_nouns


def at(depth, *classes, **wordnet_ids):
    return list(hypernyms([*classes, *wordnet_ids], depth, wordnet_ids).values())


def test_a_class_is_called_by_its_ancestor_at_the_depth():
    assert at(9, "chickadee") == ["bird"]
    lineage = ["physical entity", "object", "whole", "living thing", "organism", "animal", "chordate", "vertebrate"]
    lineage += ["bird", "passerine", "titmouse", "chickadee", "chickadee"]
    assert [at(depth, "chickadee")[0] for depth in range(1, 14)] == lineage


def test_classes_are_answered_in_their_order():
    found = hypernyms(["mouse", "car", "chickadee"], 7, {})
    assert list(found.items()) == [("mouse", "chordate"), ("car", "vehicle"), ("chickadee", "chordate")]
    assert hypernyms([], 9, {}) == {}


def test_what_is_unknown_or_lies_above_the_depth_keeps_its_name():
    names = ["zyzzyva", "", "007", "n99999999", "Animal", "living_thing"]
    assert at(9, *names) == names


@pytest.mark.parametrize(
    "name",
    [
        "red-winged blackbird",
        "Red_winged_Blackbird",
        "RED-WINGED-BLACKBIRD",
        "009.Red_winged_Blackbird",
        "red winged  blackbirds",
        "redwing",
        "n01575401",
        "n01575401-anything",
        "n01575401_redwing",
        "n01575401 crane",
    ],
)
def test_spelling_is_forgiven(name):
    assert at(11, name) == ["new world blackbird"]
    assert at(12, name) == ["red-winged blackbird"]


def test_words_in_front_are_left_out_until_wordnet_knows_the_rest():
    assert at(12, "spotted domestic cat") == ["domestic cat"]
    assert at(11, "spotted cat") == ["cat"]
    assert at(9, "Carolina Chickadee", "chickadee of Carolina") == ["bird", "chickadee of Carolina"]


def test_the_first_sense_of_the_plain_word_counts_and_an_id_overrules_it():
    assert at(5, "crane", "Crane", "cranes") == ["instrumentality"] * 3
    assert at(5, "Stephen Crane") == ["organism"]
    assert at(9, crane="n02012849") == ["bird"]
    assert at(9, "n02012849-crane") == ["bird"]
    assert at(9, chickadee="n99999999") == ["bird"]


def test_of_several_paths_the_longest_counts():
    assert at(9, "ptarmigan", "n01796340", "domestic cat") == ["bird", "bird", "mammal"]
    assert at(11, "ptarmigan") == ["game bird"]
    assert at(6, "car") == ["conveyance"]
    assert at(2, "person") == ["object"]


def test_of_several_longest_paths_the_lower_id_counts():
    assert at(7, "spouse") == ["domestic partner"]


@pytest.mark.parametrize("depth", [0, -1])
def test_a_depth_that_tells_nothing_apart_is_refused(depth):
    with pytest.raises(DatasetError, match=rf"wordnet:{depth} would call every class an entity.*at least 1"):
        hypernyms(["chickadee"], depth, {})


ASKING = """
from concurrent.futures import ThreadPoolExecutor
from aga_lightning.datasets.wordnet import hypernyms
with ThreadPoolExecutor(4) as pool:
    found = list(pool.map(lambda number: hypernyms([f"{number} titmouse", f"{number} mice"], 9, {}), range(32)))
print({word for answer in found for word in answer.values()} ^ {"mammal"}, sum(map(len, found)))
"""


def test_processes_and_their_threads_may_ask_at_the_same_time(few_nouns):
    environment = {**os.environ, "WN_DATA_DIR": str(few_nouns)}
    command = [sys.executable, "-c", ASKING]
    asking = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) for _ in "ab"]
    assert [process.communicate(timeout=60)[0] for process in asking] == ["{'bird'} 64\n"] * 2


def test_a_missing_library_is_named_with_the_commands(monkeypatch):
    monkeypatch.setitem(sys.modules, "wn", None)
    with pytest.raises(
        DatasetError, match=r'pip install "aga-lightning\[wordnet\]" and python -m wn download omw-en:1\.4'
    ):
        hypernyms(["chickadee"], 9, {})


def test_a_missing_lexicon_is_named_with_the_commands(other_folder):
    with pytest.raises(DatasetError, match=r"run python -m wn download omw-en:1\.4, or, without a network") as raised:
        hypernyms(["chickadee"], 9, {})
    assert str(wn.config.database_path) in str(raised.value) and "\n" not in str(raised.value)
    assert list(other_folder.iterdir()) == [], "an empty database was left behind"


# sqlite3 closes what wn gave up on; Python 3.13 warns of that.
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
@pytest.mark.parametrize("content", [b"no database" * 1000, b""])
def test_a_spoilt_database_is_named_in_one_line(other_folder, content):
    (other_folder / "wn.db").write_bytes(content)
    with pytest.raises(DatasetError, match=r"wn\.db cannot be read .* delete it and run python -m wn") as raised:
        hypernyms(["chickadee"], 9, {})
    assert "\n" not in str(raised.value)
