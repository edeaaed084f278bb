import json
import signal
import sys
import threading
import time

import pytest
import yaml
from filelock import FileLock

from aga_lightning.augment.engine.generation import Shard
from aga_lightning.stopping import Stopped
from aga_lightning.study import runner
from aga_lightning.study.plan import plan
from aga_lightning.study.runner import Ending, jobs_of, run_jobs
from aga_lightning.study.settings import Explain, Study
from aga_lightning.study.state import read_state

# Stands in for `python -m aga_lightning`: notes that it ran, and fails where the cell's settings say so.
SCRIPT = """
import json, os, sys
said = dict(zip(sys.argv[2::2], sys.argv[3::2]))
with open({log!r}, "a") as log:
    entry = {{"verb": sys.argv[1], "seed": said["--seed_everything"], "ran": said["--trainer.run_dir"]}}
    entry |= {{"threads": os.environ["OMP_NUM_THREADS"], "gpu": os.environ.get("CUDA_VISIBLE_DEVICES")}}
    log.write(json.dumps(entry) + "\\n")
if "--fail" not in said:
    open(said["--trainer.run_dir"] + "/results.json", "w").write("{{}}")
sys.exit(int(said.get("--fail", 0)))
"""


@pytest.fixture
def ran(tmp_path, monkeypatch):
    log = tmp_path / "ran.jsonl"
    script = SCRIPT.format(log=str(log))
    monkeypatch.setattr(runner, "command_line", lambda arguments: [sys.executable, "-c", script, *arguments])
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.05)
    return lambda: [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def planned(tmp_path, **changes):
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({"data": {"steps_per_epoch": 5}}))
    axes = {"arm": {"baseline": {}, "aga": {}, "broken": {"fail": 3}}, "seed": [0, 1]}
    settings = {"out": str(tmp_path / "out"), "base": [str(tmp_path / "base.yaml")], "axes": axes}
    return plan(Study(**settings | changes))


def run(made, shard=Shard()):
    said = []
    return run_jobs(made, jobs_of(made, shard), said.append), said


def test_a_failure_stops_nothing_and_a_second_start_runs_only_what_failed(tmp_path, ran):
    made = planned(tmp_path)
    endings, said = run(made)
    assert len(endings[Ending.FINISHED]) == 4 and len(ran()) == 6
    assert {job.levels["arm"] for job in endings[Ending.FAILED]} == {"broken"}
    assert sum("FAILED: see" in line for line in said) == 2
    assert read_state(endings[Ending.FAILED][0].folder / "failed.json")["exit_code"] == 3
    endings, said = run(made)
    assert said[0] == "4 of 6 are finished already"
    assert len(ran()) == 8, "finished cells are not run again, failed ones are"


def test_comparisons_wait_for_their_cells_and_not_for_those_that_failed(tmp_path, ran):
    made = planned(tmp_path, explain=Explain(arms=["aga", "broken"]), jobs=2)
    endings, _ = run(made)
    assert [job.title for job in endings[Ending.WAITING]] == [
        "broken, seed 0 explained beside baseline",
        "broken, seed 1 explained beside baseline",
    ]
    order = [(entry["verb"], entry["seed"]) for entry in ran()]
    for seed in ("0", "1"):
        fits = [place for place, entry in enumerate(order) if entry == ("fit", seed)]
        assert order.index(("test", seed)) > sorted(fits)[1]


@pytest.mark.parametrize("first", ["baseline", "broken"])
def test_a_cell_waits_for_the_one_that_it_uses_and_not_for_one_that_failed(tmp_path, ran, first):
    arms = {"late": {"after": first}, "baseline": {}, "broken": {"fail": 3}}
    grids = [{"arm": ["late", first]}]
    endings, _ = run(planned(tmp_path, axes={"arm": arms, "seed": [0]}, grids=grids, jobs=2))
    order = [entry["ran"].rpartition("/")[2].partition("_")[0] for entry in ran()]
    assert order == (["baseline", "late"] if first == "baseline" else ["broken"])
    assert [job.levels["arm"] for job in endings[Ending.WAITING]] == ([] if first == "baseline" else ["late"])


def test_threads_and_gpus_are_dealt_out(tmp_path, ran):
    run(planned(tmp_path, jobs=2, threads=3, gpus=[4, 6]))
    assert {entry["threads"] for entry in ran()} == {"3"}
    assert {entry["gpu"] for entry in ran()} == {"4", "6"}


def test_shards_share_all_jobs_and_keep_together_what_is_compared(tmp_path, ran):
    made = planned(tmp_path, explain=Explain(arms=["aga"]))
    parts = [jobs_of(made, Shard(index, 2)) for index in range(2)]
    folders = [job.folder for part in parts for job in part]
    assert sorted(folders) == sorted(job.folder for job in (*made.cells, *made.comparisons))
    for part in parts:
        assert len({job.levels["seed"] for job in part if hasattr(job, "levels")}) == 1
    thirds = [jobs_of(made, Shard(index, 3)) for index in range(3)]
    assert all(thirds), "more parts than groups: cells are dealt out one by one"
    assert sum(map(len, thirds)) == 8


def test_a_cell_that_another_process_runs_is_waited_for(tmp_path, ran):
    made = planned(tmp_path, grids=[{"arm": ["aga"]}])
    (cell,) = made.cells
    cell.folder.mkdir(parents=True)
    with FileLock(cell.folder / ".lock"):
        result = {}
        thread = threading.Thread(target=lambda: result.update(run(made)[0]))
        thread.start()
        time.sleep(1.0)
        assert thread.is_alive() and ran() == []
        (cell.folder / "done.json").write_text('{"seconds": 1}')
    thread.join(30)
    assert result[Ending.FINISHED] == [cell] and ran() == [], "the other process has finished it"


def test_who_stops_a_study_stops_its_jobs(tmp_path, monkeypatch):
    script = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(60)"
    up = tmp_path / "up"
    monkeypatch.setattr(runner, "command_line", lambda arguments: [sys.executable, "-c", script, str(up)])
    made = planned(tmp_path, grids=[{"arm": ["aga"]}])

    def stop_when_up(running, return_when):
        while not up.exists():
            time.sleep(0.05)
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(runner, "wait", stop_when_up)
    start = time.monotonic()
    with pytest.raises(Stopped):
        run(made)
    assert time.monotonic() - start < 30, "the job's process has not been waited for to its end"
    (cell,) = made.cells
    with FileLock(cell.folder / ".lock", timeout=0):
        assert not (cell.folder / "done.json").exists() and not (cell.folder / "failed.json").exists()


def test_a_killed_study_leaves_finished_cells_alone(tmp_path, ran):
    made = planned(tmp_path, grids=[{"arm": ["baseline", "aga"], "seed": "all"}])
    run_jobs(made, list(made.cells)[:2], lambda line: None)
    # What a kill leaves behind: a folder with a log and no word of its end.
    third = made.cells[2].folder
    third.mkdir(parents=True)
    (third / "log.txt").write_text("half")
    endings, _ = run(made)
    assert len(endings[Ending.FINISHED]) == 4
    runs = [entry["ran"] for entry in ran()]
    assert sorted(runs) == sorted(str(cell.folder) for cell in made.cells), "each cell ran once"
