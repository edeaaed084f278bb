import errno
import os
import pathlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from aga_lightning.augment.store import Shelf, StoreError


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "shelf", tmp_path / "index")


def test_an_item_is_found_by_its_key(shelf, tmp_path):
    entry = shelf.put("k", {"score": 0.5}, b"pixels", "bird/one.jpg")
    assert (tmp_path / "shelf" / "bird" / "one.jpg").read_bytes() == b"pixels"
    again = Shelf(tmp_path / "shelf", tmp_path / "index")
    assert again.get("k") == entry
    assert again.entries() == {"k": entry}
    assert again.read(entry) == b"pixels"
    assert entry.facts == {"score": 0.5}
    assert again.get("other") is None


def test_the_folder_holds_nothing_but_items(shelf, tmp_path):
    shelf.put("k", {}, b"pixels", "bird/one.jpg")
    assert [path.name for path in (tmp_path / "shelf").rglob("*") if path.is_file()] == ["one.jpg"]


def test_facts_need_no_file(shelf):
    shelf.put("k", {"rejected": "too small"})
    assert shelf.entries()["k"].file is None


@pytest.mark.parametrize("loss", ["removed", "cut short"])
def test_an_item_whose_file_is_lost_does_not_exist(shelf, loss):
    entry = shelf.put("k", {}, b"pixels", "one.jpg")
    path = shelf.path(entry.file)
    path.unlink() if loss == "removed" else path.write_bytes(b"pix")
    assert shelf.get("k") is None
    assert shelf.entries() == {}


@pytest.mark.parametrize("file", ["../escape.jpg", "/etc/passwd", "a/../../b.jpg", "", "C:/x.jpg", "a\\..\\b.jpg"])
def test_no_path_leaves_the_folder(shelf, file):
    with pytest.raises(StoreError, match="leaves the folder"):
        shelf.put("k", {}, b"pixels", file)


def test_an_index_that_names_a_path_outside_is_refused(shelf, tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "rank-0.jsonl").write_text('{"key": "k", "file": "../secret", "size": 1}\n')
    (tmp_path / "secret").write_text("x")
    with pytest.raises(StoreError, match="leaves the folder"):
        shelf.get("k")


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "cannot be written"), (errno.EIO, "mend this")]
)
def test_a_failing_disk_is_explained_and_nothing_is_lost(shelf, monkeypatch, number, words):
    shelf.put("first", {}, b"pixels", "one.jpg")

    def fail(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match=words):
        shelf.put("second", {}, b"pixels", "two.jpg")
    monkeypatch.undo()
    assert set(shelf.entries()) == {"first"}
    assert not shelf.path("two.jpg").exists()
    assert not list(shelf.index.glob("unfinished-*/*"))
    shelf.put("second", {}, b"pixels", "two.jpg")
    assert set(shelf.entries()) == {"first", "second"}


def test_orphans_of_a_dead_process_are_swept(shelf):
    orphan = shelf.index / "unfinished-0" / "half.jpg"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"pi")
    shelf.put("k", {}, b"pixels", "one.jpg")
    assert not orphan.exists()


def test_orphans_of_a_living_process_are_left_alone(shelf, tmp_path):
    shelf.put("k", {}, b"pixels", "one.jpg")
    in_flight = shelf.index / "unfinished-0" / "in-flight.jpg"
    in_flight.write_bytes(b"pi")
    Shelf(tmp_path / "shelf", tmp_path / "index").put("other", {}, b"pixels", "two.jpg")
    assert in_flight.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_write_permission_is_explained(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="cannot be written"):
        Shelf(locked / "shelf", locked / "index").put("k", {})


def test_a_cache_folder_that_is_a_file_is_explained(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreError, match="cache"):
        Shelf(tmp_path / "cache" / "shelf", tmp_path / "cache" / "index").put("k", {})


def test_writing_the_same_item_twice_is_harmless(tmp_path):
    one, two = (Shelf(tmp_path / "shelf", tmp_path / "index") for _ in range(2))
    one.put("k", {"a": 1}, b"pixels", "one.jpg")
    two.put("k", {"a": 1}, b"pixels", "one.jpg")
    assert len(Shelf(tmp_path / "shelf", tmp_path / "index").entries()) == 1
    assert pathlib.Path(tmp_path / "shelf" / "one.jpg").read_bytes() == b"pixels"


def test_threads_share_a_shelf(tmp_path):
    shelf = Shelf(tmp_path / "files", tmp_path / "index")
    numbers = [number % 40 for number in range(200)]

    def put(number):
        shelf.put(f"{number}", {"number": number}, b"%d" % number * 1000, f"{number}.bin")
        return shelf.read(shelf.get(f"{number}"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(put, numbers)) == [b"%d" % number * 1000 for number in numbers]
    assert len(Shelf(tmp_path / "files", tmp_path / "index").entries()) == 40
    assert [path.name for path in (tmp_path / "index").glob("rank-*.jsonl")] == ["rank-0.jsonl"]
    assert not list((tmp_path / "index" / "unfinished-0").iterdir())
