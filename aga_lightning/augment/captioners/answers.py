"""Find the captions in a language model's answer, whatever its form."""

import re
from collections.abc import Iterator

LONGEST = 60
"""Largest number of words of a caption; the text encoders of SDXL read 77 tokens."""

SHORTEST = 3
"""Smallest number of different words of a caption."""

_TURNS = re.compile(r"#{2,}\s*(?:Instruction|Input|Response)\s*:?|\[/?INST\]|</?s>|<\|[^|>\n]*\|>", re.IGNORECASE)
_LABEL = (
    r"(?:(?:background|image|scene)\s+)?(?:answer|background|caption|description|option|output|prompt|response|scene)"
)
_ITEM = re.compile(rf"(?:{_LABEL}\s*)?#?\d{{1,2}}\s*[.):]\s*(?!\d)|[-*\u2022\u2013]\s+", re.IGNORECASE)
_HEADING = re.compile(r"(?:\*\*|[_#>\s])+")
_INLINE_ITEM = re.compile(r"(?<=[.!?:\"'\u201d])[ \t]+(?=\d{1,2}[.)][ \t]+\S)")
_YES = re.compile(r"(?:absolutely|certainly|of course|okay|ok|sure(?: thing)?)\b[!,.:]*\s*", re.IGNORECASE)
_LEAD = re.compile(rf"(?:(?:here(?:'s|\u2019s| is| are)|this is)\b[^:]*|{_LABEL}\s*#?\d*)\s*:\s*", re.IGNORECASE)
_TALK = re.compile(
    r"(?:as an ai|here(?:['\u2019]s| is| are)|i (?:apologi[sz]e|can(?:no|['\u2019])t|hope|am sorry|am unable)"
    r"|i['\u2019]m (?:sorry|unable)|let me know|note(?= ?:)|please (?:let|note)|sorry|unfortunately|would you)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d]+)[\"\u201d]")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'\u201d\u2019]?\s+")
_MARKS = " \t\"'\u201c\u201d\u2018\u2019`*_#>~|"


def candidates(answer: str, question: str = "") -> list[str]:
    """The captions that an answer offers.

    If there are numbered lines or bullets, each is a caption; otherwise each paragraph is one.

    Args:
        answer: The model's answer, without special tokens.
        question: The question; a line that only repeats it is no caption.

    Returns:
        Captions of one line, of at least 3 different words and at most about 60 words, in the order of the answer; an
        empty list if none is usable.
    """
    items = [_bare(item) for item in _items(_own_turn(answer).strip().removeprefix(question))]
    if len(items) > 1 and items[0].endswith((".", "!", "?")) and not items[-1].endswith((".", "!", "?")):
        items.pop()  # the answer was cut off in the middle of this item
    captions = [shortened(item) for item in items if _usable(item) and _answers(item, question)]
    return list(dict.fromkeys(caption for caption in captions if _usable(caption)))


def shortened(text: str, longest: int = LONGEST) -> str:
    """The first sentences of a text, with at most `longest` words together; a longer first one is cut."""
    sentences = _SENTENCE_END.split(text)
    if len(sentences) > 1 and not sentences[-1].rstrip(_MARKS).endswith((".", "!", "?")):
        sentences.pop()
    kept: list[str] = []
    for sentence in sentences:
        words = sentence.split()
        if len(kept) + len(words) > longest:
            break
        kept += words
    return " ".join(kept or sentences[0].split()[:longest]).rstrip(" ,;:-")


def _own_turn(answer: str) -> str:
    """The answer without thoughts, and without further turns that the model has invented."""
    said = answer.rpartition("</think>")[2].partition("<think>")[0]
    turns = _TURNS.split(said)
    return next((turn for turn in turns if turn.strip()), "")


def _items(text: str) -> Iterator[str]:
    """The numbered lines, or the paragraphs; a line that begins in lower case continues the line before."""
    items: list[str] = []
    listed: list[bool] = []
    fresh = True
    for raw in _INLINE_ITEM.sub("\n", text).splitlines():
        heading = _HEADING.match(raw)
        line = raw[heading.end() if heading else 0 :].strip()
        if not line:
            fresh = True
            continue
        mark = _ITEM.match(line)
        headed = listed and listed[-1] and items[-1].rstrip("*_ ").endswith(":")
        if not fresh and not mark and (headed or line[0].islower()):
            items[-1] += f" {line}"
        else:
            items.append(line[mark.end() :] if mark else line)
            listed.append(mark is not None)
        fresh = False
    yield from (item for item, is_listed in zip(items, listed, strict=True) if is_listed or not any(listed))


def _bare(item: str) -> str:
    """An item in one line, without markdown, quotes and introductory words."""
    text = " ".join(item.replace("**", "").replace("__", "").replace("`", "").split()).strip(" *_")
    for lead in (_YES, _LEAD):
        text = lead.sub("", text, count=1).strip() if lead.match(text) else text
    quoted = _QUOTED.match(text)
    if quoted and len(quoted[1].split()) >= SHORTEST:
        text = quoted[1]
    return text.strip(_MARKS)


def _usable(text: str) -> bool:
    if not text.isprintable() or "\ufffd" in text or text.endswith(":") or _TALK.match(text):
        return False
    letters = sum(character.isalpha() for character in text)
    return len({*_words(text)}) >= SHORTEST and 2 * letters >= len(text.replace(" ", ""))


def _answers(text: str, question: str) -> bool:
    """Whether a text is written in the question's script, and neither begins like the question nor repeats it."""
    words, asked = _words(text), _words(question)
    within = f" {' '.join(words)} " in f" {' '.join(asked)} "
    begins = len(asked) >= 4 and words[:4] == asked[:4]
    foreign = _latin(question) > 0.5 > _latin(text)  # words to avoid could not be found in such a text
    return not (within or begins or foreign)


def _latin(text: str) -> float:
    """The share of a text's letters that are a to z."""
    letters = [character for character in text if character.isalpha()]
    return sum(character.isascii() for character in letters) / max(1, len(letters))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())
