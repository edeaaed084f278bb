"""Read the lists that data sets ship, row by row; an error names the file, the line and the remedy."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aga_lightning.files import shown
from aga_lightning.images.records import DatasetError

_NUMBER = re.compile("[0-9]{1,9}")


class Row(NamedTuple):
    """A row of a list.

    Args:
        path: The file.
        line: Its line, counted from 1.
        remedy: What to do if the file is wrong.
        words: The values of the row by column.
    """

    path: Path
    line: int
    remedy: str
    words: dict[str, str]

    def wrong(self, complaint: str) -> DatasetError:
        """The error for this row."""
        return DatasetError(f"{self.path}, line {self.line}: {complaint}: {self.remedy}")

    def number(self, column: str) -> int:
        """A value as a whole number.

        Raises:
            DatasetError: If it is none.
        """
        word = self.words[column]
        if not _NUMBER.fullmatch(word):
            raise self.wrong(f"{column} {word[:40]!r} is no whole number")
        return int(word)


def read_table(path: Path, columns: Sequence[str], remedy: str, delimiter: str = ",") -> Iterator[Row]:
    """The rows of a CSV file with a header; a file whose name ends in .gz is decompressed.

    Args:
        path: The file.
        columns: The columns that are read; others may be there too.
        remedy: What to do if the file is wrong.
        delimiter: The character between two fields.

    Raises:
        DatasetError: If the file cannot be read, lacks a column or has it twice, or a row has more or fewer fields than
            the header.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            header = [name.strip() for name in next(reader, [])]
            for column in columns:
                if header.count(column) != 1:
                    there = "are two columns" if column in header else "is no column"
                    raise DatasetError(f"{path}, line 1: there {there} {column!r}: {remedy}")
            for fields in reader:
                row = Row(path, reader.line_num, remedy, dict(zip(header, fields, strict=False)))
                if fields and len(fields) != len(header):
                    raise row.wrong(f"{len(fields)} fields stand below a header of {len(header)}")
                if fields:  # not a blank line
                    yield row
    except csv.Error as error:
        raise Row(path, reader.line_num, remedy, {}).wrong(str(error)) from error
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read ({error}): {remedy}") from error


def read_lines(path: Path, columns: Sequence[str], remedy: str) -> Iterator[Row]:
    """The rows of a text file without a header, whose values are separated by spaces.

    Args:
        path: The file.
        columns: A name for each value of a line.
        remedy: What to do if the file is wrong.

    Raises:
        DatasetError: If the file cannot be read or is empty, or a line has more or fewer values.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(f"{path} is missing: {remedy}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read ({error}): {remedy}") from error
    if not lines:
        raise DatasetError(f"{path} is empty: {remedy}")
    for number, line in enumerate(lines, 1):
        words = line.split()
        row = Row(path, number, remedy, dict(zip(columns, words, strict=False)))
        if len(words) != len(columns):
            form = " ".join(f"<{column}>" for column in columns)
            raise row.wrong(f"{line[:80]!r} is not of the form {form}")
        yield row


def read_header(path: Path, remedy: str) -> tuple[list[str], str]:
    """The columns of a CSV or TSV file, and the character between two fields: a comma, a tab or a semicolon.

    Args:
        path: The file.
        remedy: What to do if the file is wrong.

    Raises:
        DatasetError: If the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(",\t;", key=first.count)
            file.seek(0)
            return [name.strip() for name in next(csv.reader(file, delimiter=delimiter), [])], delimiter
    except FileNotFoundError as error:
        raise DatasetError(f"{path} is missing: {remedy}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read ({error}): {remedy}") from error


def refuse_wrong(complaints: Sequence[tuple[Path, str]], remedy: str) -> None:
    """Refuse files with wrong rows.

    Args:
        complaints: A file and what is wrong there, for each wrong row.
        remedy: What to do about it.

    Raises:
        DatasetError: If there are complaints; it tells the first three and the number of the others.
    """
    if complaints:
        files = [None, *(file for file, _ in complaints)]
        told = [
            what if file == before else f"{shown(file)}, {what}"
            for before, (file, what) in zip(files, complaints[:3], strict=False)
        ]
        more = f"; and {len(complaints) - 3:,} more" if len(complaints) > 3 else ""
        raise DatasetError(f"{'; '.join(told)}{more}: {remedy}")


def some(names: Iterable[object], what: str) -> str:
    """The number of some files, and the first three of them."""
    names = list(names)
    return f"{len(names):,} {what} (such as {', '.join(map(str, names[:3]))})"
