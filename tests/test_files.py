"""Nothing half-written is ever found under a file's own name, and every name that a file system takes is written."""

import errno
import json
import os
from pathlib import Path

import pytest

from aga_lightning.files import (
    json_bytes,
    pointer,
    read_csv,
    read_text,
    shown,
    write_csv,
    write_json,
    write_text,
    written_aside,
)

NAMES = [
    os.fsdecode(b"caf\xe9.jpg"),
    "new\nline.jpg",
    "carriage\rreturn.jpg",
    "windows\r\nend.jpg",
    'quote"d, and comma.jpg',
    "-rf.jpg",
    "[bold]name[/red].jpg",
    "evil\u202egpj.exe",
    "\x1b[31mred.jpg",
    "\u2028separated.jpg",
    "Höhle 貓 🐈.jpg",
    " spaces \t.jpg",
    "n" * 251 + ".jpg",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_is_given_back_by_what_is_written(tmp_path, name):
    write_csv(tmp_path / "names.csv", ["image", name], [[name, 1], ["", name]])
    assert read_csv(tmp_path / "names.csv") == [{"image": name, name: "1"}, {"image": "", name: name}]
    write_json(tmp_path / "names.json", {name: [name]})
    assert json.loads((tmp_path / "names.json").read_text(encoding="utf-8")) == {name: [name]}
    assert json.loads(json_bytes(name)) == name and b"\n" not in json_bytes(name)
    write_text(tmp_path / "names.txt", name)
    assert read_text(tmp_path / "names.txt") == name
    assert (tmp_path / "names.txt").read_bytes() == os.fsencode(name)
    write_text(tmp_path / name, "the name of the file itself")
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_what_people_are_shown_is_one_line_that_can_be_printed(name):
    seen = shown(name)
    assert seen.encode("utf-8").decode() == seen and len(seen.splitlines()) == 1
    assert not set(seen) & set("\x1b\u202e\t")


def test_names_are_shown_as_they_are_where_that_is_harmless(tmp_path):
    assert shown("Höhle [1] 貓 🐈\u200d⬛ 'x'.jpg") == "Höhle [1] 貓 🐈\u200d⬛ 'x'.jpg"
    assert shown("caf\udce9\n\x1b\u202e") == r"caf\xe9\n\x1b\u202e"
    assert shown(tmp_path / "a") == str(tmp_path / "a")


def test_what_was_there_stays_until_the_new_is_whole(tmp_path):
    path = tmp_path / "b.csv"
    write_csv(path, ["set"], [["old"]])

    def rows():
        yield ["new"]
        assert "old" in path.read_text()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_csv(path, ["set"], rows())
    assert "old" in path.read_text() and "new" not in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path):
    with pytest.raises(OSError, match=r"No space left on device: '.*/run/b\.csv'"):
        with written_aside(tmp_path / "run" / "b.csv") as aside:
            aside.write_text("half a ta")
            raise OSError(28, "No space left on device")
    with pytest.raises(IsADirectoryError, match=r"'.*/run'"):
        write_text(tmp_path / "run", "a folder has this name")
    assert not list((tmp_path / "run").iterdir())


def test_a_read_only_disk_is_told_with_the_name_of_the_file(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)  # so does Linux, also of a file that is not there
    with pytest.raises(OSError, match="Read-only") as raised:
        write_text(tmp_path / "a.txt", "a")
    assert raised.value.filename == str(tmp_path / "a.txt")


def test_two_writers_of_a_file_do_not_meet(tmp_path):
    path = tmp_path / "sheet.png"
    with written_aside(path) as one, written_aside(path) as two:
        assert one != two and one.parent == two.parent == tmp_path
        assert one.name.startswith(".") and one.suffix == ".png"  # by which matplotlib knows the format
        one.write_bytes(b"one")
        two.write_bytes(b"two")
        assert not path.exists()
    assert path.read_bytes() == b"one" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "is a pointer of Git LFS"),
        (b"/annex/objects/SHA256E-s9--00\n", "is a pointer of git-annex"),
        (b"", ""),
        (b"version 2", ""),
    ],
)
def test_what_stands_for_a_large_file_is_known(tmp_path, content, found):
    (tmp_path / "a.bin").write_bytes(content)
    assert pointer(tmp_path / "a.bin").startswith(found) and bool(pointer(tmp_path / "a.bin")) == bool(found)
