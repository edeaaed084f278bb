"""Boxes around subjects, as people have them: a CSV file, a COCO file, or a folder of YOLO or Pascal VOC files."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple
from xml.etree import ElementTree

from aga_lightning.datasets.columns import BOX_COLUMNS, usual_box_columns, usual_columns
from aga_lightning.datasets.lists import Row, read_header, read_table, refuse_wrong
from aga_lightning.files import shown
from aga_lightning.images.reading import ImageReadError, image_size
from aga_lightning.images.records import Box, DatasetError

_REMEDY = "mend the file that the setting `boxes` names, or leave `boxes` out"
_SLACK = 0.01  # of an image's side: rounding takes YOLO's boxes that far out of the image

_Complaints = list[tuple[Path, str]]


class _Named(NamedTuple):
    """A box and the name of its image."""

    name: str
    """The image's path, or the end of it, with or without the ending of the file's name."""
    box: Box


class Boxes:
    """The box of each image, from a file or a folder; of several boxes of an image the largest.

    Args:
        path: A file or a folder of one of the formats of `read_boxes`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        named, self._normalised = read_boxes(path)
        self._boxes: dict[str, Box] = {}
        for name, box in named:
            if name not in self._boxes or area(box) > area(self._boxes[name]):
                self._boxes[name] = box
        self._images: dict[str, Path] = {}
        self._found: dict[Path, Box | None] = {}

    @property
    def example(self) -> str:
        """The first image's name, as the file or folder spells it."""
        return next(iter(self._boxes))

    def of(self, image: Path) -> Box | None:
        """The box of an image in pixels, or None.

        The name that goes with a box is the end of the image's path, with or without the ending: owl/1.jpg and 1 both
        mean photos/train/owl/1.jpg. The longest such name counts.

        Args:
            image: The absolute path of the image. Its header is read if the boxes are given as shares of its sides.

        Raises:
            DatasetError: If one name means two images.
        """
        if image not in self._found:
            self._found[image] = self._look_up(image)
        return self._found[image]

    def _look_up(self, image: Path) -> Box | None:
        name = next((name for name in _names_of(image) if name in self._boxes), None)
        if name is None:
            return None
        if (first := self._images.setdefault(name, image)) != image:
            raise DatasetError(
                f"{shown(self.path)}: the name {name!r} means both {shown(first)} and {shown(image)}: write more of "
                "the images' paths in front of it"
            )
        box = self._boxes[name]
        if not self._normalised:
            return box
        try:
            width, height = image_size(image)
        except ImageReadError:
            return None  # the image itself is told of where unreadable images are
        return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def read_boxes(path: Path) -> tuple[list[_Named], bool]:
    """Read boxes of one of four formats, which are told apart by what the file or the folder holds.

    - A CSV or TSV file with the columns path, x1, y1, x2 and y2 (or filename, xmin, ymin, xmax and ymax, or left, top,
      right and bottom, in capitals or not): the edges in pixels. A row with four empty fields says that an image has no
      box.
    - A JSON file in the format of COCO: x, y, width and height in pixels. Boxes of crowds are left out.
    - A folder of YOLO's text files, one for each image: a class, then centre, width and height as shares of the image's
      sides; or a class and the corners of a polygon.
    - A folder of Pascal VOC's XML files, one for each image: xmin, ymin, xmax and ymax, counted from 1.

    Args:
        path: The file or the folder.

    Returns:
        The boxes with the names of their images, and whether they are shares of the images' sides rather than pixels.

    Raises:
        DatasetError: If the path holds none of these, or rows are wrong; the error names the files and the lines.
    """
    complaints: _Complaints = []
    normalised = False
    if path.is_dir():
        files = {ending: _files(path, ending) for ending in (".xml", ".txt")}
        if bool(files[".xml"]) == bool(files[".txt"]):
            what = "both .xml and .txt files" if files[".xml"] else "neither .xml nor .txt files"
            raise DatasetError(
                f"{shown(path)} holds {what}: set `boxes` to a folder of Pascal VOC's XML files or of YOLO's text "
                "files, or to a CSV or COCO JSON file"
            )
        normalised = bool(files[".txt"])
        read = _read_yolo if normalised else _read_voc
        named = [
            _Named(file.relative_to(path).with_suffix("").as_posix(), box)
            for file in (*files[".xml"], *files[".txt"])
            for box in read(file, complaints)
        ]
    elif path.is_file():
        named = list((_read_coco if _starts_like_json(path) else _read_csv)(path, complaints))
    else:
        raise DatasetError(f"{shown(path)} does not exist: {_REMEDY}")
    refuse_wrong(complaints, _REMEDY)
    if not named:
        raise DatasetError(f"{shown(path)} holds no boxes: {_REMEDY}")
    return named, normalised


def box_of(row: Row, columns: Sequence[str]) -> Box | None:
    """The box in four columns of a table; None if all four fields are empty.

    Raises:
        ValueError: If they are no box in pixels.
    """
    words = [row.words[column].strip() for column in columns]
    return _box_in_pixels(words) if any(words) else None


def area(box: Box) -> float:
    """The area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def _box(words: Sequence[Any]) -> Box:
    """Left, top, right and bottom as a box.

    Raises:
        ValueError: If they are no numbers, or the box has no area.
    """
    try:
        left, top, right, bottom = (float(word) for word in words)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_told(words)} are not four numbers") from error
    if not (math.isfinite(left + top + right + bottom) and left < right and top < bottom):
        raise ValueError(f"{_told(words)} is no box: left, top, right, bottom, with right and bottom the larger")
    if right <= 0 or bottom <= 0:
        raise ValueError(f"the box {_told(words)} lies outside of its image")
    return left, top, right, bottom


def _box_in_pixels(words: Sequence[Any]) -> Box:
    """`_box`, unless it is no larger than the first pixel.

    Raises:
        ValueError: As there, or if the numbers seem to be shares.
    """
    box = _box(words)
    if all(0 <= edge <= 1 for edge in box):
        raise ValueError(f"the box {_told(words)} is within the first pixel: give pixels, not shares of the sides")
    return box


def _read_csv(path: Path, complaints: _Complaints) -> Iterator[_Named]:
    header, delimiter = read_header(path, _REMEDY)
    name, corners = next(iter(usual_columns("path", header)), ""), usual_box_columns(header)
    if not (name and corners):
        raise DatasetError(
            f"{shown(path)} needs the columns path, x1, y1, x2 and y2, and has {', '.join(header) or 'none'}: {_REMEDY}"
        )
    for row in read_table(path, (name, *corners), _REMEDY, delimiter):
        try:
            box = box_of(row, corners)
        except ValueError as error:
            complaints.append((path, f"line {row.line}: {error}"))
            continue
        if box is not None and not row.words[name].strip():
            complaints.append((path, f"line {row.line}: the column {name!r} is empty"))
        elif box is not None:
            yield _Named(_normal(row.words[name].strip()), box)


def _read_coco(path: Path, complaints: _Complaints) -> Iterator[_Named]:
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
        names = {image["id"]: image["file_name"] for image in content["images"]}
        annotations = list(content["annotations"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else shown(error)
        raise DatasetError(f"{shown(path)} cannot be read as a COCO file ({reason}): {_REMEDY}") from error
    for number, annotation in enumerate(annotations, 1):
        try:
            if annotation.get("iscrowd"):
                continue
            left, top, width, height = map(float, annotation["bbox"])
            if (image := annotation["image_id"]) not in names:
                raise ValueError(f"there is no image {image!r}")
            yield _Named(_normal(names[image]), _box_in_pixels((left, top, left + width, top + height)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            complaints.append((path, f"annotation {number}: {reason}"))


def _read_yolo(path: Path, complaints: _Complaints) -> Iterator[Box]:
    """The boxes of an image, as shares of its sides."""
    for number, line in _lines(path, complaints):
        try:
            yield _yolo_box(line.split()[1:])
        except ValueError as error:
            complaints.append((path, f"line {number}: {error}"))


def _yolo_box(words: Sequence[str]) -> Box:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) == 4:
        x, y, width, height = values
        edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    elif len(values) >= 6 and len(values) % 2 == 0:
        edges = (min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2]))
    else:
        raise ValueError(f"{_told(words)} is not of the form class, centre x, centre y, width, height")
    if not all(-_SLACK <= edge <= 1 + _SLACK for edge in edges):
        raise ValueError(f"{_told(words)} are no shares of an image's sides, which lie between 0 and 1")
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in edges)
    return _box((left, top, right, bottom))


def _lines(path: Path, complaints: _Complaints) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        complaints.append((path, f"the whole file: it cannot be read ({shown(error)})"))
        return
    yield from ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())


class _NoDoctype(ElementTree.TreeBuilder):
    """Builds the tree of an XML file, and refuses a document type declaration, before anything in it is read.

    XML is dangerous through entities alone: some read files or addresses, others grow to gigabytes. They can be
    declared only in a document type declaration, which files of Pascal VOC do not have.
    """

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it has a document type declaration, which may be harmful: remove it")


def _read_voc(path: Path, complaints: _Complaints) -> Iterator[Box]:
    """The boxes of an image: the first pixel is 1, and the last one is part of the box."""
    try:
        tree = ElementTree.fromstring(path.read_bytes(), ElementTree.XMLParser(target=_NoDoctype()))
    except (OSError, ValueError, LookupError, ElementTree.ParseError) as error:
        complaints.append((path, f"the whole file: it is no XML that can be read ({shown(error)})"))
        return
    for number, thing in enumerate(tree.iter("object"), 1):
        words = [thing.findtext(f"bndbox/{edge}") for edge in BOX_COLUMNS[1]]
        try:
            left, top, right, bottom = _box_in_pixels(words)
        except ValueError as error:
            complaints.append((path, f"object {number}: {error}"))
        else:
            yield max(left - 1, 0.0), max(top - 1, 0.0), right, bottom


def _names_of(image: Path) -> Iterator[str]:
    """The names that may go with an image: ends of its path, the longest first, each with and without its ending."""
    path, start = image.as_posix(), 0
    bare = path.removesuffix(image.suffix)
    while True:
        yield path[start:]
        yield bare[start:]
        start = path.find("/", start) + 1
        if start == 0:
            return


def _normal(name: str) -> str:
    """A path with slashes between its parts, without a dot as its first one."""
    return PurePath(name.replace("\\", "/")).as_posix()


def _files(folder: Path, ending: str) -> list[Path]:
    """The files of an ending, without hidden ones and those that describe the others."""
    about = ("classes.txt", "readme", ".")
    return sorted(file for file in folder.rglob(f"*{ending}") if not file.name.lower().startswith(about))


def _starts_like_json(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def _told(words: Iterable[Any]) -> str:
    return repr(" ".join(str(word) for word in words)[:60])
