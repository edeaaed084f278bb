import json
import sys
from pathlib import Path

import pytest
import yaml

from aga_lightning.study.plan import command_line, plan
from aga_lightning.study.settings import Explain, Study, StudyError


def study(tmp_path, base="base.yaml", **changes):
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({"data": {"steps_per_epoch": 5, "degree": 2}}))
    settings = {
        "out": str(tmp_path / "out"),
        "base": [str(tmp_path / base)] if base else [],
        "axes": {"arm": {"baseline": {"data.augmenter": None}, "aga": {}}, "backbone": ["resnet18", "resnet50"],
                 "seed": [0, 1]},
    }  # fmt: skip
    return Study(**settings | changes)


def names(planned):
    return [tuple(cell.levels.values()) for cell in planned.cells]


def test_all_combinations_are_planned_seed_by_seed(tmp_path):
    planned = plan(study(tmp_path))
    assert names(planned) == [
        (arm, backbone, seed)
        for seed in ("0", "1")
        for arm in ("baseline", "aga")
        for backbone in ("resnet18", "resnet50")
    ]
    assert len({cell.folder for cell in planned.cells}) == 8


def test_grids_choose_and_what_several_ask_for_is_planned_once(tmp_path):
    grids = [{"arm": "all", "seed": "all"}, {"arm": ["aga"], "backbone": "all", "seed": [1]}]
    planned = plan(study(tmp_path, grids=grids))
    assert sorted(names(planned)) == sorted(
        [(arm, "resnet18", seed) for arm in ("baseline", "aga") for seed in ("0", "1")] + [("aga", "resnet50", "1")]
    )


def test_later_axes_win_and_the_command_is_that_of_a_fit(tmp_path):
    axes = {"arm": {"aga": {"data.degree": 4, "data.augmenter": "AGA"}}, "degree": [0, 10]}
    cell = plan(study(tmp_path, axes=axes, settings={"trainer.callbacks": []})).cells[1]
    assert cell.settings["data.degree"] == 10
    command = command_line(cell.arguments)
    assert command[:4] == [sys.executable, "-m", "aga_lightning", "fit"]
    said = dict(zip(command[4::2], command[5::2], strict=True))
    assert said["--config"] == str(tmp_path / "base.yaml")
    assert said["--data.augmenter"] == "AGA", "words stand as they are, without quotation marks"
    assert said["--data.degree"] == "10" and said["--trainer.callbacks"] == "[]"
    assert said["--trainer.run_dir"] == str(cell.folder)
    assert said["--data.cache_dir"] == str(tmp_path / "out" / "store"), "all cells share a store"
    assert "--data.augmenter null" in " ".join(plan(study(tmp_path)).cells[0].arguments)


def test_overrides_win_over_axes(tmp_path):
    axes = {"degree": [1, 4]}
    planned = plan(study(tmp_path, axes=axes, settings={"data.degree": 2}, overrides={"data.degree": 7}))
    assert [cell.settings["data.degree"] for cell in planned.cells] == [7, 7]


def test_words_and_numbers_that_read_alike_are_one_setting(tmp_path):
    asked, typed = (plan(study(tmp_path, settings={"data.degree": degree})).cells[0] for degree in (7, "7"))
    assert asked.folder == typed.folder and asked.arguments == typed.arguments


def test_a_folder_changes_with_any_setting_and_with_what_a_configuration_says(tmp_path):
    before = plan(study(tmp_path)).cells[0].folder
    assert plan(study(tmp_path)).cells[0].folder == before
    assert plan(study(tmp_path, settings={"trainer.max_epochs": 3})).cells[0].folder != before
    assert plan(study(tmp_path, title="Other words")).cells[0].folder == before
    (tmp_path / "other.yaml").write_text(yaml.safe_dump({"data": {"steps_per_epoch": 6}}))
    (tmp_path / "comment.yaml").write_text("# words\ndata: {degree: 2, steps_per_epoch: 5}\n")
    assert plan(study(tmp_path, base="other.yaml")).cells[0].folder != before
    assert plan(study(tmp_path, base="comment.yaml")).cells[0].folder == before, "comments change no result"


def test_a_study_that_is_moved_keeps_its_folders(tmp_path):
    here, there = plan(study(tmp_path)), plan(study(tmp_path, out="elsewhere"))
    assert [cell.folder.name for cell in here.cells] == [cell.folder.name for cell in there.cells]


def test_equal_steps_are_held_and_equal_epochs_are_an_option(tmp_path):
    (tmp_path / "free.yaml").write_text("data: {degree: 2}")
    with pytest.raises(StudyError, match="budget is steps, but nothing sets"):
        plan(study(tmp_path, base="free.yaml"))
    assert plan(study(tmp_path, base="free.yaml", settings={"data.steps_per_epoch": 7})).cells
    cell = plan(study(tmp_path, budget="epochs")).cells[0]
    assert "--data.steps_per_epoch null" in " ".join(cell.arguments)


def test_configurations_of_a_level_stand_behind_the_base_and_may_name_other_levels(tmp_path):
    for name in ("birds", "alia_birds"):
        (tmp_path / f"{name}.yaml").write_text("data: {steps_per_epoch: 3}")
    arm = {"ALIA": {"config": str(tmp_path / "alia_{dataset}.yaml")}}
    axes = {"dataset": {"birds": {"config": [str(tmp_path / "birds.yaml")]}}, "arm": arm}
    (cell,) = plan(study(tmp_path, base=None, axes=axes)).cells
    assert cell.configs == (str(tmp_path / "birds.yaml"), str(tmp_path / "alia_birds.yaml"))


def test_studies_may_share_cells(tmp_path):
    one = plan(study(tmp_path, out="one", cells="all", explain=Explain(arms=["aga"])))
    two = plan(study(tmp_path, out="two", cells="all", explain=Explain(arms=["aga"])))
    assert one.cells == two.cells and one.comparisons == two.comparisons
    assert one.cells[0].folder.parents[1] == Path("all").absolute()
    assert one.cells[0].settings["data.cache_dir"] == str(Path("all", "store").absolute())


def test_comparisons_pair_cells_that_agree_but_for_the_arm(tmp_path):
    explain = Explain(arms=["aga"], only={"seed": [1]}, callbacks=[{"class_path": "Faithfulness"}])
    planned = plan(study(tmp_path, explain=explain))
    assert [(c.cell.levels["backbone"], c.cell.levels["seed"]) for c in planned.comparisons] == [
        ("resnet18", "1"),
        ("resnet50", "1"),
    ]
    first = planned.comparisons[0]
    assert first.cell.levels["arm"] == "aga" and first.reference.levels["arm"] == "baseline"
    assert first.cell.others == first.reference.others
    said = dict(zip(first.arguments[1::2], first.arguments[2::2], strict=True))
    assert first.arguments[0] == "test"
    assert said["--ckpt_path"] == str(first.cell.folder / "checkpoints" / "best.ckpt")
    (callback,) = json.loads(said["--trainer.callbacks"])
    assert callback["init_args"] == {"compare_to": str(first.reference.folder / "checkpoints" / "best.ckpt")}
    assert first.folder != planned.comparisons[1].folder


def late(tmp_path, **changes):
    later = {"after": "baseline", "data.order": "{after}/table.csv", "trainer.callbacks": [{"init_args": "{after}"}]}
    arms = {"late": later, "baseline": {"data.augmenter": None}}
    return study(tmp_path, axes={"arm": arms, "degree": [1, 4], "seed": [0, 1]}, **changes)


def test_a_cell_may_use_what_another_has_left(tmp_path):
    planned = plan(late(tmp_path))
    first = {cell.others: cell for cell in planned.cells if cell.levels["arm"] == "baseline"}
    last = [cell for cell in planned.cells if cell.levels["arm"] == "late"]
    assert len(first) == len(last) == 4 and all(cell.needs == () for cell in first.values())
    for cell in last:
        assert cell.needs == (first[cell.others],)
        folder = str(first[cell.others].folder)
        assert cell.settings["data.order"] == f"{folder}/table.csv"
        assert cell.settings["trainer.callbacks"] == [{"init_args": folder}]
        assert "after" not in cell.settings


def test_a_cell_that_another_one_needs_is_run_whatever_the_grids_ask_for(tmp_path):
    planned = plan(late(tmp_path, grids=[{"arm": ["late"], "seed": [1]}]))
    assert names(planned) == [("late", "1", "1"), ("baseline", "1", "1")]


def test_a_folder_changes_with_the_cell_that_is_used_and_not_with_its_place(tmp_path):
    def folder(**changes):
        return next(cell.folder.name for cell in plan(late(tmp_path, **changes)).cells if cell.levels["arm"] == "late")

    assert folder() == folder(out="elsewhere") != folder(settings={"trainer.max_epochs": 3})


def test_paths_have_to_be_given_and_are_filled_in(tmp_path):
    settings = {"data.dataset.root": "{cub}", "data.dataset.ood": {"sketch": "{cub}/sketch"}}
    with pytest.raises(StudyError, match=r"where cub lies: --paths.cub PATH"):
        plan(study(tmp_path, settings=settings, paths={"cub": None}))
    with pytest.raises(StudyError, match=r"names the path \{cub\}, but paths has none"):
        plan(study(tmp_path, settings=settings))
    cell = plan(study(tmp_path, settings=settings, paths={"cub": "/birds"})).cells[0]
    assert cell.settings["data.dataset.root"] == "/birds"
    assert cell.settings["data.dataset.ood"] == {"sketch": "/birds/sketch"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"jobs": 0}, "jobs is 0"),
        ({"base": None}, "no base"),
        ({"base": "nowhere.yaml"}, "nowhere.yaml: this configuration cannot be read"),
        ({"grids": [{"colour": "all"}]}, "grid 1 names colour; the axes are arm, backbone, seed"),
        ({"grids": [{"arm": ["bga"]}]}, "grid 1 asks for arm bga; its levels are baseline, aga"),
        ({"explain": Explain(arms=["bga"])}, "explain names bga"),
        ({"explain": Explain(arms=["aga"], only={"colour": [1]})}, "explain.only names colour"),
    ],
)
def test_mistakes_are_told(tmp_path, changes, message):
    with pytest.raises(StudyError, match=message):
        plan(study(tmp_path, **changes))


def test_titles_say_what_a_number_is(tmp_path):
    assert plan(study(tmp_path)).cells[0].title == "baseline, resnet18, seed 0"


def test_a_thousand_cells_read_each_configuration_once(tmp_path, monkeypatch):
    read = []
    reader = type(tmp_path).read_text
    monkeypatch.setattr(type(tmp_path), "read_text", lambda self, **how: read.append(self.name) or reader(self, **how))
    planned = plan(study(tmp_path, axes={"arm": {"baseline": {}, "aga": {}}, "seed": list(range(500))}))
    assert len({cell.folder for cell in planned.cells}) == 1000
    assert read == ["base.yaml"]
