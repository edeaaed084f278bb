import json
import os
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.augment.store.journal import Journal


def test_a_line_is_read_back_by_its_writer_and_by_others(tmp_path):
    writer, reader = Journal(tmp_path), Journal(tmp_path)
    writer.append({"key": "a", "value": 1})
    assert writer.get("a") == {"key": "a", "value": 1}
    assert reader.get("a") == {"key": "a", "value": 1}
    writer.append({"key": "b"})
    assert set(reader.lines()) == {"a", "b"}
    assert reader.get("c") is None


def test_two_writers_never_share_a_file(tmp_path):
    one, two = Journal(tmp_path), Journal(tmp_path)
    assert one.claim() != two.claim()
    one.append({"key": "a"})
    two.append({"key": "b"})
    assert (tmp_path / "rank-0.jsonl").read_text() == '{"key": "a"}\n'
    assert (tmp_path / "rank-1.jsonl").read_text() == '{"key": "b"}\n'


def test_a_closed_journal_leaves_its_file_to_the_next_writer(tmp_path):
    one = Journal(tmp_path)
    one.append({"key": "a"})
    one.close()
    two = Journal(tmp_path)
    assert two.claim() == 0
    two.append({"key": "b"})
    assert set(Journal(tmp_path).lines()) == {"a", "b"}


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
    assert (tmp_path / "rank-1.jsonl").read_text() == '{"key": "child"}\n'
    assert journal.get("child") is not None
    # The child's end must not have released the parent's claim.
    assert Journal(tmp_path).claim() != 0


def test_a_pickled_journal_reads_the_same_lines(tmp_path):
    journal = Journal(tmp_path)
    journal.append({"key": "a"})
    assert pickle.loads(pickle.dumps(journal)).get("a") == {"key": "a"}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(cut=st.integers(0, 200), texts=st.lists(st.text(max_size=12), min_size=1, max_size=5))
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


def test_a_damaged_line_is_passed_over(tmp_path):
    (tmp_path / "rank-0.jsonl").write_bytes(b'{"key": "a"}\n\x00\xff{"ke\n[1]\n{"key": "b"}\n')
    assert set(Journal(tmp_path).lines()) == {"a", "b"}


def test_a_line_that_does_not_fit_leaves_nothing_behind(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    journal.append({"key": "a"})
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real_write(file, data[:3]))
    with pytest.raises(OSError, match="cut short"):
        journal.append({"key": "b"})
    monkeypatch.undo()
    assert (tmp_path / "rank-0.jsonl").read_text() == '{"key": "a"}\n'
    assert Journal(tmp_path).get("b") is None
