"""One job of a study, run in a process of its own, which locks the job's folder and records how the job ended.

    python -m aga_lightning.study.job FOLDER

If the study's process is killed meanwhile, the job continues; the next start of the study finds its result.
"""

import datetime
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from filelock import FileLock, Timeout

from aga_lightning.checkpoints.integrity import is_whole
from aga_lightning.run_folder import BEST, CHECKPOINTS, LAST, set_aside
from aga_lightning.study.state import DONE, FAILED, JOB, LOCK, LOG, read_state, write_state

BUSY = 75
"""The exit status if another process already runs this job; EX_TEMPFAIL of the C library."""

STOPPED = 130
"""The exit status if the user stopped the job; the one that shells give for an interrupt."""

_LAST_LINES = 30


def main(folder: Path) -> int:
    """Run the job of a folder, unless it is finished or another process runs it; returns the exit status."""
    try:
        with FileLock(folder / LOCK, timeout=0):
            return 0 if (folder / DONE).exists() else _run(folder)
    except Timeout:
        return BUSY


def _run(folder: Path) -> int:
    job = read_state(folder / JOB)
    assert job is not None
    start, started = time.monotonic(), _now()
    with (folder / LOG).open("a", encoding="utf-8", errors="backslashreplace") as log:
        log.write(f"# {started} {' '.join(job['command'])}\n")
        log.flush()
        arguments = [*job["command"], *_from_where(folder, job, log)]
        code, stopped = _wait(arguments, log, os.environ | job["environment"])
    times = {"seconds": time.monotonic() - start, "started": started, "finished": _now()}
    missing = [name for name in job["leaves"] if not (folder / name).exists()]
    if stopped and (code or missing):  # the user stopped it, so that it neither finished nor failed
        return code or STOPPED
    if code == 0 and not missing:
        write_state(folder / DONE, times | {"versions": _versions()})
        (folder / FAILED).unlink(missing_ok=True)
        return 0
    lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    lines += [f"The job ended without an error but did not write {name}." for name in missing if code == 0]
    write_state(folder / FAILED, times | {"exit_code": code, "last_lines": "\n".join(lines)})
    return code or 1


def _from_where(folder: Path, job: Mapping[str, Any], log: TextIO) -> list[str]:
    """The arguments that resume a killed fit; before a fresh start, the files of an earlier start are set aside."""
    checkpoints = folder / CHECKPOINTS
    for path in (folder / LAST, folder / BEST) if job["goes_on"] else ():
        if is_whole(path):
            return ["--ckpt_path", str(path)]
        if not path.is_file():
            break  # a best.ckpt without a last.ckpt stems from another start
        log.write(f"# {path} is truncated or damaged and is not resumed from\n")
        log.flush()
    shutil.rmtree(checkpoints, ignore_errors=True)
    set_aside(folder)
    return []


def _wait(arguments: Sequence[str], log: TextIO, environment: Mapping[str, str]) -> tuple[int, bool]:
    """Run the job's process and pass signals on to it; returns its exit status and whether a signal came."""
    running: list[subprocess.Popen[bytes]] = []
    signals: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        for process in running:
            process.terminate()

    before: dict[int, Any] = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        running.append(subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT, env=environment))
        if signals:  # a signal came while the process was being started
            running[0].terminate()
        code = running[0].wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return (code if code >= 0 else 128 - code), bool(signals)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"python": sys.version.split()[0]} | {
        name: version(name) for name in ("aga-lightning", "torch", "torchvision", "lightning")
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
