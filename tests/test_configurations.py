import pytest

from aga_lightning.configurations import find_config, objection


def test_a_configuration_is_found_here_first_then_in_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packaged = find_config("quickstart.yaml")
    assert packaged.endswith("configs/quickstart.yaml") and packaged != "quickstart.yaml"
    (tmp_path / "quickstart.yaml").write_text("")
    assert find_config("quickstart.yaml") == "quickstart.yaml"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("qickstart.yaml", "did you mean quickstart.yaml"),
        ("mine.yml", "did you mean mine.yaml"),
        ("folder/of/nobody.yaml", "check the path"),
        ("quickstart.yaml", None),
        ("recipes/pretrained.yaml", None),
        ("{trainer: {max_epochs: 1}}", None),
    ],
)
def test_a_name_that_is_nowhere_is_told_with_those_that_are_near(tmp_path, monkeypatch, name, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("")
    complaint = objection(name)
    assert complaint is None if told is None else f"there is no {name}" in complaint and told in complaint
