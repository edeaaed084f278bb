"""The time to plan a study of a thousand cells, and to read its results when all cells are finished.

    python benchmarks/study_plan.py
    python benchmarks/study_plan.py --cells 10000

The cells are never run: the files of a finished cell are written for each of them.
"""

import tempfile
import time
from pathlib import Path

from measuring import parser

from aga_lightning.study.outcomes import read_outcomes
from aga_lightning.study.plan import Plan, plan
from aga_lightning.study.runner import run_jobs
from aga_lightning.study.settings import Study
from aga_lightning.study.state import DONE, write_state


def main() -> None:
    """Print the seconds."""
    script = parser(__doc__)
    script.add_argument("--cells", type=int, default=1000, help="a multiple of 20")
    cells = script.parse_args().cells
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        planned = planned_study(Path(folder), cells)
        print(f"{len(planned.cells)} cells planned in {time.perf_counter() - start:.2f} s")
        for cell in planned.cells:
            write_state(cell.folder / DONE, {"seconds": 1.0})
            write_state(cell.folder / "results.json", {"test": {"acc": 0.5}})
        start = time.perf_counter()
        run_jobs(planned, planned.cells, say=lambda line: None)
        print(f"all found finished in {time.perf_counter() - start:.2f} s")
        start = time.perf_counter()
        read_outcomes(planned)
        print(f"all results read in {time.perf_counter() - start:.2f} s")


def planned_study(folder: Path, cells: int) -> Plan:
    """Five arms, four backbones, and as many seeds as it takes."""
    arms = {"baseline": {"data.augmenter": None}} | {
        f"AGA {degree}x": {"data.degree": degree} for degree in range(1, 5)
    }
    backbones = ["resnet18", "resnet50", "resnet101", "resnet152"]
    axes = {"arm": arms, "backbone": backbones, "seed": list(range(cells // 20))}
    return plan(Study(out=str(folder), base=["quickstart.yaml"], axes=axes))


if __name__ == "__main__":
    main()
