"""The last sections of every report: failed and missing jobs, and how the report was made."""

import dataclasses
import datetime
import os
import platform
import signal
from collections.abc import Iterator
from importlib.metadata import version

import yaml

from aga_lightning.study.outcomes import Failure, Outcomes
from aga_lightning.study.report.blocks import Block, Listing, Paragraph, Table
from aga_lightning.study.report.hiding import place_from
from aga_lightning.study.state import DONE, read_state

_LIBRARIES = ("aga-lightning", "torch", "torchvision", "lightning", "captum", "numpy", "scipy", "matplotlib", "pillow")


def facts(outcomes: Outcomes) -> dict[str, str]:
    """The study at a glance."""
    plan = outcomes.plan
    told = {"Cells": f"{len(outcomes.cells)} of {len(plan.cells)} finished"}
    if plan.comparisons:
        told["Comparisons"] = f"{len(outcomes.explained)} of {len(plan.comparisons)} finished"
    if outcomes.failures:
        told["Failed"] = str(len(outcomes.failures))
    return told | {"Same for all arms": _budget(outcomes), "Time of all jobs, added up": _duration(_seconds(outcomes))}


def generated() -> str:
    """A sentence with the date and the release of the program."""
    now = datetime.datetime.now(datetime.UTC)
    return f"Written on {now:%Y-%m-%d} at {now:%H:%M} UTC by aga-lightning {version('aga-lightning')}."


def failures(outcomes: Outcomes) -> list[Block]:
    """The failed jobs with the ends of their logs, and the titles of missing jobs."""
    if not outcomes.failures and not outcomes.missing:
        return [Paragraph("No job failed, and none is missing.")]
    blocks: list[Block] = []
    for failure in outcomes.failures:
        blocks.append(
            Paragraph(f"{failure.title}: {_end(failure)}. Its log: {place_from(failure.log, outcomes.plan.out)}", "bad")
        )
        blocks.append(Listing(failure.last_lines or "(The log is empty.)", "The last lines of its log", folded=True))
    if outcomes.missing:
        many = len(outcomes.missing)
        words = "1 job has not finished yet, and is" if many == 1 else f"{many} jobs have not finished yet, and are"
        blocks.append(Paragraph(f"{words} not in this report.", "open"))
        blocks.append(Listing("\n".join(outcomes.missing), "Jobs that have not finished", folded=many > 10))
    return blocks


def origin(outcomes: Outcomes, command: str) -> list[Block]:
    """The command, the settings, the versions and the machine.

    Args:
        outcomes: The study's results.
        command: The command as the user typed it.
    """
    cells, comparisons, time = len(outcomes.cells), len(outcomes.explained), _duration(_seconds(outcomes))
    machine = f"{os.cpu_count()} CPU cores, {platform.system()} on {platform.machine()}"
    settings = yaml.safe_dump(dataclasses.asdict(outcomes.plan.study), sort_keys=False, allow_unicode=True, width=110)
    return [
        Listing(command, "The command"),
        Paragraph(
            f"Finished cells: {cells}; finished comparisons: {comparisons}. Their jobs took {time}, added up, at most "
            f"{outcomes.plan.study.jobs} at a time. This page was written on a machine with {machine}."
        ),
        Table(
            "versions",
            "Releases of the libraries that the finished jobs ran with, and that this page was written with.",
            ["Library", "Jobs", "Page"],
            [[name, jobs, page] for name, jobs, page in _versions(outcomes)],
        ),
        Listing(settings.strip(), "The study's settings", folded=True),
    ]


def _versions(outcomes: Outcomes) -> Iterator[tuple[str, str, str]]:
    jobs = [outcome.cell for outcome in outcomes.cells] + [one.comparison for one in outcomes.explained]
    ran: dict[str, list[str]] = {}
    for job in jobs:
        for name, release in ((read_state(job.folder / DONE) or {}).get("versions") or {}).items():
            ran.setdefault(name, []).append(release)
    here = {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}
    for name in dict.fromkeys([*ran, *here]):
        yield name, ", ".join(dict.fromkeys(ran.get(name, ["not told"]))), here.get(name, "not told")


def _seconds(outcomes: Outcomes) -> float:
    return sum(outcome.seconds for outcome in outcomes.cells) + sum(one.seconds for one in outcomes.explained)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _budget(outcomes: Outcomes) -> str:
    return "optimiser steps" if outcomes.plan.study.budget == "steps" else "epochs"


def _end(failure: Failure) -> str:
    if failure.exit_code >= 0:
        return f"ended with exit status {failure.exit_code}"
    try:
        name = signal.Signals(-failure.exit_code).name
    except ValueError:
        name = "an unknown one"
    return f"was ended by signal {-failure.exit_code} ({name})"
