"""Boxes of images: each format, the names that go with images, and wrong files."""

import json
from pathlib import Path

import pytest
from PIL import Image

from aga_lightning.datasets.boxes import Boxes
from aga_lightning.images.records import DatasetError

IMAGE = Path("/photos/train/owl/1.jpg")


def write(path, content):
    for name, text in content.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return path


def voc(*corners, head=""):
    edges = ("xmin", "ymin", "xmax", "ymax")
    things = ["".join(f"<{edge}>{value}</{edge}>" for edge, value in zip(edges, box, strict=True)) for box in corners]
    objects = "".join(f"<object><name>owl</name><bndbox>{thing}</bndbox></object>" for thing in things)
    return f"{head}<annotation>{objects}</annotation>"


def coco(*boxes, image=7):
    annotations = [{"image_id": image, "bbox": box, "iscrowd": crowd} for box, crowd in boxes]
    return json.dumps({"images": [{"id": 7, "file_name": "owl/1.jpg"}], "annotations": annotations})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.csv", "\ufeffpath,x1,y1,x2,y2\r\nowl/1.jpg,0,0,3,3\r\nowl/1.jpg,2,4,12,24\r\n2.jpg,,,,\r\n"),
        ("b.tsv", "Label\tFile_Name\tXMin\tYMin\tXMax\tYMax\na, b\t..\\1.jpg\t0\t0\t1\t2\na\towl\\1\t2\t4\t12\t24\n"),
        ("b.json", coco(([0, 0, 3, 3], 0), ([2, 4, 10, 20], 0), ([0, 0, 99, 99], 1))),
        ("voc/train/owl/1.xml", voc((1, 1, 3, 3), (3, 5, 12, 24))),
    ],
)
def test_the_largest_box_of_an_image_is_read_from_each_format(tmp_path, name, content):
    write(tmp_path, {name: content})
    boxes = Boxes(tmp_path / name.split("/")[0])
    assert boxes.of(IMAGE) == (2, 4, 12, 24)
    assert boxes.of(Path("/photos/2.jpg")) is None


def test_boxes_of_yolo_are_scaled_by_the_size_of_the_upright_image(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    for name in ("1.jpg", "2.jpg"):
        Image.new("RGB", (20, 40)).save(tmp_path / name, exif=turned)
    (tmp_path / "3.jpg").write_bytes(b"broken")
    lines = {"1.txt": "0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.5 1\n", "2.txt": "1 0 0 0.5 0 0.5 0.25\n", "3.txt": "0 .5 .5 1 1"}
    boxes = Boxes(write(tmp_path / "labels", lines | {"classes.txt": "owl\n", "4.txt": ""}))
    assert boxes.of(tmp_path / "1.jpg") == (10, 0, 30, 20)
    assert boxes.of(tmp_path / "2.jpg") == (0, 0, 20, 5)
    assert boxes.of(tmp_path / "3.jpg") is None  # it is told of as an unreadable image


def test_the_longest_name_counts_and_no_name_means_two_images(tmp_path):
    rows = "path,x1,y1,x2,y2\nwren/1.jpg,0,0,9,9\n1,0,0,5,5\n"
    boxes = Boxes(write(tmp_path, {"b.csv": rows}) / "b.csv")
    assert boxes.of(Path("/photos/wren/1.jpg")) == (0, 0, 9, 9)
    assert boxes.of(IMAGE) == boxes.of(IMAGE) == (0, 0, 5, 5)
    with pytest.raises(DatasetError, match=r"b.csv: the name '1' means both .*owl/1.jpg and .*heron/1.jpg"):
        boxes.of(Path("/photos/heron/1.jpg"))


BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>'
FILE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("b.csv", "path,x,y\n", r"b\.csv needs the columns path, x1, y1, x2 and y2, and has path, x, y: "),
        ("b.csv", "path,x1,y1,x2,y2\n1,0,0,2,2\n1,2,2,0,0\n2,a,0,1,1\n", r"line 3: '2 2 0 0' is no box.*; .*4: 'a "),
        ("b.csv", "path,x1,y1,x2,y2\n" + "1,0,0,inf,1\n" * 5, r"line 4: [^;]*; and 2 more: mend"),
        ("b.csv", "path,x1,y1,x2,y2\n1,,,,\n", r"b\.csv holds no boxes"),
        ("b.csv", "path,x1,y1,x2,y2\n1,.2,.3,.9,1\n", r"line 2: the box '.2 .3 .9 1' is within .*: give pixels, not "),
        ("b.csv", "path,x1,y1,x2,y2\n,0,0,9,9\n1,0,0,2,2\n", r"line 2: the column 'path' is empty"),
        ("b.csv", "path,x1,y1,x2,y2,x1\n1,0,0,2,2,5\n", r"line 1: there are two columns 'x1'"),
        ("b.json", "{", r"b\.json cannot be read as a COCO file"),
        ("b.json", "{}", r"b\.json cannot be read as a COCO file \(no 'images'\)"),
        ("b.json", coco(([0, 0, 0, 5], 0)), r"b\.json, annotation 1: '0.0 0.0 0.0 5.0' is no box"),
        ("b.json", coco(([0, 0, 1, 5], 0), image=8), r"b\.json, annotation 1: there is no image 8"),
        ("b.json", coco(([0, 0, 1, 5], 0), image="7"), r"b\.json, annotation 1: there is no image '7'"),
        ("b.json", coco(([0.1, 0.2, 0.5, 0.5], 0)), r"annotation 1: .* is within the first pixel: give pixels, not"),
        ("f/1.txt", "0 0.5 0.5 1 1\n0 10 10 5 5\n", r"1\.txt, line 2: '10 10 5 5' are no shares"),
        ("f/1.txt", "0 0.5 0.5 1\n", r"1\.txt, line 1: .* is not of the form class, centre x"),
        ("f/1.xml", voc((5, 5, 1, 1)), r"1\.xml, object 1: '5 5 1 1' is no box"),
        ("f/1.xml", voc((0.1, 0.1, 0.9, 0.9)), r"1\.xml, object 1: .* is within the first pixel"),
        ("f/1.xml", "<annotation>", r"1\.xml, the whole file: it is no XML"),
        ("f/1.xml", voc(("&c;", 1, 2, 2), head=BOMB), r"1\.xml, .* document type declaration, which may be harmful"),
        ("f/1.xml", voc(("&b;", 1, 2, 2), head=FILE), r"1\.xml, .* document type declaration, which may be harmful"),
        ("f/1.jpg", "", r"f holds neither \.xml nor \.txt files"),
    ],
)  # fmt: skip
def test_wrong_files_are_named_with_their_lines(tmp_path, name, content, complaint):
    write(tmp_path, {name: content})
    with pytest.raises(DatasetError, match=complaint) as caught:
        Boxes(tmp_path / name.split("/")[0])
    assert "\n" not in str(caught.value)
