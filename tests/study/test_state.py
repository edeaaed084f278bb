import json

import pytest

from aga_lightning.study.state import read_state, write_state


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "deep" / "done.json"
    assert read_state(path) is None
    write_state(path, {"seconds": 1.5})
    assert read_state(path) == {"seconds": 1.5}
    assert [child.name for child in path.parent.iterdir()] == ["done.json"]


def test_a_write_that_is_cut_short_leaves_the_old_state(tmp_path, monkeypatch):
    path = tmp_path / "done.json"
    write_state(path, {"seconds": 1})
    with pytest.raises(TypeError):
        write_state(path, {"seconds": object()})
    assert json.loads(path.read_text()) == {"seconds": 1}
