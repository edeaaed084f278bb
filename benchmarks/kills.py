"""Killed runs: SIGKILL at random instants, then a comparison of the results byte by byte.

    python benchmarks/kills.py                      augment in five ways, then fit
    python benchmarks/kills.py --only augment --kills 100
    python benchmarks/kills.py --only fit --kills 100 --seed 1

`augment` fills a store in one process, in one with loader processes, and in two that share it; one process, a loader
process alone, or the whole group is killed again and again, and the command is started anew, until it ends by itself.
The store is then compared with that of an undisturbed run: it has to hold the same files with the same bytes, and the
same lines in the journals. `fit` goes on from the `last.ckpt` of the killed run; weights and results have to be equal.

Each run is a fork of this process, which has imported everything before, so that a kill takes seconds.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from measuring import head, parser, row

SMALL = [
    *("--config", "quickstart.yaml", "--data.dataset.size", "32", "--data.image_size", "32"),
    *("--data.dataset.train_per_class", "3", "--data.dataset.val_per_class", "2"),
    *("--data.dataset.test_per_class", "1", "--data.dataset.ood_per_class", "1"),
    *("--data.augmenter.segmenter.size", "32", "--data.augmenter.gates", "[]", "--data.batch_size", "8"),
    *("--trainer.callbacks", "[]", "--trainer.enable_progress_bar", "false"),
    *("--trainer.enable_model_summary", "false", "--model.width", "8"),
]
FIT = [
    *("--data.degree", "1", "--data.steps_per_epoch", "3", "--data.num_workers", "0"),
    *("--trainer.max_epochs", "5", "--trainer.check_val_every_n_epoch", "1"),
]


@dataclass
class Counted:
    """The counts of one verb."""

    kills: int = 0
    runs: int = 0
    compared: int = 0
    different: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)


def start(words: list[str], folder: Path) -> int:
    """Run a command of the program in a fork of this process, in a group of its own; the fork's number."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        os.chdir(folder)
        log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = ["aga_lightning", *words]
        from aga_lightning.cli import main as cli

        cli.run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
        if isinstance(end.code, str):
            print(end.code, flush=True)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        code = 1
    sys.stdout.flush()
    os._exit(code)


def ended(child: int, seconds: float) -> int | None:
    """The exit status of a run that ends within some seconds, negative for a signal; None where it goes on."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def kill_group(child: int) -> None:
    """Kill a run with all its processes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


def kill_process(child: int) -> None:
    """Kill a run's first process alone; its loader processes notice, or are killed once it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def kill_loader(child: int) -> None:
    """Kill a loader process of a run, or the run itself where it has none yet."""
    children = Path(f"/proc/{child}/task/{child}/children")
    workers = [int(word) for word in children.read_text().split()] if children.exists() else []
    with contextlib.suppress(ProcessLookupError):
        os.kill(random.choice(workers) if workers else child, signal.SIGKILL)


def disturbed(commands: list[list[str]], folder: Path, kill: Callable[[int], None], longest: float, counted: Counted,
              most: int) -> None:  # fmt: skip
    """Start commands side by side, kill some or all of them at random instants, until all end by themselves."""
    left = list(commands)
    killed = 0
    while left:
        running = {start(words, folder): words for words in left}
        counted.runs += len(running)
        patience = random.uniform(0, longest) if killed < most else 600
        time.sleep(patience if killed < most else 0)
        victims = random.sample(list(running), random.randint(1, len(running))) if killed < most else []
        for child in victims:
            if ended(child, 0.006) is None:
                kill(child)
                counted.kills += 1
                killed += 1
            else:
                left.remove(running.pop(child))
        for child, words in running.items():
            status = ended(child, 600)
            kill_group(child)  # processes that outlived the first one
            if status == 0:
                left.remove(words)
            elif status is None or (child not in victims and status != 0):
                counted.odd.append(f"{' '.join(words[:1])} ended with {status}: {last_line(folder)}")
                return


def last_line(folder: Path) -> str:
    """The last words of a folder's log."""
    lines = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def store_of(cache: Path) -> dict[str, str]:
    """The content of a store: a digest of each file, and each line of the journals by its journal and key.

    The index of sources is left out: it holds paths and times of images, which differ between folders.
    """
    held = {}
    for path in sorted(cache.rglob("*")):
        name = path.relative_to(cache).as_posix()
        if path.is_file() and not name.startswith("index/"):
            held[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        if path.suffix == ".jsonl" and name.startswith("index/") and not name.startswith("index/sources/"):
            for line in path.read_text(encoding="utf-8").splitlines():
                held[f"{path.parent.relative_to(cache)}: {json.loads(line)['key']}"] = line
    return held


def compare(name: str, reference: dict[str, str], seen: dict[str, str], counted: Counted) -> None:
    """Note whether an outcome differs, and where first."""
    counted.compared += 1
    keys = [key for key in sorted({*reference, *seen}) if reference.get(key) != seen.get(key)]
    if keys:
        counted.different.append(f"{name}: {len(keys)} differ, such as {keys[0]}")


def run_augment(kills: int, top: Path) -> Counted:
    """Kill `augment` in five ways, in turn."""
    counted = Counted()
    alone = ["augment", *SMALL, "--data.num_workers", "0"]
    loaders = ["augment", *SMALL, "--data.num_workers", "2"]
    shards = [[*alone, "--shard", f"{number}/2"] for number in range(2)]
    ways: list[tuple[str, list[list[str]], Callable[[int], None]]] = [
        ("one process", [alone], kill_process),
        ("loader processes, whole group", [loaders], kill_group),
        ("loader processes, first process", [loaders], kill_process),
        ("loader processes, one of them", [loaders], kill_loader),
        ("two shards", shards, kill_group),
    ]
    whole = top / "whole"
    whole.mkdir()
    begin = time.monotonic()
    if ended(start(alone, whole), 600) != 0:
        raise SystemExit(f"augment does not end well by itself: {last_line(whole)}")
    longest = time.monotonic() - begin
    reference = store_of(whole / "cache")
    number = 0
    while counted.kills < kills and not counted.odd:
        name, commands, kill = ways[number % len(ways)]
        folder = top / f"store{number}"
        folder.mkdir()
        disturbed(commands, folder, kill, longest, counted, most=7)
        # Two jobs that end together each see the other's share; one more run sees all.
        if len(commands) > 1 and ended(start(alone, folder), 600) != 0:
            counted.odd.append(f"after two shards: {last_line(folder)}")
        compare(name, reference, store_of(folder / "cache"), counted)
        shutil.rmtree(folder)
        number += 1
    return counted


def outcome_of(run: Path, last: Path | None = None) -> dict[str, str]:
    """Digests of the weights that a run kept, and its results.

    Args:
        run: Its folder.
        last: The checkpoint that it went on from; it stays the last one where all epochs were over.
    """
    import torch

    kept = {"results.json": (run / "results.json").read_text()}
    for name in ("best", "last"):
        path = run / "checkpoints" / f"{name}.ckpt"
        if name == "last" and last is not None and not path.exists():
            path = last
        weights = torch.load(path, weights_only=True)["state_dict"]
        for key, value in weights.items():
            kept[f"{name}.ckpt: {key}"] = hashlib.sha256(value.numpy().tobytes()).hexdigest()
    return kept


def run_fit(kills: int, top: Path) -> Counted:
    """Kill `fit`, and go on from the last checkpoint each time."""
    counted = Counted()
    words = ["fit", *SMALL, *FIT]
    whole = top / "whole"
    whole.mkdir()
    if ended(start(words, whole), 600) != 0:
        raise SystemExit(f"fit does not end well by itself: {last_line(whole)}")
    begin = time.monotonic()
    ended(start(words, whole), 600)
    longest = time.monotonic() - begin
    reference = outcome_of(whole / "runs" / "version_0")
    number = 0
    while counted.kills < kills and not counted.odd:
        folder = top / f"fit{number}"
        folder.mkdir()
        if ended(start(["augment", *SMALL, *FIT], folder), 600) != 0:
            counted.odd.append(last_line(folder))
            break
        (folder / "runs").mkdir(exist_ok=True)
        last: Path | None = None
        for attempt in range(100):
            run = folder / f"run{attempt}"
            resume = [] if last is None else ["--ckpt_path", str(last)]
            child = start([*words, "--trainer.run_dir", str(run), *resume], folder)
            counted.runs += 1
            status = ended(child, random.uniform(0, longest) if attempt < 8 else 600)
            if status is None:
                kill_group(child)
                os.waitpid(child, 0)
                counted.kills += 1
            elif status == 0:
                compare("fit", reference, outcome_of(run, last), counted)
                break
            else:
                counted.odd.append(f"fit ended with {status}: {last_line(folder)}")
                break
            if (run / "checkpoints" / "last.ckpt").exists():
                last = run / "checkpoints" / "last.ckpt"
        shutil.rmtree(folder)
        number += 1
    return counted


def main() -> None:
    """Kill, compare, and print the counts."""
    script = parser(__doc__)
    script.add_argument("--only", choices=("augment", "fit"), help="One of the two; both by default.")
    script.add_argument("--kills", type=int, help="SIGKILLs of each verb; 472 of augment and 100 of fit by default.")
    script.add_argument("--seed", type=int, default=0, help="Draws the instants.")
    arguments = script.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    random.seed(arguments.seed)
    import aga_lightning.cli.main  # noqa: F401 forks start with everything imported

    print(head("verb", "SIGKILLs", "runs", "outcomes compared", "that differ"))
    failed = False
    for verb, run, kills in (("augment", run_augment, 472), ("fit", run_fit, 100)):
        if arguments.only in (None, verb):
            with tempfile.TemporaryDirectory(prefix=f"kills-{verb}-") as top:
                counted = run(arguments.kills or kills, Path(top))
            print(row(verb, counted.kills, counted.runs, counted.compared, len(counted.different)))
            for line in (*counted.different, *counted.odd):
                print(line)
            failed = failed or bool(counted.different or counted.odd)
    sys.exit(failed)


if __name__ == "__main__":
    main()
