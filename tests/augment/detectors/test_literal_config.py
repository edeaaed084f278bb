import pytest

from aga_lightning.augment.detectors.literal_config import read_literals

EXPECTED = {"layers": 6, "levels": [1, 2], "name": "swin", "drop": -0.5, "none": None}
FILES = {
    "a.py": '"""Settings."""\nlayers = 6\nlevels = [1, 2]  # of 4\nname = "swin"\ndrop = -0.5\nnone = None\n',
    "a.json": '{"layers": 6, "levels": [1, 2], "name": "swin", "drop": -0.5, "none": null}',
    "a.yaml": "layers: 6\nlevels: [1, 2]\nname: swin\ndrop: -0.5\nnone:\n",
}


@pytest.mark.parametrize("name", FILES)
def test_three_notations_give_the_same_settings(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    assert read_literals(tmp_path / name) == EXPECTED


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.py", "import os\n", "line 1 is no assignment"),
        ("a.py", "a = 1\nb = open('x')\n", "line 2 is no assignment"),
        ("a.py", "a = (\n", "was never closed"),
        ("a.json", "{", "Expecting"),
        ("a.yaml", "!!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a.yaml", "- 1", "has no settings"),
        ("a.toml", "a = 1", "neither"),
    ],
)
def test_anything_but_plain_values_is_refused_by_file_and_reason(tmp_path, name, text, reason):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=rf"(?s){name} .*{reason}"):
        read_literals(tmp_path / name)


def test_a_configuration_is_parsed_and_not_run(tmp_path):
    (tmp_path / "a.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ValueError, match="line 1"):
        read_literals(tmp_path / "a.py")
    assert not (tmp_path / "ran").exists()
