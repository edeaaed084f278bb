"""Superclasses from WordNet, through the library wn (an extra).

WordNet 3.0 has a tree of nouns below `entity`, at depth 0. Depth 9 holds bird, mammal, reptile and arachnid; depth 7
holds vehicle and musical instrument. If a word has several meanings, the first one counts, which can be wrong (a crane
lifts loads, a warbler sings). The verb `check` prints the superclasses. To correct one, write the superclasses into a
YAML file, or name the class's folder by its WordNet id, as ImageNet does (n02012849).
"""

import re
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from aga_lightning.images.records import DatasetError

if TYPE_CHECKING:
    import wn

LEXICON = "omw-en:1.4"
"""wn's name of WordNet 3.0, the version of ImageNet's ids (n01592084 is omw-en-01592084-n in wn)."""

_ID = re.compile(r"^n([0-9]{8})(?![0-9A-Za-z])")
_ONE_AT_A_TIME = threading.Lock()


def hypernyms(classes: Sequence[str], depth: int, wordnet_ids: Mapping[str, str]) -> dict[str, str]:
    """Each class's ancestor at a depth of WordNet's tree of nouns, in lower case.

    A class is found by its WordNet id, or by an id at the start of its name (n02085620-Chihuahua), or by its name as a
    noun: the whole name, then without its first word, and so on ("Black_footed_Albatross" is found as "albatross").
    Case, underscores, hyphens, plurals and a leading number are ignored. A class that is not found, or is less deep
    than asked, is its own superclass.

    A noun with several parents has several ancestors at a depth; the one on its longest path to `entity` counts. Long
    paths go by kind (dog, canine, carnivore, ..., mammal), short ones by use (dog, domestic animal); so a car is a
    vehicle and not a container.

    Args:
        classes: The classes, as the data set spells them.
        depth: How far below `entity`, at least 1.
        wordnet_ids: The WordNet id (n01592084) of the classes whose id is known.

    Raises:
        DatasetError: If the depth is below 1, or if wn or the lexicon is missing or cannot be read.
    """
    if depth < 1:
        raise DatasetError(
            f"superclasses wordnet:{depth} would call every class an entity: set a depth of at least 1; "
            "wordnet:9 gives bird, mammal and reptile"
        )
    database = _database()
    with _ONE_AT_A_TIME:
        try:
            tree = _open(database)
            return {name: tree.ancestor(name, depth, wordnet_ids.get(name)) for name in classes}
        except sqlite3.Error as error:
            raise _unreadable(database, error) from error


class _Tree:
    """WordNet's nouns, with a cache of what was looked up."""

    def __init__(self, lexicon: "wn.Wordnet") -> None:
        self._lexicon = lexicon
        self._lineages: dict[tuple[str, str | None], list[str]] = {}
        self._words: dict[str, str] = {}

    def ancestor(self, name: str, depth: int, wordnet_id: str | None) -> str:
        """A class's ancestor at a depth, or the class's own name."""
        key = (name, wordnet_id)
        if key not in self._lineages:
            self._lineages[key] = self._lineage(name, wordnet_id)
        lineage = self._lineages[key]
        if depth < len(lineage):
            return lineage[depth]
        return lineage[-1] if lineage and _ID.match(name) else name

    def _lineage(self, name: str, wordnet_id: str | None) -> list[str]:
        """The words from `entity` down to a class; empty if WordNet does not know it."""
        synset = self._by_id(wordnet_id or "") or self._by_id(name) or self._by_name(_ID.sub("", name, count=1))
        if synset is None:
            return []
        # Ids decide between paths of equal length, so that every machine takes the same path.
        paths = synset.hypernym_paths()
        above: list[wn.Synset] = min(paths, key=lambda path: (-len(path), [one.id for one in path]), default=[])
        return [self._word(one) for one in [*reversed(above), synset]]

    def _by_id(self, wordnet_id: str) -> "wn.Synset | None":
        import wn

        match = _ID.match(wordnet_id)
        try:
            return self._lexicon.synset(f"omw-en-{match[1]}-n") if match else None
        except wn.Error:  # no such synset
            return None

    def _by_name(self, name: str) -> "wn.Synset | None":
        for phrase in _phrases(name):
            # `crane` before the poet `Crane`, and both before singulars of `cranes`.
            words = self._lexicon.words(phrase, pos="n")
            for word in sorted(words, key=lambda word: _closeness(word.lemma(), phrase)):
                if synsets := word.synsets():
                    return synsets[0]
        return None

    def _word(self, synset: "wn.Synset") -> str:
        if synset.id not in self._words:
            self._words[synset.id] = synset.lemmas()[0].replace("_", " ").lower()
        return self._words[synset.id]


def _closeness(lemma: str, phrase: str) -> tuple[bool, bool, bool, str]:
    """A key that sorts the meanings of a phrase: itself, another case of it, a singular of it."""
    return lemma != phrase, lemma.lower() != phrase, lemma != lemma.lower(), lemma


def _phrases(name: str) -> list[str]:
    """Phrases to look up: red winged blackbird, red-winged blackbird, ..., winged blackbird, ..., blackbird."""
    words = [word for word in re.split(r"[\s_.,-]+", name.lower()) if word]
    while words and words[0].isdigit():
        del words[0]
    phrases = []
    for start in range(len(words)):
        tail = words[start:]
        hyphens = [" ".join(tail[:at]) + "-" + " ".join(tail[at:]) for at in range(1, len(tail))]
        phrases += [" ".join(tail), *hyphens, "-".join(tail)]
    return list(dict.fromkeys(phrases))


def _database() -> Path:
    """The file in which wn keeps its lexicons."""
    try:
        import wn
    except ImportError as error:
        raise DatasetError(
            "superclasses from WordNet need the library wn: run "
            f'pip install "aga-lightning[wordnet]" and python -m wn download {LEXICON}'
        ) from error
    return Path(wn.config.database_path)


@cache
def _open(database: Path) -> _Tree:
    """The tree in a database."""
    import wn
    from wn.morphy import Morphy

    missing = (
        f"superclasses from WordNet need the lexicon {LEXICON}, which is not in {database} "
        "(set WN_DATA_DIR if it lies elsewhere): run "
        f"python -m wn download {LEXICON}, or, without a network, fetch "
        "https://github.com/omwn/omw-data/releases/download/v1.4/omw-en-1.4.tar.xz elsewhere and run "
        "python -c \"import wn; wn.add('omw-en-1.4.tar.xz')\""
    )
    # wn would make an empty database; several ranks that do so at once fail.
    if not database.is_file():
        raise DatasetError(missing)
    # wn keeps one connection for each process, opened by the first thread; our lock serialises its use.
    wn.config.allow_multithreading = True
    try:
        return _Tree(wn.Wordnet(LEXICON, expand="", lemmatizer=Morphy()))
    except wn.DatabaseError as error:
        raise _unreadable(database, error) from error
    except wn.Error as error:
        raise DatasetError(missing) from error


def _unreadable(database: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"{database} cannot be read ({' '.join(str(error).split())}): if that lasts, delete it and run "
        f"python -m wn download {LEXICON}"
    )
