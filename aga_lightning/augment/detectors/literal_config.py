"""Configuration files of plain values, read without running anything."""

import ast
import json
from pathlib import Path

import yaml


def read_literals(path: Path) -> dict[str, object]:
    """The settings in a file.

    Args:
        path: A .json or .yaml mapping, or a .py file of assignments of plain values, which is parsed and not run.

    Raises:
        ValueError: If the file has another format, or holds anything but plain values.
        OSError: If the file cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix == ".py":
            settings: object = dict(
                _assignment(statement) for statement in ast.parse(text).body if not _is_text(statement)
            )
        elif path.suffix == ".json":
            settings = json.loads(text)
        elif path.suffix in (".yaml", ".yml"):
            settings = yaml.safe_load(text)
        else:
            raise ValueError("it is neither .py, .json nor .yaml")
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read as plain settings: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} has no settings: write `name: value`, one a line")
    return {str(name): value for name, value in settings.items()}


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _assignment(statement: ast.stmt) -> tuple[str, object]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        try:
            return statement.targets[0].id, ast.literal_eval(statement.value)
        except ValueError:
            pass
    raise ValueError(f"line {statement.lineno} is no assignment of a plain value; write its value out")
