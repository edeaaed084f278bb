r"""Files that are there whole or not at all, and text that can hold every name a file system allows.

A file name on Linux is bytes. Python shows a byte that is no UTF-8 as a lone surrogate (`os.fsdecode(b"caf\xe9")` is
`"caf\udce9"`), which plain UTF-8 refuses to write. What is written here takes such names: text and CSV files get the
bytes of the name back, JSON gets the escape `\udce9`, and both are read back as the same name. People see `caf\xe9`.
"""

import csv
import io
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_LONE = re.compile("[\ud800-\udfff]")  # surrogates: in text that Python has read, only those without a partner
_POINTERS = {
    b"version https://git-lfs.github.com/spec/": "is a pointer of Git LFS, not the file: fetch it with `git lfs pull`",
    b"/annex/objects/": "is a pointer of git-annex, not the file: fetch it with `git annex get`",
}
"""How files begin that stand for others."""

_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, bytes that are no UTF-8, ends of lines and paragraphs
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # right-to-left marks


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder to write a file under; the file gets its own name when the block ends well.

    No other process uses the temporary name, so several may write the same file at the same time: the last one to end
    wins. When the block fails, the earlier file stays and the temporary one is removed.

    Args:
        path: The file's own name; its folder is made if it is missing.

    Raises:
        OSError: If the disk is full or refuses; it names `path`, not the temporary name.
    """
    aside = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")  # short: `path` may be as long as names can be
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException as error:
        with suppress(OSError):  # a file system that is read-only refuses also where there is no such file
            aside.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(aside)):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file.

    Args:
        path: The file; its folder is made if it is missing.
        content: All of it.
    """
    with written_aside(path) as aside:
        aside.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, with line ends as they stand in the text.

    Args:
        path: The file; its folder is made if it is missing.
        text: The content; names in it may hold any bytes. Read it back with `read_text`.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def read_text(path: Path) -> str:
    """The content of a file that `write_text` or `write_csv` has written."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def json_bytes(content: object, indent: int | None = None) -> bytes:
    r"""JSON in UTF-8; `json.loads` gives back each name in it.

    Args:
        content: Plain JSON values.
        indent: Spaces a level; None for one line.
    """
    # Lone surrogates stand only in strings, and Python's escape for them is that of JSON.
    return json.dumps(content, indent=indent, ensure_ascii=False).encode("utf-8", "backslashreplace")


def portable_json(content: object, indent: int | None = None) -> bytes:
    r"""JSON in UTF-8 for every reader: a byte of a name that is no UTF-8 becomes the four letters `\xe9`.

    Python reads the escape of a lone surrogate; other readers, such as Arrow's, refuse the whole file for it.

    Args:
        content: Plain JSON values.
        indent: Spaces a level; None for one line.
    """
    text = json.dumps(content, indent=indent, ensure_ascii=False)
    return _LONE.sub(lambda found: "\\" + _escaped(found[0]), text).encode()


def portable_text(text: str) -> bytes:
    r"""Text in UTF-8, with the four letters `\xe9` for a byte of a name that is no UTF-8."""
    return _LONE.sub(lambda found: _escaped(found[0]), text).encode()


def write_json(path: Path, content: object) -> None:
    """Write a JSON file to read, with a line end at its end.

    Args:
        path: The file; its folder is made if it is missing.
        content: Plain JSON values.
    """
    write_bytes(path, json_bytes(content, indent=2) + b"\n")


def csv_bytes(lines: Iterable[Sequence[object]]) -> bytes:
    """The lines of a table, the header first, as a file's content: quoted where needed, in UTF-8."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows(lines)
    return file.getvalue().encode("utf-8", "surrogateescape")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table.

    Args:
        path: The file; its folder is made if it is missing.
        header: The columns' names.
        rows: As many cells each; names in them may hold any bytes. Read them back with `read_csv`.
    """
    write_bytes(path, csv_bytes([header, *rows]))


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table that `write_csv` has written, by column."""
    return list(csv.DictReader(io.StringIO(read_text(path), newline="")))


def pointer(path: Path) -> str:
    """What a small file is that stands for a large one elsewhere, to be read after its name; empty for any other."""
    with path.open("rb") as file:
        start = file.read(64)
    return next((complaint for beginning, complaint in _POINTERS.items() if start.startswith(beginning)), "")


def shown(name: object) -> str:
    r"""A name or a path as one line for people, in terminals, pictures and pages.

    Bytes that are no UTF-8 (`\xe9`), control characters and ends of lines (`\n`), and marks that turn the direction of
    writing (`\u202e`) are shown as escapes; all else stays. The result can be encoded, but not read back as the name.

    Args:
        name: Text, or what becomes text by `str`.
    """
    return "".join(_escaped(character) if _unseen(character) else character for character in str(name))


def _unseen(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in _UNSEEN


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python holds a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
