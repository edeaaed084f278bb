"""The verbs `study` and `report`, which start other runs or read their results but train nothing themselves.

python -m aga_lightning study  --config studies/quick.yaml                 run unfinished cells, then report
python -m aga_lightning study  --config studies/quick.yaml --shard 0/8     one of eight shards, without the report
python -m aga_lightning study  --config studies/quick.yaml --dry_run true  list finished and missing jobs
python -m aga_lightning report --config studies/quick.yaml                 the report of the finished jobs

Arguments override the study's settings: `--jobs 2 --out runs/again --paths.cub PATH`. Arguments after `--` are settings
of `fit` for every cell: `study --config studies/quick.yaml -- --trainer.max_epochs 3`.
"""

import shlex
import sys
from collections.abc import Sequence

from jsonargparse import Namespace

import aga_lightning.study.report.parts  # noqa: F401 configurations name sections by their bare class names
from aga_lightning.augment.engine.generation import Shard
from aga_lightning.cli.parser import FindConfig, OneLineErrorParser
from aga_lightning.cli.usage import VERBS
from aga_lightning.study.outcomes import Outcomes, read_outcomes
from aga_lightning.study.plan import Plan, plan
from aga_lightning.study.report.section import Section
from aga_lightning.study.report.writing import write_report
from aga_lightning.study.runner import Ending, Job, finished, jobs_of, run_jobs
from aga_lightning.study.settings import Study, StudyError
from aga_lightning.study.state import LOG


def parser(verb: str) -> OneLineErrorParser:
    """The parser of a verb."""
    made = OneLineErrorParser(prog=f"python -m aga_lightning {verb}", description=VERBS[verb])
    made.add_argument("-c", "--config", action=FindConfig, help="A study, by path or packaged name.")
    made.add_class_arguments(Study)
    made.add_argument("--report", type=list[Section], default=[], help="The sections of the report, in order.")
    if verb == "study":
        made.add_argument("--shard", type=str, default="0/1", help="i/n: run part i (counted from 0) of n, whose runs "
                          "share the study's folder; no report is written if n > 1.")  # fmt: skip
        made.add_argument("--dry_run", type=bool, default=False, help="Only list the finished and the missing jobs.")
    return made


def run(verb: str, arguments: Sequence[str]) -> None:
    """Run a verb.

    Args:
        verb: study or report.
        arguments: The arguments after the verb.
    """
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    settings = parser(verb).parse_args(list(arguments[:end]))
    try:
        settings.overrides = {**settings.overrides, **settings_of(arguments[end + 1 :])}
        sys.exit(_run(verb, settings, shlex.join(["python", "-m", "aga_lightning", verb, *arguments])))
    except StudyError as error:
        sys.exit(f"StudyError: {error}")


def settings_of(words: Sequence[str]) -> dict[str, str]:
    """The settings after `--`, by dotted names.

    Args:
        words: `--name value` or `--name=value`, any number of them.

    Raises:
        StudyError: If an argument has another form.
    """
    settings: dict[str, str] = {}
    left = list(words)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if not name.startswith("--") or (not equals and (not left or left[0].startswith("--"))):
            raise StudyError(f"after -- give settings of fit, such as --data.degree 4, not {name!r}")
        settings[name.removeprefix("--")] = value if equals else left.pop(0)
    return settings


def _run(verb: str, settings: Namespace, typed: str) -> int:
    """Run a verb; returns the exit status, 1 if a job failed."""
    made = parser(verb)
    ready = made.instantiate(settings)
    study = Study(**{name: ready[name] for name in Study.__dataclass_fields__})
    planned = plan(study)
    nothing = Outcomes(planned, [], [], [], [])
    for section in ready.report:  # a section that asks for unknown arms or levels fails here, before hours of work
        section.blocks(nothing)
    endings: dict[Ending, list[Job]] = {}
    if verb == "study":
        shard = _shard(ready.shard)
        jobs = jobs_of(planned, shard)
        if ready.dry_run:
            return _tell(planned, jobs)
        planned.out.mkdir(parents=True, exist_ok=True)
        kept = settings.clone()
        for name in ("config", "shard", "dry_run"):
            kept.pop(name, None)
        parser("report").save(kept, planned.out / "study.yaml", overwrite=True)
        endings = run_jobs(planned, jobs)
        for ending in (Ending.FAILED, Ending.WAITING):
            for job in endings[ending]:
                print(f"{ending.value}: {job.title} ({job.folder / LOG})")
        if shard.count > 1:
            return 1 if endings[Ending.FAILED] else 0
    path = write_report(read_outcomes(planned), ready.report, planned.out, typed)
    print(f"Report: {path}")
    return 1 if endings.get(Ending.FAILED) else 0


def _shard(text: str) -> Shard:
    try:
        return Shard.parse(text)
    except ValueError as error:
        raise StudyError(str(error)) from error


def _tell(planned: Plan, jobs: Sequence[Job]) -> int:
    for job in jobs:
        print(f"{'finished' if finished(job) else 'to run  '}  {job.title}")
    done = sum(map(finished, jobs))
    cells, comparisons = len(planned.cells), len(planned.comparisons)
    print(f"{cells} cells and {comparisons} comparisons; of {len(jobs)} here {done} are finished")
    return 0
