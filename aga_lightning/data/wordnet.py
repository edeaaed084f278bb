"""Superclasses from WordNet, through the library wn (an extra)."""

from collections.abc import Mapping, Sequence


def hypernyms(classes: Sequence[str], depth: int, wordnet_ids: Mapping[str, str]) -> dict[str, str]:
    """Each class's ancestor at a depth of WordNet's tree of nouns."""
    raise NotImplementedError
