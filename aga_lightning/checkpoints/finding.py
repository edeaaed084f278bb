"""Find the checkpoint that a user means by `last` or `best`: that of the newest run."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from aga_lightning.checkpoints.reading import CheckpointError, read_checkpoint

_LAST = Path("checkpoints") / "last.ckpt"


def find_checkpoint(word: str, runs: Path = Path("runs"), run_dir: str | Path | None = None) -> Path:
    """The last or the best checkpoint of the newest run.

    Args:
        word: "last" or "best".
        runs: Where runs get their folders, unless they are told another one.
        run_dir: The folder that this run was told to use. Where it holds a run already, that one is meant; otherwise
            the folders beside it are looked at too.

    Raises:
        CheckpointError: If there is none; the message names the folders.
    """
    own = [] if run_dir is None else [Path(run_dir).expanduser()]
    newest = _newest(own) or _newest([*_folders([runs]), *_folders(folder.parent for folder in own)])
    if newest is None:
        looked_at = ", ".join(dict.fromkeys(f"{path}/*" for path in (runs, *(folder.parent for folder in own))))
        raise CheckpointError(
            f"there is no {word} checkpoint of an earlier run: looked for {_LAST} in {looked_at}; give its path as "
            "--ckpt_path, or leave --ckpt_path out to start anew"
        )
    return newest if word == "last" else _best_of(newest)


def _folders(roots: Iterable[Path]) -> list[Path]:
    return [folder for root in roots if root.is_dir() for folder in root.iterdir()]


def _newest(folders: Sequence[Path]) -> Path | None:
    found = [folder / _LAST for folder in folders if (folder / _LAST).is_file()]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def _best_of(last: Path) -> Path:
    """The best checkpoint of the run of a last one, which tells its name."""
    states: Any = read_checkpoint(last).get("callbacks", {})
    names = [
        Path(str(state["best_model_path"]))
        for state in states.values()
        if isinstance(state, dict) and state.get("monitor") is not None and state.get("best_model_path")
    ]
    for name in names:
        for path in (last.parent / name.name, name):  # a run's folder may have been moved
            if path.is_file():
                return path
    raise CheckpointError(f"the run of {last} has no best checkpoint any more; give --ckpt_path {last}")
