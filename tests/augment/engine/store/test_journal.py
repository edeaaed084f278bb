import errno
import json
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.engine.store.journal import Journal


def keys(folder):
    return set(Journal(folder).lines())


def test_a_line_is_read_back_by_its_writer_and_by_others(tmp_path):
    writer, reader = Journal(tmp_path), Journal(tmp_path)
    writer.append({"key": "a", "value": 1})
    assert writer.get("a") == [{"key": "a", "value": 1}]
    assert reader.get("a") == [{"key": "a", "value": 1}]
    writer.append({"key": "b"})
    assert set(reader.lines()) == {"a", "b"}
    assert reader.get("c") == []


def test_a_line_begins_with_a_checksum_and_is_plain_json(tmp_path):
    Journal(tmp_path).append({"key": "a", "file": "é.jpg"})
    assert (tmp_path / "rank-0.jsonl").read_text() == '{"crc32": "9cb59097", "key": "a", "file": "\\u00e9.jpg"}\n'


@pytest.mark.parametrize("name", ["caf\udce9.jpg", 'a"b\\c\nd\re', "\N{GRINNING FACE}\u2028", "\0"])
def test_a_line_holds_any_name(tmp_path, name):
    Journal(tmp_path).append({"key": name, "source": name})
    assert Journal(tmp_path).get(name) == [{"key": name, "source": name}]


def test_two_writers_never_share_a_file(tmp_path):
    one, two = Journal(tmp_path), Journal(tmp_path)
    assert (one.claim(), two.claim(), one.claim()) == (0, 1, 0)
    one.append({"key": "a"})
    two.append({"key": "b"})
    assert b'"a"' in (tmp_path / "rank-0.jsonl").read_bytes()
    assert b'"b"' in (tmp_path / "rank-1.jsonl").read_bytes()


def test_all_readers_prefer_the_same_line_whenever_they_have_read_the_others(tmp_path):
    one, two, early = Journal(tmp_path), Journal(tmp_path), Journal(tmp_path)
    one.claim()
    two.append({"key": "a", "by": "two"})
    assert early.get("a") == [{"key": "a", "by": "two"}]
    one.append({"key": "a", "by": "one, first"})
    one.append({"key": "a", "by": "one, again"})
    both = [{"key": "a", "by": "two"}, {"key": "a", "by": "one, again"}]
    assert early.get("a") == both[:1]  # nothing is read where something is known
    assert early.get("a", afresh=True) == early.get("a") == both
    assert one.lines() == two.lines() == Journal(tmp_path).lines() == {"a": both}


def test_only_what_is_new_is_read_and_each_line_once(tmp_path, monkeypatch):
    writer, reader = Journal(tmp_path), Journal(tmp_path)
    writer.append({"key": "a"})
    reader.lines()
    parsed = []
    monkeypatch.setattr(reader, "fits", lambda line, checked: bool(parsed.append(line["key"])) or True)
    with monkeypatch.context() as closed:
        closed.setattr(Path, "open", None)
        assert set(reader.lines()) == {"a"} and parsed == []
    writer.append({"key": "b"})
    assert set(reader.lines()) == {"a", "b"} and parsed == ["b"]
    monkeypatch.setattr(Path, "glob", None)
    writer.append({"key": "c"})
    assert reader.get("b") == writer.get("b") == [{"key": "b"}]  # and no folder is listed for what is known,
    assert writer.get("c") == [{"key": "c"}]  # nor for what was written here


def test_the_beginning_of_a_line_is_read_when_the_line_is_whole(tmp_path):
    whole = b'{"key": "a"}\n{"key": "b"}\n'
    reader, path = Journal(tmp_path), tmp_path / "rank-0.jsonl"
    for end, expected in ((8, set()), (15, {"a"}), (24, {"a"}), (len(whole), {"a", "b"})):
        path.write_bytes(whole[:end])
        assert set(reader.lines()) == expected


def test_a_closed_journal_leaves_its_file_to_the_next_writer(tmp_path):
    one = Journal(tmp_path)
    one.append({"key": "a"})
    one.close()
    one.close()
    two = Journal(tmp_path)
    assert two.claim() == 0
    two.append({"key": "b"})
    one.append({"key": "c"})
    assert keys(tmp_path) == {"a", "b", "c"}
    assert b'"c"' in (tmp_path / "rank-1.jsonl").read_bytes()


def test_what_another_writer_appends_at_the_same_moment_is_kept(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    journal.append({"key": "a"})
    real_write = os.write

    def just_before(file, data):  # as by a process on another machine, whose locks are not seen here
        with (tmp_path / "rank-0.jsonl").open("a") as other:
            other.write('{"key": "b"}\n')
        return real_write(file, data)

    monkeypatch.setattr(os, "write", just_before)
    journal.append({"key": "c"})
    assert keys(tmp_path) == {"a", "b", "c"}


def test_a_forked_child_claims_a_file_of_its_own(tmp_path):
    journal = Journal(tmp_path)
    journal.append({"key": "parent"})
    child = os.fork()
    if child == 0:
        journal.append({"key": "child"})
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    journal.append({"key": "parent again"})
    assert len((tmp_path / "rank-0.jsonl").read_text().splitlines()) == 2
    assert b'"child"' in (tmp_path / "rank-1.jsonl").read_bytes()
    assert journal.get("child") == [{"key": "child"}]
    # The child's end must not have released the parent's claim.
    assert Journal(tmp_path).claim() != 0


def test_a_pickled_journal_reads_the_same_lines(tmp_path):
    journal = Journal(tmp_path, pickle.loads)
    journal.append({"key": "a"})
    copy = pickle.loads(pickle.dumps(journal))
    assert (copy.folder, copy.fits) == (tmp_path, pickle.loads)
    assert copy.claim() == 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(cut=st.integers(0, 300), texts=st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_a_journal_cut_anywhere_keeps_its_whole_lines(tmp_path_factory, cut, texts):
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder)
    for number, text in enumerate(texts):
        journal.append({"key": str(number), "text": text})
    journal.close()
    path = folder / "rank-0.jsonl"
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = data.count(b"\n")

    resumed = Journal(folder)
    assert set(resumed.lines()) == {str(number) for number in range(whole)}
    resumed.append({"key": "new"})
    lines = path.read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == [str(number) for number in range(whole)] + ["new"]


def test_a_long_torn_line_is_cut_off_and_nothing_else(tmp_path):
    path = tmp_path / "rank-0.jsonl"
    path.write_bytes(b'{"key": "a"}\n' + b"x" * 200_000)
    Journal(tmp_path).claim()
    assert path.read_bytes() == b'{"key": "a"}\n'


def test_a_flipped_bit_costs_the_lines_that_it_is_in_and_no_other(tmp_path):
    journal = Journal(tmp_path)
    lines = {key: {"key": key, "file": None, "digest": key * 8} for key in "abc"}
    for line in lines.values():
        journal.append(line)
    path = tmp_path / "rank-0.jsonl"
    data = path.read_bytes()
    start, end = (data.index(b"\n") + 1, data.rindex(b"\n", 0, -1) + 1)
    for place in range(start, end):
        for bit in (0, 5):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
            found = Journal(tmp_path).lines()
            assert "b" not in found and found["a"] == [lines["a"]], (place, bit)
            assert ("c" in found) == (place < end - 1)


DEEP = b'{"key": "x", "b": ' + b"[" * 100_000
LARGE = b'{"key": "x", "n": ' + b"9" * 5000 + b"}"


@pytest.mark.parametrize(
    "line",
    [b"", b"\x00\xff{", b"[1]", b"7", b'{"a": 1}', b'{"key": 7}', b'{"key": null}', b'{"key": "x"', DEEP, LARGE,
     b'{"key": "\xff"}', b'{"crc32": "00000000", "key": "x"}', b'{"crc32": "'],
    ids=lambda line: str(line[:24]),
)  # fmt: skip
def test_a_line_that_is_not_what_is_written_here_is_passed_over(tmp_path, line):
    (tmp_path / "rank-0.jsonl").write_bytes(b'{"key": "a"}\n' + line + b'\n{"key": "b"}\n')
    assert keys(tmp_path) == {"a", "b"}


def test_the_owner_says_which_lines_fit(tmp_path):
    (tmp_path / "rank-7.jsonl").write_text('{"key": "old"}\n{"key": "odd"}\n')
    Journal(tmp_path).append({"key": "new"})
    seen = {}
    reader = Journal(tmp_path, lambda line, checked: seen.update({line["key"]: checked}) or line["key"] != "odd")
    assert set(reader.lines()) == {"old", "new"}
    assert seen == {"old": False, "odd": False, "new": True}


def test_a_line_that_does_not_fit_on_the_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    journal.append({"key": "a"})
    before = (tmp_path / "rank-0.jsonl").read_bytes()
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real_write(file, data[:3]))
    with pytest.raises(OSError, match="cut short") as caught:
        journal.append({"key": "b"})
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert (tmp_path / "rank-0.jsonl").read_bytes() == before
    assert journal.get("b") == [] and keys(tmp_path) == {"a"}


@pytest.mark.parametrize("name", ["rank-0.jsonl", "rank-0.lock"])
def test_a_folder_in_a_files_place_is_left_to_itself(tmp_path, name):
    (tmp_path / name).mkdir()
    journal = Journal(tmp_path)
    journal.append({"key": "a"})
    assert journal.claim() == 1 and keys(tmp_path) == {"a"}
    assert (tmp_path / name).is_dir()


@pytest.mark.parametrize("name", ["rank-0.jsonl", "rank-0.lock"])
def test_a_file_of_another_user_is_left_to_that_user(tmp_path, monkeypatch, name):
    first = Journal(tmp_path)
    first.append({"key": "a"})
    first.close()
    real_open = os.open

    def refusing(path, flags, *mode, **more):
        if os.fspath(path) == str(tmp_path / name) and flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        return real_open(path, flags, *mode, **more)

    monkeypatch.setattr(os, "open", refusing)
    second = Journal(tmp_path)
    assert second.claim() == 1
    second.append({"key": "b"})
    assert set(second.lines()) == {"a", "b"}
    monkeypatch.undo()
    assert Journal(tmp_path).claim() == 0  # the lock that was of no use has been given back


def test_a_folder_that_cannot_be_written_is_an_error_at_once(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError):
        Journal(tmp_path).claim()
