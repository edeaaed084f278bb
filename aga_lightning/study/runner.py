"""Run the unfinished jobs of a plan, several at a time, each in a process of its own."""

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import Enum

from aga_lightning.augment.engine.generation import Shard
from aga_lightning.run_folder import RESULTS
from aga_lightning.study.job import BUSY
from aga_lightning.study.plan import Cell, Comparison, Plan, command_line
from aga_lightning.study.state import DONE, FAILED, JOB, LOG, write_state
from aga_lightning.workers import cores

Job = Cell | Comparison

_POLL_SECONDS = 5.0
_LIBRARIES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Ending(Enum):
    """The state of a job when `run_jobs` returns."""

    FINISHED = "finished"
    FAILED = "failed"
    WAITING = "waiting"
    """The job needs a cell that is not finished."""


def jobs_of(plan: Plan, shard: Shard) -> list[Job]:
    """The jobs of one shard of a study, with comparisons after the cells that they need.

    Arms that agree in all other axes are compared and therefore stay in one shard; if there are fewer such groups than
    shards, cells are distributed one by one.
    """
    groups: dict[object, list[Cell]] = {}
    for cell in plan.cells:
        groups.setdefault(cell.others, []).append(cell)
    units = list(groups.values()) if len(groups) >= shard.count else [[cell] for cell in plan.cells]
    cells = [cell for unit in units[shard.index :: shard.count] for cell in unit]
    mine = {cell.folder for cell in cells}
    return [*cells, *(comparison for comparison in plan.comparisons if comparison.cell.folder in mine)]


def finished(job: Job) -> bool:
    """Whether a job has finished successfully."""
    return (job.folder / DONE).exists()


def run_jobs(plan: Plan, jobs: Sequence[Job], say: Callable[[str], None] = print) -> dict[Ending, list[Job]]:
    """Run the jobs that are not finished; a job that fails does not stop the others.

    A job that another process runs is waited for. A job that failed in an earlier run is tried once more. On an
    exception, such as that of a signal, the running jobs are terminated and waited for.

    Args:
        plan: The study's plan.
        jobs: The jobs to run, with comparisons after the cells that they need.
        say: Receives a line whenever a job ends.

    Returns:
        The jobs by their endings.
    """
    endings: dict[Ending, list[Job]] = {ending: [] for ending in Ending}
    pending: list[Job] = []
    for job in jobs:
        if finished(job):
            endings[Ending.FINISHED].append(job)
        else:
            pending.append(job)
    if endings[Ending.FINISHED]:
        say(f"{len(endings[Ending.FINISHED])} of {len(jobs)} are finished already")
    slots: queue.SimpleQueue[int] = queue.SimpleQueue()
    for slot in range(plan.study.jobs):
        slots.put(slot)
    running: dict[Future[int], Job] = {}
    start = time.monotonic()
    with ThreadPoolExecutor(plan.study.jobs) as pool, _Processes() as processes:
        while pending or running:
            for job in _ready(pending)[: plan.study.jobs - len(running)]:
                pending.remove(job)
                running[pool.submit(_run, job, plan, slots, processes)] = job
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                ending = Ending.FINISHED if future.result() == 0 else Ending.FAILED
                endings[ending].append(job)
                ended = len(endings[Ending.FINISHED]) + len(endings[Ending.FAILED])
                remark = "" if ending is Ending.FINISHED else f" FAILED: see {job.folder / LOG}"
                say(f"[{ended}/{len(jobs)}, {_clock(time.monotonic() - start)}] {job.title}{remark}")
    endings[Ending.WAITING] = pending
    return endings


def _ready(pending: Iterable[Job]) -> list[Job]:
    """The jobs whose needed cells are finished."""
    return [job for job in pending if all(map(finished, job.needs))]


class _Processes:
    """Processes that are told to stop when the block that starts them is ended by an exception."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stop = threading.Event()

    def __enter__(self) -> "_Processes":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._stop.set()
            for process in tuple(self._running):
                process.terminate()

    def run(self, arguments: Sequence[str]) -> int:
        """Run a process to its end; returns its exit status."""
        process = subprocess.Popen(arguments)
        self._running.add(process)
        if self._stop.is_set():  # a stop came while the process was being started
            process.terminate()
        code = process.wait()
        self._running.discard(process)
        return code

    def sleep(self, seconds: float) -> bool:
        """Wait, at most until told to stop; returns whether to stop."""
        return self._stop.wait(seconds)


def _run(job: Job, plan: Plan, slots: "queue.SimpleQueue[int]", processes: _Processes) -> int:
    """Run one job to its end, or wait for the other process that runs it; returns the exit status."""
    slot = slots.get()
    try:
        (job.folder / FAILED).unlink(missing_ok=True)
        while True:
            write_state(job.folder / JOB, _description(job, plan, slot))
            code = processes.run([sys.executable, "-m", "aga_lightning.study.job", str(job.folder)])
            if code != BUSY or processes.sleep(_POLL_SECONDS):
                return code
            if finished(job):
                return 0
    finally:
        slots.put(slot)


def _description(job: Job, plan: Plan, slot: int) -> dict[str, object]:
    """The content of `job.json`: among others the job's command and environment variables."""
    study = plan.study
    threads = study.threads or max(1, cores() // study.jobs)
    environment = dict.fromkeys(_LIBRARIES, str(threads))
    if study.gpus:
        environment["CUDA_VISIBLE_DEVICES"] = str(study.gpus[slot % len(study.gpus)])
    return {
        "title": job.title,
        "levels": dict(job.cell.levels if isinstance(job, Comparison) else job.levels),
        "command": command_line(job.arguments),
        "goes_on": isinstance(job, Cell) and study.goes_on,
        "leaves": [RESULTS],
        "environment": environment,
    }


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
