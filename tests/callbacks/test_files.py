"""Nothing half-written is ever found under a file's own name."""

import pytest

from aga_lightning.callbacks.files import write_csv, written_aside


def test_a_table_is_written_into_a_new_folder(tmp_path):
    write_csv(tmp_path / "a" / "b.csv", ["set", "acc"], [["val", 0.5], ["ood/dusk", "one, two"]])
    assert (tmp_path / "a" / "b.csv").read_text().splitlines() == ["set,acc", "val,0.5", 'ood/dusk,"one, two"']
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.csv"]


def test_what_was_there_stays_until_the_new_is_whole(tmp_path):
    path = tmp_path / "b.csv"
    write_csv(path, ["set"], [["old"]])

    def rows():
        yield ["new"]
        assert "old" in path.read_text()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_csv(path, ["set"], rows())
    assert "old" in path.read_text() and "new" not in path.read_text()


def test_the_name_aside_lies_beside_and_is_hidden(tmp_path):
    with written_aside(tmp_path / "sheet.png") as aside:
        assert (aside.parent, aside.name) == (tmp_path, ".sheet.png")
        aside.write_bytes(b"picture")
        assert not (tmp_path / "sheet.png").exists()
    assert (tmp_path / "sheet.png").read_bytes() == b"picture"
