"""The words in which a detector is asked for a superclass."""

import re
import string
from collections.abc import Sequence


def plain_words(superclass: str) -> str:
    """A superclass as plain text: lower case, with spaces for underscores and hyphens."""
    return " ".join(superclass.lower().replace("_", " ").replace("-", " ").split())


def check_prompt(prompt: str) -> None:
    """Check that a template can be filled in.

    Raises:
        ValueError: If it is empty, has unpaired braces, or a field other than {superclass}.
    """
    remedy = 'write it like "{superclass}." or "a photo of a {superclass}"'
    try:
        fields = {field for _, field, _, _ in string.Formatter().parse(prompt) if field is not None}
    except ValueError as error:
        raise ValueError(f"prompt is {prompt!r} ({error}); {remedy}") from error
    if not prompt.strip():
        raise ValueError(f"prompt is empty; {remedy}")
    if unknown := fields - {"superclass"}:
        names = ", ".join(f"{{{name}}}" for name in sorted(unknown))
        raise ValueError(f"prompt is {prompt!r} with the unknown field {names}; {remedy}")


def filled(prompt: str, superclass: str) -> str:
    """The question to a detector."""
    return prompt.format(superclass=plain_words(superclass))


def names_something(label: str, special: Sequence[str]) -> bool:
    """Whether the tokens of a box hold a word, and not only punctuation and special tokens."""
    for token in special:
        label = label.replace(token, " ")
    return re.search(r"\w", label) is not None
