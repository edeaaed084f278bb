import errno
import hashlib
import json
import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import Timeout

from aga_lightning.augment.engine.store import Entry, Shelf, StoreError, UnwritableError
from aga_lightning.augment.engine.store.locks import open_lock


def open_shelf(tmp_path, **settings):
    return Shelf(tmp_path / "shelf", tmp_path / "index", **settings)


@pytest.fixture
def shelf(tmp_path):
    return open_shelf(tmp_path)


def refuse(number):
    def fail(path, *_, **__):
        raise OSError(number, os.strerror(number), os.fspath(path) if not isinstance(path, int) else None)

    return fail


def tree(folder):
    """Everything below a folder, with its content and its time of change."""
    return {
        path: (status.st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in [folder, *folder.rglob("*")]
        for status in [path.stat()]
    }


def test_an_item_is_found_by_its_key(shelf, tmp_path):
    entry = shelf.put("k", {"score": 0.5}, b"pixels", "bird/one.jpg")
    assert (tmp_path / "shelf" / "bird" / "one.jpg").read_bytes() == b"pixels"
    assert [path.name for path in (tmp_path / "shelf").rglob("*") if path.is_file()] == ["one.jpg"]
    assert not list((tmp_path / "index" / "unfinished-0").iterdir())
    assert entry == Entry("k", "bird/one.jpg", 6, {"score": 0.5}, hashlib.sha256(b"pixels").hexdigest())
    again = open_shelf(tmp_path)
    assert again.get("k") == again.sound("k") == entry
    assert again.entries() == {"k": entry}
    assert again.load("k") == (entry, b"pixels")
    assert again.get("other") is again.sound("other") is again.load("other") is None


def test_facts_need_no_file(shelf):
    entry = shelf.put("k", {"rejected": "too small"})
    assert entry == Entry("k", None, 0, {"rejected": "too small"})
    assert shelf.entries() == {"k": entry} and shelf.load("k") == (entry, None) and shelf.sound("k") == entry
    shelf.set_aside("k")
    assert shelf.get("k") == entry


def test_a_file_is_flushed_and_in_place_before_its_line_says_so(shelf, monkeypatch):
    order = []
    real_flush, real_append, real_replace = os.fsync, shelf._journal.append, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: order.append(("flush", os.fstat(file).st_size)) or real_flush(file))
    monkeypatch.setattr(Path, "replace", lambda path, to: order.append(("place", to.name)) or real_replace(path, to))
    monkeypatch.setattr(shelf._journal, "append", lambda line: order.append(("line", line["key"])) or real_append(line))
    shelf.put("k", {}, b"pixels", "one.jpg")
    assert order == [("flush", 6), ("place", "one.jpg"), ("line", "k")]


def damage(path, how):
    content = path.read_bytes()
    if how == "removed":
        path.unlink()
    elif how == "cut short":
        path.write_bytes(content[:3])
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    elif how == "a bit flipped":
        path.write_bytes(content[:2] + bytes([content[2] ^ 4]) + content[3:])
    elif how == "its folder a file":
        path.unlink()
        path.parent.rmdir()
        path.parent.write_bytes(b"")
    elif how == "a link to itself":
        path.unlink()
        path.symlink_to(path.name)


@pytest.mark.parametrize("how", ["removed", "cut short", "a folder", "its folder a file", "a link to itself"])
def test_an_item_whose_file_is_lost_does_not_exist(shelf, how):
    entry = shelf.put("k", {}, b"pixels", "bird/one.jpg")
    damage(shelf.path(entry.file), how)
    assert shelf.get("k") is shelf.load("k") is shelf.sound("k") is None
    assert shelf.entries() == {}


def test_what_stands_in_the_place_of_a_link_to_itself_is_made_anew(shelf):
    damage(shelf.path(shelf.put("k", {}, b"pixels", "bird/one.jpg").file), "a link to itself")
    entry = shelf.put("k", {}, b"pixels", "bird/one.jpg")
    assert shelf.load("k") == (entry, b"pixels")


def test_a_folder_of_the_size_of_a_file_is_no_file(shelf, tmp_path):
    (tmp_path / "empty").mkdir()
    shelf.put("k", {}, b"x" * (tmp_path / "empty").stat().st_size, "one.jpg")
    damage(shelf.path("one.jpg"), "a folder")
    assert shelf.get("k") is shelf.load("k") is shelf.sound("k") is None and shelf.entries() == {}


def test_a_flipped_bit_is_found_when_the_file_is_first_read(shelf, tmp_path, caplog):
    entry = shelf.put("k", {}, b"pixels", "one.jpg")
    path = shelf.path("one.jpg")
    damage(path, "a bit flipped")
    assert shelf.get("k") == entry  # for nothing has been read
    assert shelf.load("k") is shelf.sound("k") is None
    wrong = path.read_bytes()
    shelf.set_aside("k")
    assert shelf.get("k") is None and shelf.entries() == {} and not path.exists()
    assert [kept.read_bytes() for kept in (shelf.index / "damaged").iterdir()] == [wrong]
    assert f"{path} is not what was written there" in caplog.text
    shelf.put("k", {}, b"pixels", "one.jpg")
    assert shelf.sound("k") == entry and open_shelf(tmp_path).entries() == {"k": entry}


def test_what_is_sound_is_not_set_aside(shelf):
    entry = shelf.put("k", {}, b"pixels", "one.jpg")
    shelf.set_aside("k")
    shelf.set_aside("nobody's")
    assert shelf.sound("k") == entry


def test_a_file_is_compared_once_a_process_and_after_it_is_written_anew(shelf, tmp_path):
    shelf.put("k", {}, b"pixels", "one.jpg")
    assert shelf.sound("k") is not None
    damage(shelf.path("one.jpg"), "a bit flipped")
    assert shelf.sound("k") is not None
    assert open_shelf(tmp_path).sound("k") is None
    shelf.put("k", {}, b"pixels", "one.jpg")
    damage(shelf.path("one.jpg"), "a bit flipped")
    assert shelf.sound("k") is None


def test_where_two_processes_made_an_item_differently_the_line_of_the_file_counts(tmp_path):
    one, two = open_shelf(tmp_path), open_shelf(tmp_path)
    one.put("first", {})
    two.put("k", {"by": "two"}, b"pixels", "one.jpg")
    written = one.put("k", {"by": "one"}, b"PIXELS", "one.jpg")  # as rounding differs from device to device
    for reader in (one, two, open_shelf(tmp_path)):
        assert reader.sound("k") == written and reader.load("k") == (written, b"PIXELS")
        reader.set_aside("k")
    longer = one.put("k", {"by": "one, again"}, b"longer pixels", "one.jpg")
    assert two.get("k") == longer and two.entries()["k"] == longer
    assert open_shelf(tmp_path).entries()["k"] == longer


def write_line(shelf, **line):
    shelf.index.mkdir(parents=True, exist_ok=True)
    (shelf.index / "rank-0.jsonl").write_text(json.dumps(line) + "\n")
    (shelf.folder).mkdir(exist_ok=True)
    (shelf.folder / "one.jpg").write_bytes(b"pixels")


def test_a_store_of_an_earlier_release_has_no_digests_and_is_used_as_it_is(tmp_path):
    shelf = open_shelf(tmp_path, kind=lambda facts, file: facts == {"score": 1} and file)
    write_line(shelf, key="k", file="one.jpg", size=6, score=1)
    entry = Entry("k", "one.jpg", 6, {"score": 1}, "")
    assert shelf.get("k") == shelf.sound("k") == entry
    assert shelf.entries() == {"k": entry} and shelf.load("k") == (entry, b"pixels")


def test_a_file_without_a_digest_has_to_open_at_least(tmp_path):
    write_line(open_shelf(tmp_path), key="k", file="one.jpg", size=6)
    assert open_shelf(tmp_path, opens=lambda data: data == b"pixels").sound("k") is not None
    closed = open_shelf(tmp_path, opens=lambda data: False)
    assert closed.sound("k") is closed.load("k") is None
    closed.put("k", {}, b"pixels", "one.jpg")
    assert closed.sound("k") is not None  # its digest is enough


MISSING = object()
LINE = {"key": "k", "file": "one.jpg", "size": 6, "score": 1}


@pytest.mark.parametrize(
    "change",
    [{"size": 7}, {"size": "6"}, {"size": True}, {"size": 6.0}, {"size": None}, {"file": 7}, {"file": ["one.jpg"]},
     {"file": ""}, {"file": "../shelf/one.jpg"}, {"file": "/etc/passwd"}, {"file": "a\0b"}, {"file": "\udc80"},
     {"file": "x" * 256}, {"file": "one.jpg/more"}, {"sha256": 1}, {"sha256": "0" * 64}, {"score": 2}, {"key": 1},
     {"file": MISSING}, {"size": MISSING}],
)  # fmt: skip
def test_a_line_that_the_shelf_does_not_write_counts_as_missing(tmp_path, change):
    shelf = open_shelf(tmp_path, kind=lambda facts, file: facts == {"score": 1})
    write_line(shelf, **{name: value for name, value in (LINE | change).items() if value is not MISSING})
    assert shelf.sound("k") is shelf.load("k") is None
    if change != {"sha256": "0" * 64}:  # which is a digest, but of another file
        assert shelf.get("k") is None and shelf.entries() == {}
    entry = shelf.put("k", {"score": 1}, b"pixels", "one.jpg")
    assert open_shelf(tmp_path).sound("k") == entry


def test_a_line_with_a_checksum_says_what_was_written(tmp_path):
    entry = open_shelf(tmp_path, kind=lambda facts, file: False).put("k", {"odd": 1}, b"pixels", "one.jpg")
    assert open_shelf(tmp_path, kind=lambda facts, file: False).entries() == {"k": entry}


def test_an_item_that_is_finished_while_all_are_looked_at_is_whole_or_not_there(shelf, tmp_path, monkeypatch):
    real_lines = shelf._journal.lines

    def lines():
        open_shelf(tmp_path).put("k", {}, b"pixels", "one.jpg")
        return real_lines()

    monkeypatch.setattr(shelf._journal, "lines", lines)
    assert set(shelf.entries()) == {"k"}


def test_links_in_the_folder_are_not_followed(shelf):
    entry = shelf.put("k", {}, b"pixels", "one.jpg")
    (shelf.folder / "round").symlink_to(shelf.folder)
    (shelf.folder / "gone.jpg").symlink_to("nowhere")
    assert shelf.entries() == {"k": entry}


@pytest.mark.parametrize("file", ["../escape.jpg", "/etc/passwd", "a/../../b.jpg", "", "C:/x.jpg", "a\\..\\b.jpg"])
def test_no_path_leaves_the_folder(shelf, file):
    with pytest.raises(StoreError, match="leaves the folder"):
        shelf.put("k", {}, b"pixels", file)


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, r"disk is full\. Everything finished is kept"), (errno.EDQUOT, "disk is full"),
     (errno.EACCES, "cannot be written.*--data.cache_dir"), (errno.EROFS, "cannot be written"),
     (errno.EIO, "mend this")],
)  # fmt: skip
def test_a_failing_disk_is_explained_and_nothing_is_lost(shelf, monkeypatch, number, words):
    shelf.put("first", {}, b"pixels", "one.jpg")
    monkeypatch.setattr(os, "fsync", refuse(number))
    kind = UnwritableError if number in (errno.EACCES, errno.EROFS) else StoreError
    with pytest.raises(StoreError, match=words) as caught:
        shelf.put("second", {}, b"pixels", "two.jpg")
    assert type(caught.value) is kind and "\n" not in str(caught.value)
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
    open_shelf(tmp_path).put("other", {}, b"pixels", "two.jpg")
    shelf.put("more", {}, b"pixels", "three.jpg")
    assert in_flight.exists()


def test_a_cache_folder_that_is_a_file_is_explained(tmp_path):
    (tmp_path / "cache").write_text("")
    shelf = open_shelf(tmp_path / "cache")
    assert shelf.get("k") is None and shelf.entries() == {}
    with pytest.raises(StoreError, match="cache"):
        shelf.put("k", {})


def test_a_folder_in_the_place_of_a_new_file_is_explained(shelf):
    (shelf.folder / "one.jpg").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"one\.jpg.*mend this"):
        shelf.put("k", {}, b"pixels", "one.jpg")
    assert shelf.entries() == {} and not list(shelf.index.glob("unfinished-*/*"))


def test_a_file_that_may_not_be_read_is_told_and_not_made_anew(shelf, monkeypatch):
    shelf.put("k", {}, b"pixels", "one.jpg")
    monkeypatch.setattr(Path, "read_bytes", refuse(errno.EACCES))
    for look in (shelf.load, shelf.sound):
        with pytest.raises(
            UnwritableError, match=r"one\.jpg cannot be written, or not be read: .*Give yourself"
        ) as told:
            look("k")
        whose = f"{shelf.path('one.jpg')} belongs to user {os.geteuid()}, group {os.getegid()}, with -rw-"
        assert whose in str(told.value)


def test_to_read_writes_nothing(tmp_path):
    writer = open_shelf(tmp_path)
    writer.put("k", {}, b"pixels", "one.jpg")
    writer.close()
    (tmp_path / "index" / "unfinished-0" / "orphan").write_bytes(b"")
    before = tree(tmp_path)
    shelf = open_shelf(tmp_path)
    assert shelf.get("k") and shelf.load("k") and shelf.sound("k") and shelf.entries()
    shelf.get("other")
    shelf.set_aside("k")
    shelf.close()
    assert tree(tmp_path) == before


def test_a_damaged_file_of_a_store_that_may_only_be_read_is_told(shelf, monkeypatch):
    shelf.put("k", {}, b"pixels", "one.jpg")
    damage(shelf.path("one.jpg"), "a bit flipped")
    monkeypatch.setattr(os, "mkdir", refuse(errno.EROFS))
    with pytest.raises(
        UnwritableError, match=r"one\.jpg is not what was written there, and cannot be made anew"
    ) as told:
        shelf.set_aside("k")
    assert f"damaged cannot be written, or not be read: {shelf.index} belongs to user" in str(told.value)


def test_a_file_about_the_shelf_is_replaced_whole(shelf, monkeypatch):
    shelf.write_aside("card.md", b"one")
    shelf.write_aside("card.md", b"two")
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(StoreError, match="disk is full"):
        shelf.write_aside("card.md", b"three")
    assert (shelf.folder / "card.md").read_bytes() == b"two"
    assert shelf.entries() == {}


def test_a_file_gets_another_name_and_its_emptied_folder_goes(shelf, tmp_path):
    entry = shelf.put("k", {"score": 1}, b"pixels", "test/one.jpg")
    shelf.rename(entry, "owl/one.jpg")
    assert open_shelf(tmp_path).sound("k").file == shelf.get("k").file == "owl/one.jpg"
    assert open_shelf(tmp_path).get("k").facts == {"score": 1}
    assert [path.name for path in shelf.folder.rglob("*")] == ["owl", "one.jpg"]
    damage(shelf.path("owl/one.jpg"), "a bit flipped")
    shelf.rename(shelf.get("k"), "wren/one.jpg")
    assert not shelf.path("wren/one.jpg").exists() and shelf.path("owl/one.jpg").exists()


def test_one_process_at_a_time_is_alone(shelf):
    with shelf.alone("finishing"):
        with shelf.alone("something else"), pytest.raises(Timeout):
            open_lock(shelf.index / "finishing.lock").acquire(timeout=0)
        shelf.put("k", {})  # who is alone writes as ever
    open_lock(shelf.index / "finishing.lock").acquire(timeout=0)


def test_a_shelf_in_another_process_is_the_same_one(shelf):
    entry = shelf.put("k", {}, b"pixels", "one.jpg")
    copy = pickle.loads(pickle.dumps(shelf))
    assert copy.sound("k") == entry
    assert copy.put("other", {}) is not None and copy._journal.claim() == 1


def test_a_closed_shelf_leaves_its_journal_to_the_next(shelf, tmp_path):
    shelf.put("k", {})
    shelf.close()
    assert open_shelf(tmp_path)._journal.claim() == 0


def test_a_group_can_share_a_shelf(tmp_path):
    before = os.umask(0o002)
    try:
        open_shelf(tmp_path).put("k", {}, b"pixels", "bird/one.jpg")
    finally:
        os.umask(before)
    for path in [*(tmp_path / "shelf").rglob("*"), *(tmp_path / "index").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o775 if path.is_dir() else 0o664), path


def test_threads_share_a_shelf(tmp_path):
    shelf = open_shelf(tmp_path)
    numbers = [number % 40 for number in range(200)]

    def put(number):
        shelf.put(f"{number}", {"number": number}, b"%d" % number * 1000, f"{number}.bin")
        return shelf.load(f"{number}")[1]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(put, numbers)) == [b"%d" % number * 1000 for number in numbers]
    assert len(open_shelf(tmp_path).entries()) == 40
    assert [path.name for path in (tmp_path / "index").glob("rank-*.jsonl")] == ["rank-0.jsonl"]
    assert not list((tmp_path / "index" / "unfinished-0").iterdir())
