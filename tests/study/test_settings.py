import pytest
from jsonargparse import ArgumentParser

from aga_lightning.study.settings import Explain, Study


def parse(*arguments):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_class_arguments(Study)
    settings = parser.instantiate(parser.parse_args(list(arguments)))
    return Study(**{name: settings[name] for name in Study.__dataclass_fields__})


def test_a_study_is_read_from_yaml_and_changed_behind_it(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "out: runs/x\nbase: [quickstart.yaml]\nsettings: {data.degree: 2, data.augmenter: null}\n"
        "axes:\n  arm: {baseline: {data.augmenter: null}, aga: null}\n  seed: [0, 1]\n"
        "paths: {cub: null}\nexplain: {arms: [aga], only: {seed: [0]}}\n"
    )
    study = parse("--config", str(path), "--paths.cub", "birds", "--jobs", "3")
    assert study.settings == {"data.degree": 2, "data.augmenter": None}
    assert study.axes == {"arm": {"baseline": {"data.augmenter": None}, "aga": None}, "seed": [0, 1]}
    assert study.paths == {"cub": "birds"} and study.jobs == 3
    assert study.explain == Explain(arms=["aga"], only={"seed": [0]})
    assert study.budget == "steps", "equal steps are what a comparison is by default"


def test_a_study_needs_a_folder():
    with pytest.raises(Exception, match="out"):
        parse("--title", "no folder")
