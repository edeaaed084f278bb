import ast
from pathlib import Path

from jsonargparse import ArgumentParser

import aga_lightning.study.report.parts as parts
from aga_lightning.study.report.section import Section

ROOM = Path(parts.__file__).parent


def test_every_section_may_be_named_in_a_study():
    written = {
        node.name
        for path in ROOM.glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Section" for base in node.bases)
    }
    assert written == set(parts.__all__)


def test_bare_names_are_enough():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--report", type=list[Section])
    settings = parser.parse_args(
        ["--report", '["Costs", {"class_path": "AccuracyTable", "init_args": {"sets": ["test"]}}]']
    )
    costs, table = parser.instantiate(settings).report
    assert isinstance(costs, parts.Costs) and isinstance(table, parts.AccuracyTable) and table.sets == ["test"]
