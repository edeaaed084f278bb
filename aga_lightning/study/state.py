"""What a job's folder tells of it: `done.json` once it has finished, `failed.json` once it has not."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aga_lightning.files import write_json

DONE = "done.json"
FAILED = "failed.json"
JOB = "job.json"
LOG = "log.txt"
LOCK = ".lock"


def read_state(path: Path) -> dict[str, Any] | None:
    """What a file of state tells; None where there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a file of state, whole or not at all."""
    write_json(path, dict(state))
