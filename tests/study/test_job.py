import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest
from filelock import FileLock

from aga_lightning.study.job import BUSY, main
from aga_lightning.study.state import read_state, write_state


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cell"


def write_whole(path, cut=0):
    """A file that looks like one of `torch.save`; without its last bytes."""
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", "weights")
    path.write_bytes(path.read_bytes()[: path.stat().st_size - cut])


def job(folder, script, **more):
    description = {"command": [sys.executable, "-c", script], "environment": {"MARK": "7"}}
    write_state(folder / "job.json", description | {"leaves": [], "goes_on": False} | more)


def test_a_job_that_ends_well_is_done_and_not_run_again(folder):
    job(folder, "import os; print('mark', os.environ['MARK'])")
    assert main(folder) == 0
    done = read_state(folder / "done.json")
    assert done["seconds"] > 0 and done["versions"]["torch"]
    assert not (folder / "failed.json").exists()
    main(folder)
    assert (folder / "log.txt").read_text().splitlines().count("mark 7") == 1


def test_a_job_that_fails_says_how_and_may_be_tried_again(folder):
    job(folder, "print('what went wrong'); raise SystemExit(3)")
    assert main(folder) == 3
    failed = read_state(folder / "failed.json")
    assert failed["exit_code"] == 3 and failed["last_lines"].endswith("what went wrong")
    assert not (folder / "done.json").exists()
    job(folder, "pass")
    assert main(folder) == 0
    assert not (folder / "failed.json").exists() and (folder / "done.json").exists()


def test_two_processes_never_run_one_job(folder):
    job(folder, "print('run')")
    with FileLock(folder / ".lock"):
        assert main(folder) == BUSY
    assert not (folder / "log.txt").exists()


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_fit_that_was_killed_goes_on_from_its_last_epoch_or_starts_anew(folder, goes_on):
    job(folder, "import sys; print('said', *sys.argv[1:])", goes_on=goes_on)
    last = folder / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    write_whole(last)
    main(folder)
    assert (f"said --ckpt_path {last}" in (folder / "log.txt").read_text()) == goes_on
    assert last.exists() == goes_on, "a new start must not find checkpoints of an old one"


def test_a_new_start_finds_neither_checkpoints_nor_results_of_an_old_one(folder):
    job(folder, "pass", goes_on=True, leaves=["results.json"])
    best = folder / "checkpoints" / "best.ckpt"
    best.parent.mkdir()
    for path in (best, folder / "results.json"):
        path.write_text("old")
    assert main(folder) == 1, "results of an old start are not those of a new one"
    assert not best.exists() and (folder / "earlier/1/results.json").read_text() == "old"
    assert {"job.json", "log.txt"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("whole", [True, False], ids=["the best one is whole", "none is"])
def test_a_broken_last_checkpoint_does_not_stop_a_job_for_ever(folder, whole):
    job(folder, "import sys; print('said', *sys.argv[1:])", goes_on=True)
    last, best = (folder / "checkpoints" / name for name in ("last.ckpt", "best.ckpt"))
    write_whole(last, cut=9)
    write_whole(best, cut=0 if whole else 9)
    assert main(folder) == 0
    log = (folder / "log.txt").read_text()
    assert f"# {last} is truncated or damaged" in log
    assert (f"said --ckpt_path {best}" in log) == whole


def test_a_job_that_leaves_no_results_has_failed_whatever_it_says(folder):
    job(folder, "print('bye')", leaves=["results.json"])
    assert main(folder) == 1
    assert read_state(folder / "failed.json")["last_lines"].endswith("did not write results.json.")
    job(folder, f"open({str(folder / 'results.json')!r}, 'w').write('x')", leaves=["results.json"])
    assert main(folder) == 0 and (folder / "done.json").exists()


STUBBORN = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "


@pytest.mark.parametrize("start", ["import time; ", STUBBORN], ids=["by the signal", "without a word"])
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_who_stops_a_job_stops_its_process_and_it_has_neither_failed_nor_finished(folder, start):
    job(folder, start + "print('up', flush=True); time.sleep(60)", leaves=["results.json"])
    process = subprocess.Popen([sys.executable, "-m", "aga_lightning.study.job", str(folder)])
    for _ in range(300):
        if (folder / "log.txt").exists() and "up" in (folder / "log.txt").read_text().splitlines():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == (143 if start != STUBBORN else 130)
    assert not (folder / "done.json").exists() and not (folder / "failed.json").exists()
