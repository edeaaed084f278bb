"""A study with one finished cell, one that failed and one that is missing."""

from aga_lightning.study.outcomes import Failure, Outcome, Outcomes
from aga_lightning.study.plan import Cell, Plan
from aga_lightning.study.report.section import Section
from aga_lightning.study.settings import Study
from aga_lightning.study.state import DONE, write_state


class Said(Section):
    """A section of given blocks; errors among them are raised."""

    def __init__(self, *found, title="Found"):
        super().__init__(heading=title)
        self.found = found

    def blocks(self, outcomes):
        for block in self.found:
            if isinstance(block, Exception):
                raise block
            yield block


def outcomes(out, seconds=31.26, failures=True, **settings):
    """Of a study in `out`: one cell on two sets; its versions are those of another machine."""
    study = Study(out=str(out), title="Quick", about="Does it help?", base=["quickstart.yaml"], **settings)
    cells = [Cell({"arm": "aga", "seed": str(seed)}, (), {}, out / "cells" / f"aga_{seed}") for seed in range(3)]
    versions = {"python": "3.12.1", "torch": "2.6.0"}
    write_state(cells[0].folder / DONE, {"seconds": seconds, "versions": versions})
    results = {"test": {"acc": 0.95, "f1": 0.9}, "ood/new": {"acc": 0.1 + 0.2}}
    found = [Outcome(cells[0], results, seconds, 600, None)]
    failed = [Failure("aga, seed 1", cells[1].folder / "log.txt", f'File "{out}/x.py"\nMemoryError', -9)]
    plan = Plan(study, {"arm": ("aga",), "seed": ("0", "1", "2")}, tuple(cells), ())
    return Outcomes(plan, found, [], failed if failures else [], ["aga, seed 2"] if failures else [])
