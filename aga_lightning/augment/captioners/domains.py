"""Settings that many captions have in common: the question that asks for them, and what is made of its answer."""

import re
from collections.abc import Collection, Sequence

from aga_lightning.augment.captioners.answers import candidates

ANYTHING = "subject"
"""What the question calls things of several kinds."""

_EXAMPLES = ("beside a stream in the morning", "seen from far away, in fog", "resting in the shade of a wall")
_RELATIONS = (
    "about above across against along amid among around at atop before behind below beneath beside between beyond by "
    "down during facing from in inside into near next of off on onto outside over past through toward towards under "
    "underneath up upon while with within covered hidden perched seated surrounded"
).split()
_RELATED = re.compile(rf"\b(?:{'|'.join(_RELATIONS)}|[a-z]{{2,}}ing)\b", re.IGNORECASE)
_PICTURE = re.compile(r"\b(?:close-?up|image|photo|photograph|picture|shot|view)s?\s+of\b", re.IGNORECASE)


def form(prefix: str, superclasses: Collection[str]) -> str:
    """How the question wants each domain to begin: the prefix with the kind of thing in place of its class.

    Args:
        prefix: With places for {class} and {superclass}.
        superclasses: Of all training images that show a subject.
    """
    kind = thing(superclasses)
    name = "" if "{superclass}" in prefix else kind
    return " ".join(prefix.format_map({"class": name, "superclass": kind}).split())


def thing(superclasses: Collection[str]) -> str:
    """What the question calls the subject: its superclass, where all images have the same."""
    kinds = {kind.replace("_", " ") for kind in superclasses if kind}
    return kinds.pop() if len(kinds) == 1 else ANYTHING


def question(captions: Sequence[str], begin: str, count: int) -> str:
    """What a language model is asked.

    Args:
        captions: Of photos, a line each.
        begin: How each domain has to begin.
        count: How many domains there may be.
    """
    examples = "\n".join(f"- {begin} {example}" for example in _EXAMPLES)
    return (
        f"Below are captions of photos. Summarise them into at most {count} short descriptions of the settings in "
        "which such photos are taken: the scene, the action, the light, the camera's distance and angle. Say nothing "
        "of what kind of thing is shown or how it looks, so that each description would suit every photo. Write "
        f'one description a line, each different from the others and of the form "{begin} ...", such as:\n'
        f"{examples}\n\nThe captions:\n" + "\n".join(captions)
    )


def domains_in(answer: str, prefix: str, begin: str, kind: str, count: int) -> list[str]:
    """The domains that an answer offers, each made to begin with the prefix.

    Args:
        answer: What the model wrote.
        prefix: With places for {class} and {superclass}.
        begin: As in `question`.
        kind: What the question called the subject.
        count: How many there may be at most.

    Returns:
        Texts with the places of the prefix and no others; an empty list where the answer is of no use.
    """
    settings = [_setting(text, kind) for text in candidates(answer, question([], begin, count))]
    return [f"{prefix}{setting}" for setting in dict.fromkeys(settings) if setting][:count]


def _setting(text: str, kind: str) -> str:
    """What is left of a description without the photo and its subject, ready to stand behind a prefix; "" for nothing.

    "A photo of a bird on a fence" is " on a fence"; "Snowy field" is ", snowy field".
    """
    rest = text
    if subject := re.search(rf"\b{re.escape(kind)}(?:e?s)?\b", text, re.IGNORECASE):
        rest = text[subject.end() :]
    elif picture := _PICTURE.search(text):
        # It names a class of its own ("a photo of a dog in snow"), which would be the wrong one for all others.
        related = _RELATED.search(text, picture.end())
        rest = text[related.start() :] if related else ""
    rest = " ".join(re.sub(r"[{}]", "", rest).split()).strip(" ,.;:-\u2013'\"")
    if not any(character.isalpha() for character in rest):
        return ""
    if rest.split()[0].istitle():
        rest = rest[0].lower() + rest[1:]
    return f" {rest}" if _RELATED.match(rest) else f", {rest}"
