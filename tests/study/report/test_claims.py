from dataclasses import asdict

import jsonargparse
import numpy as np
import pytest
import yaml
from tiny.study_accuracy import answers, finished

from aga_lightning.study.report.claims import Claim, Claims
from aga_lightning.study.report.section import Section
from aga_lightning.study.settings import StudyError
from aga_lightning.study.statistics import paired_difference, slope

AXES = {"arm": ["baseline", "aga"], "degree": ["1", "4"], "seed": ["0", "1"]}
nan = float("nan")


def judge(levels):
    right = {"baseline": 20, "aga": 24 + 2 * int(levels["degree"])}[levels["arm"]] + int(levels["seed"])
    return {"test": answers(40, right), "ood/a": answers(40, 40 - right), "ood/same": answers(40, 12)}


def aic(levels):
    ours, others = np.linspace(0.5, 0.9, 24), np.linspace(0.25, 0.6, 24)
    ours[0], others[1] = nan, nan
    return {"test": (ours, others), "ood/a": (others, ours), "ood/same": (ours, ours)}


@pytest.fixture
def outcomes(tmp_path):
    return finished(tmp_path, AXES, judge, explained=aic)


def rows_of(claims, outcomes):
    summary, table = Claims(claims=claims).blocks(outcomes)
    assert table.header[0] == "claim" and all(len(row) == len(table.header) for row in table.rows)
    return summary.text, [[row[0], row[1], *row[2:5], row[5].text] for row in table.rows]


def test_accuracy(outcomes):
    summary, rows = rows_of([Claim("AGA helps", where={"degree": 4})], outcomes)
    gain = paired_difference([answers(40, 32 + seed) for seed in (0, 1)], [answers(40, 20 + seed) for seed in (0, 1)])
    said = f"+30.0 [{100 * gain.low:.1f}, {100 * gain.high:.1f}]"
    assert rows[0] == ["AGA helps", "test", "51.2 -> 81.2", said, "2", "holds here"]
    assert rows[1][1:3] == ["ood/a", "48.8 -> 18.8"] and rows[1][5] == "fails here"
    assert rows[2][1:] == ["ood/same", "30.0 -> 30.0", "+0.0 [0.0, 0.0]", "2", "not shown"]
    assert "Of 3 tests" in summary and "1 hold here, 1 fail here, 1 not shown and 0 not run" in summary


def test_measures_on_the_images_that_both_can_use(outcomes):
    claim = Claim("AIC rises", "measure", where={"degree": 1}, measure="aic")
    _, rows = rows_of([claim], outcomes)
    ours, others = aic({})["test"]
    gain = paired_difference(np.stack([ours] * 2), np.stack([others] * 2))
    said = f"{gain.value:+.3f} [{gain.low:.3f}, {gain.high:.3f}]"
    assert rows[0][2:] == [f"{others[2:].mean():.3f} -> {ours[2:].mean():.3f}", said, "2", "holds here"]
    assert [row[5] for row in rows[1:]] == ["fails here", "not shown"]
    _, rows = rows_of([Claim("insertion rises", "measure", where={"degree": 1}, measure="insertion")], outcomes)
    assert {row[5] for row in rows} == {"not run"}


def test_less_deletion_is_better(tmp_path):
    outcomes = finished(tmp_path, AXES, judge, explained=aic)
    for explained in outcomes.explained:
        path = explained.folder / "faithfulness_per_image.csv"
        path.write_text(path.read_text().replace("aic", "deletion"))
    _, rows = rows_of([Claim("deletion falls", "measure", where={"degree": 1}, measure="deletion")], outcomes)
    assert rows[0][3].startswith("+") and rows[0][5] == "fails here" and rows[1][5] == "holds here"


def test_slopes(outcomes):
    _, rows = rows_of([Claim("more is better", "slope", sets=["test", "ood/a", "ood/same"])], outcomes)
    rise = slope([0, 1, 4], [[answers(40, right + seed) for seed in (0, 1)] for right in (20, 26, 32)])
    said = f"{100 * rise.value:+.2f} [{100 * rise.low:.2f}, {100 * rise.high:.2f}] per degree"
    assert rows[0] == ["more is better", "test", "51.2 at 0 -> 81.2 at 4", said, "2", "holds here"]
    assert [row[5] for row in rows] == ["holds here", "fails here", "not shown"]


def test_what_is_not_run(tmp_path):
    outcomes = finished(tmp_path, AXES, judge, done=lambda at: at["arm"] == "baseline")
    claims = [
        Claim("a", where={"degree": 1}, sets=["test"]),
        Claim("b", "measure", where={"degree": 1}, sets=["test"]),
        Claim("c", "slope", sets=["test"]),
        Claim("d", arm="alia", sets=["test"]),
        Claim("e", where={"degree": 8}, sets=["test"]),
        Claim("f", "slope", axis="size", where={"degree": 1}, sets=["test"]),
        Claim("g", where={"degree": 1}, sets=["ood/v2"]),
    ]
    summary, rows = rows_of(claims, outcomes)
    assert [row[2:] for row in rows] == [["-", "-", "-", "not run"]] * 7
    assert "0 hold here, 0 fail here, 0 not shown and 7 not run" in summary


def test_nothing_at_all(tmp_path):
    nothing = finished(tmp_path, AXES, judge, done=lambda levels: False)
    _, rows = rows_of([Claim("a", where={"degree": 1})], nothing)
    assert rows == [["a", "-", "-", "-", "-", "not run"]]
    (only,) = Claims(claims=[]).blocks(nothing)
    assert only.text == "No claims are listed."


def test_few_images_show_nothing(tmp_path):
    axes = {"arm": ["baseline", "aga"], "seed": ["0", "1"]}
    outcomes = finished(tmp_path, axes, lambda at: {"test": answers(5, 5 if at["arm"] == "aga" else 0)})
    _, ((*_, shown, _, verdict),) = rows_of([Claim("a")], outcomes)
    assert "fewer than" in shown and verdict == "not shown"


def test_a_claim_that_leaves_an_axis_open(outcomes):
    with pytest.raises(StudyError, match="several levels of degree"):
        Claims(claims=[Claim("a")]).blocks(outcomes)


CLAIMS = """
section:
  class_path: Claims
  init_args:
    claims:
      - {says: AGA helps, where: {degree: 4, backbone: resnet18}, sets: [test]}
      - {says: AIC rises, kind: measure, measure: aic, reference: mixup}
      - {says: more is better, kind: slope, start: null}
"""


def test_claims_are_read_from_yaml():
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--section", type=Section)
    section = parser.instantiate(parser.parse_object(yaml.safe_load(CLAIMS))).section
    assert section.claims == [
        Claim("AGA helps", where={"degree": 4, "backbone": "resnet18"}, sets=["test"]),
        Claim("AIC rises", "measure", measure="aic", reference="mixup"),
        Claim("more is better", "slope", start=None),
    ]
    assert section.heading == "The claims, one by one"
    wrong = yaml.safe_load(CLAIMS)
    wrong["section"]["init_args"]["claims"][0]["kind"] = "speed"
    with pytest.raises(jsonargparse.ArgumentError):
        parser.parse_object(wrong)
    assert asdict(section.claims[0])["measure"] == "aic"
