"""A folder gets its name when it is complete, and nothing else is written."""

import errno
import shutil
from pathlib import Path

import pytest

from aga_lightning.exporting.aside import ExportError, partial_folder, write

PLAN = {"format": "imagefolder", "images": 3}


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def fill(target, plan=PLAN):
    with partial_folder(target, plan) as folder:
        write(folder / "a" / "b.txt", b"content")


def test_the_folder_appears_when_it_is_complete(tmp_path):
    with partial_folder(tmp_path / "out", PLAN) as folder:
        write(folder / "a.txt", b"")
        assert not (tmp_path / "out").exists() and folder == tmp_path / "out.partial"
    assert tree(tmp_path) == ["out", "out/a.txt", "out/dataset.json"]


def test_an_empty_folder_may_be_there(tmp_path):
    (tmp_path / "out").mkdir()
    fill(tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b.txt").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "out").mkdir() or (folder / "out" / "mine.txt").write_text(""), "out is not empty"),
        (lambda folder: (folder / "out").write_text(""), "out is a file"),
        (
            lambda folder: (folder / "out.partial").mkdir() or (folder / "out.partial" / "x").write_text(""),
            "no unfinished export",
        ),
        (lambda folder: (folder / "out.partial").symlink_to(folder), "is no folder"),
    ],
)
def test_what_is_there_is_not_touched(tmp_path, spoil, message):
    spoil(tmp_path)
    before = tree(tmp_path)
    with pytest.raises(ExportError, match=message):
        fill(tmp_path / "out")
    assert tree(tmp_path) == before


def test_the_working_folder_is_no_target(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (".", ""):
        with pytest.raises(ExportError, match="name a new folder inside it"):
            fill(Path(name))
    with pytest.raises(ExportError, match="name a new folder inside it"):
        fill(Path("/"))


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), partial_folder(tmp_path / "out", PLAN) as folder:
        write(folder / "a.txt", b"")
        raise KeyboardInterrupt
    assert tree(tmp_path) == []


def test_a_full_disk_is_told_with_the_file(tmp_path, monkeypatch):
    def half(self, data):
        with open(self, "wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ExportError, match=r"out\.partial/a/b\.txt could not be written \(No space left on device\)"):
        with partial_folder(tmp_path / "out", PLAN) as folder:
            monkeypatch.setattr(Path, "write_bytes", half)
            try:
                write(folder / "a" / "b.txt", b"content")
            finally:
                assert not (folder / "a" / "b.txt").exists()
    assert tree(tmp_path) == []


@pytest.fixture
def killed(tmp_path):
    """What a process leaves that is killed in the middle of an export."""
    with pytest.raises(KeyboardInterrupt), partial_folder(tmp_path / "out", PLAN) as folder:
        write(folder / "old.txt", b"")
        shutil.copytree(folder, tmp_path / "copy")
        raise KeyboardInterrupt
    (tmp_path / "copy").rename(tmp_path / "out.partial")
    assert tree(tmp_path) == ["out.partial", *(f"out.partial/{name}" for name in (".lock", "dataset.json", "old.txt"))]


def test_a_killed_export_is_done_anew(tmp_path, killed):
    fill(tmp_path / "out")
    assert tree(tmp_path) == ["out", "out/a", "out/a/b.txt", "out/dataset.json"]


def test_a_killed_export_of_another_set_is_left(tmp_path, killed):
    left = tree(tmp_path)
    with pytest.raises(ExportError, match="is no unfinished export of this set with these settings"):
        fill(tmp_path / "out", PLAN | {"images": 4})
    assert tree(tmp_path) == left


def test_what_links_lead_to_is_not_deleted(tmp_path, killed):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "photo").write_text("")
    (tmp_path / "out.partial" / "a").symlink_to(tmp_path / "precious")
    fill(tmp_path / "out")
    assert tree(tmp_path / "precious") == ["photo"] and not (tmp_path / "out" / "a").is_symlink()


def test_two_exports_at_once_do_not_share_a_folder(tmp_path):
    with partial_folder(tmp_path / "out", PLAN) as folder:
        write(folder / "a.txt", b"")
        with pytest.raises(ExportError, match="another process is exporting"):
            fill(tmp_path / "out")
        assert (folder / "a.txt").exists()
    assert tree(tmp_path / "out") == ["a.txt", "dataset.json"]
