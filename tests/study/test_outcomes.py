import csv
import json

import pytest
import yaml

from aga_lightning.study.outcomes import read_outcomes
from aga_lightning.study.plan import plan
from aga_lightning.study.settings import Explain, Study
from aga_lightning.study.state import write_state


@pytest.fixture
def planned(tmp_path):
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({"data": {"steps_per_epoch": 5}}))
    axes = {"arm": {"baseline": {}, "aga": {}}, "seed": [0, 1]}
    out = str(tmp_path / "out")
    return plan(Study(out=out, base=[str(tmp_path / "base.yaml")], axes=axes, explain=Explain(arms=["aga"])))


def finish(cell, right):
    write_state(cell.folder / "done.json", {"seconds": 2.5})
    (cell.folder / "results.json").write_text(json.dumps({"test": {"acc": sum(right) / len(right)}}))
    with (cell.folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["set", "image", "label", "predicted", "confidence"])
        writer.writerows(["test", f"{n}.jpg", "wren", "wren" if ok else "tit", 0.5] for n, ok in enumerate(right))


def test_finished_failed_and_missing_are_told_apart(planned):
    finish(planned.cells[0], [1, 0, 1])
    failed = {"seconds": 1, "exit_code": -9, "last_lines": "killed"}
    write_state(planned.cells[1].folder / "failed.json", failed)
    found = read_outcomes(planned)
    assert [outcome.cell for outcome in found.cells] == [planned.cells[0]]
    assert found.cells[0].seconds == 2.5 and found.cells[0].optimiser_steps is None
    (failure,) = found.failures
    assert (failure.title, failure.exit_code, failure.last_lines) == ("aga, seed 0", -9, "killed")
    assert len(found.missing) == 4 and found.sets == ["test"]


def test_what_was_said_of_each_image_is_read(planned):
    finish(planned.cells[0], [1, 0, 1])
    found = read_outcomes(planned).cells[0].predictions
    assert found["set"].tolist() == ["test"] * 3 and found["image"].tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert found["right"].tolist() == [True, False, True] and found["predicted"].tolist() == ["wren", "tit", "wren"]


def test_a_run_without_predictions_says_nothing_of_single_images(planned):
    finish(planned.cells[0], [1])
    (planned.cells[0].folder / "predictions.csv").unlink()
    assert read_outcomes(planned).cells[0].predictions.empty


def test_steps_and_augmentation_come_from_the_run(planned):
    finish(planned.cells[0], [1])
    write_state(planned.cells[0].folder / "training.json", {"optimiser_steps": 600})
    write_state(planned.cells[0].folder / "augmentation.json", {"asked": 8})
    (outcome,) = read_outcomes(planned).cells
    assert outcome.optimiser_steps == 600 and outcome.augmentation == {"asked": 8}


def test_cells_are_found_by_their_levels(planned):
    for cell in planned.cells:
        finish(cell, [1, 1])
    write_state(planned.comparisons[1].folder / "done.json", {"seconds": 9.0})
    found = read_outcomes(planned)
    assert [outcome.cell.levels["seed"] for outcome in found.where(arm="aga")] == ["0", "1"]
    assert len(found.where(arm=["aga", "baseline"], seed="1")) == 2
    assert len(found.where(arm=None)) == 4 and found.where(arm="other") == []
    (explained,) = found.explained_where(arm="aga")
    assert explained.comparison.cell.levels["seed"] == "1"
    assert explained.table("faithfulness.csv").empty
