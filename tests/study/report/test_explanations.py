"""Which comparisons a section shows, in which groups, and what their tables tell."""

import pytest
from tiny.study_explained import study, write_scores

from aga_lightning.callbacks.measuring import MEASURES as MEASURED
from aga_lightning.study.report.explanations import (
    MEASURES,
    aggregation_of,
    check_measures,
    compared,
    protocol_of,
    seed_of,
    sets_of,
)
from aga_lightning.study.settings import StudyError

AXES = {"arm": ("baseline", "mixup", "aga"), "backbone": ("resnet50", "resnet18"), "seed": ("0", "1")}


def test_all_that_is_measured_has_a_name():
    assert list(MEASURES) == list(MEASURED)


def test_groups_are_of_all_axes_but_the_seed_and_in_the_order_of_the_levels(tmp_path):
    groups = compared(study(tmp_path, **AXES), None, {})
    assert [(group.levels, group.arm, group.reference) for group in groups] == [
        ({"backbone": "resnet50"}, "mixup", "baseline"),
        ({"backbone": "resnet50"}, "aga", "baseline"),
        ({"backbone": "resnet18"}, "mixup", "baseline"),
        ({"backbone": "resnet18"}, "aga", "baseline"),
    ]
    for group in groups:
        assert group.planned == ("0", "1")
        assert [seed_of(explained.comparison) for explained in group.finished] == ["0", "1"]
        assert all(explained.comparison.cell.levels["arm"] == group.arm for explained in group.finished)
        assert group.missing == ""
    assert groups[1].title == "aga beside baseline, resnet50"


def test_arms_and_levels_can_be_chosen(tmp_path):
    outcomes = study(tmp_path, **AXES)
    (group,) = compared(outcomes, ["aga"], {"backbone": "resnet18"})
    assert (group.arm, group.levels, len(group.finished)) == ("aga", {}, 2)
    (named,) = compared(outcomes, ["aga"], {"backbone": "resnet18"}, ["backbone"])
    assert named.levels == {"backbone": "resnet18"}
    several = compared(outcomes, ["aga"], {"backbone": ["resnet18", "resnet50"], "seed": [0]})
    assert [(group.levels["backbone"], group.planned) for group in several] == [
        ("resnet50", ("0",)),
        ("resnet18", ("0",)),
    ]
    # The order is the study's, whatever order they are asked for in; levels may be given as numbers.
    assert [group.arm for group in compared(outcomes, ["aga", "mixup"], {"backbone": "resnet18", "seed": 1})] == [
        "mixup",
        "aga",
    ]


def test_what_is_not_finished_is_told(tmp_path):
    outcomes = study(tmp_path, {("aga", "1")}, seed=("0", "1", "2"))
    (group,) = compared(outcomes, None, {})
    assert len(group.finished) == 1
    assert group.missing == "aga beside baseline: not finished for seed 0 and 2 of 3 seeds."
    (empty,) = compared(study(tmp_path, set()), None, {})
    assert empty.missing == "aga beside baseline: not finished."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["agaa"], {}), "asks for arm agaa; its levels are baseline, aga"),
        ((None, {"degree": 4}), "degree"),
        ((None, {"seed": 7}), "7"),
        ((None, {"seed": [0, 7]}), "7"),
        ((None, {}, ["backbone"]), "backbone"),
    ],
)
def test_what_the_study_does_not_have_is_refused(tmp_path, arguments, message):
    with pytest.raises(StudyError, match=message):
        compared(study(tmp_path), *arguments)


def test_tables_tell_of_sets_and_methods(tmp_path):
    outcomes = study(tmp_path)
    groups = compared(outcomes, None, {})
    assert (sets_of(groups, "faithfulness_per_image.csv"), protocol_of(groups), aggregation_of(groups)) == ([], "", "")
    first, second = outcomes.explained
    write_scores(first, {"test": {"aic": ([0.1], [0.2]), "insertion": ([0.1], [0.2])}})  # whose mean is no curve
    write_scores(second, {"test": {"aic": ([0.1], [0.2])}, "ood/dusk": {"aic": ([0.1], [0.2])}})
    assert sets_of(groups, "faithfulness_per_image.csv") == ["test", "ood/dusk"]
    assert protocol_of(groups) == "Attributions: Grad-CAM of net.layer2 for the true class."
    assert aggregation_of(groups) == "median"


def test_measures_have_to_be_known():
    check_measures(["aic", "pointing_game"])
    with pytest.raises(ValueError, match="measures names acc; the measures are aic, sic, insertion"):
        check_measures(["aic", "acc"])
