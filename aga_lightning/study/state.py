"""The files that record a job's state in its folder: `done.json` after success, `failed.json` after an error."""

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
    """The content of a state file; None if the file does not exist."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state file atomically."""
    write_json(path, dict(state))
