"""What a line of each shelf says besides its key and its file, so that one that says something else is not used.

Lines with a checksum say what was written. These are for lines of earlier releases, which have none.
"""

from collections.abc import Callable, Mapping
from functools import partial

Facts = Mapping[str, object]
Kind = Callable[[Facts, bool], bool]
"""Whether facts are those of a shelf, given whether there is a file."""


def anything(facts: Facts, file: bool) -> bool:
    """A shelf of which nothing is known."""
    return True


def sources(facts: Facts, file: bool) -> bool:
    """The digest of a file elsewhere, and that of its pixels where it is another."""
    return not file and _is_digest(facts.get("digest")) and _is_digest(facts.get("pixels", facts["digest"]))


def augmented(facts: Facts, file: bool) -> bool:
    """A finished image, or why there is none."""
    named = all(isinstance(facts.get(name), str) for name in ("class", "source"))
    known = _is_digest(facts.get("source_sha256")) and type(facts.get("variant")) is int
    return named and known and file != isinstance(facts.get("rejected"), str)


def background_sets(facts: Facts, file: bool) -> bool:
    """A picture, or what the mask of a photo says."""
    box = facts.get("box")
    return file or (_are_numbers([facts.get("subject"), facts.get("boxed")]) and (box is None or _are_numbers(box, 4)))


def _boxes(facts: Facts, file: bool) -> bool:
    return not file and _are_rows(facts.get("boxes"), 5)


def _subjects(facts: Facts, file: bool) -> bool:
    rows = facts.get("subjects")
    return bool(rows) and _are_rows(rows, 6) if file else rows is None


def _captions(facts: Facts, file: bool) -> bool:
    types = {"caption": str, "tries": int, "fallback": bool}
    return not file and all(type(facts.get(name)) is kind for name, kind in types.items())


def _verdicts(facts: Facts, file: bool) -> bool:
    if "chosen" in facts:  # one of several candidates, by their scores
        chosen, scores = facts["chosen"], facts.get("scores")
        return isinstance(scores, list) and _are_numbers(scores) and chosen in range(len(scores))
    return not file and "objection" in facts and isinstance(facts["objection"], str | None)


def _descriptions(facts: Facts, file: bool) -> bool:
    return not file and isinstance(facts.get("description"), str)


def _domains(facts: Facts, file: bool) -> bool:
    domains = facts.get("domains")
    return not file and isinstance(domains, list) and all(isinstance(text, str) for text in domains)


def _files(facts: Facts, file: bool) -> bool:
    return file


STAGES: dict[str, Kind] = {
    "boxes": _boxes,
    "subjects": _subjects,
    "captions": _captions,
    "backgrounds": _files,
    "verdicts": _verdicts,
    "descriptions": _descriptions,
    "domains": _domains,
    "embeddings": _files,
    "pictures": _files,
}
"""The stages of releases whose lines had no checksum; those of a new stage all have one."""


def of_stage(stage: str) -> Kind:
    """What a stage keeps; of an image that cannot be read, each may keep that instead."""
    # A partial can be pickled: shelves travel to other processes.
    return partial(_made_or_unreadable, STAGES.get(stage, anything))


def _made_or_unreadable(kind: Kind, facts: Facts, file: bool) -> bool:
    return kind(facts, file) or (not file and isinstance(facts.get("unreadable"), str))


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _are_numbers(value: object, count: int | None = None) -> bool:
    if not isinstance(value, list) or (count is not None and len(value) != count):
        return False
    return all(type(number) in (int, float) for number in value)


def _are_rows(value: object, width: int) -> bool:
    return isinstance(value, list) and all(_are_numbers(row, width) for row in value)
