import pytest

from aga_lightning.study.axes import Level, read_axes
from aga_lightning.study.settings import StudyError


def test_known_axes_are_plain_lists():
    axes = read_axes({"backbone": ["resnet18"], "degree": [0, 10], "seed": [7]})
    assert axes["backbone"] == (Level("resnet18", {"model.backbone": "resnet18"}),)
    assert [level.settings for level in axes["degree"]] == [{"data.degree": 0}, {"data.degree": 10}]
    assert axes["seed"][0].settings == {"seed_everything": 7, "data.augmentation_seed": 7}


def test_levels_bring_settings_and_configurations():
    arms = {"none": None, "alia": {"config": "arms/alia_cub.yaml", "data.degree": 1}}
    none, alia = read_axes({"arm": arms})["arm"]
    assert none == Level("none", {})
    assert alia == Level("alia", {"data.degree": 1}, ("arms/alia_cub.yaml",))


def test_a_level_may_start_after_another():
    first, second = read_axes({"arm": {"none": {}, "late": {"after": "none", "data.degree": 1}}})["arm"]
    assert first.after == "" and second == Level("late", {"data.degree": 1}, after="none")


def test_an_axis_may_name_the_settings_that_take_its_value():
    axes = read_axes({"seed": {"levels": [3], "sets": ["seed_everything", "data.dataset.seed"]}})
    assert axes["seed"] == (Level("3", {"seed_everything": 3, "data.dataset.seed": 3}),)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({}, "no axes"),
        ({"arm": ["a", "b"]}, "axes.arm is a plain list"),
        ({"arm": "aga"}, "axes.arm is 'aga'"),
        ({"arm": {"aga": 4}}, "axes.arm.aga is 4"),
        ({"seed": []}, "axes.seed has no levels"),
        ({"seed": [1, "1"]}, "axes.seed names a level twice: 1"),
        ({"arm": {"a": {"after": "c"}, "b": {}}}, "axes.arm.a starts after c; name one of b"),
        ({"arm": {"a": {"after": "a"}, "b": {}}}, "axes.arm.a starts after a; name one of b"),
        ({"arm": {"a": {"after": "b"}, "b": {"after": "c"}, "c": {}}}, "axes.arm.a starts after b; name one of c"),
        ({"seed": [[1]]}, "axes.seed holds more than words and numbers"),
    ],
)
def test_mistakes_are_told(axes, message):
    with pytest.raises(StudyError, match=message):
        read_axes(axes)
