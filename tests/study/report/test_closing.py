import dataclasses
import re
from importlib.metadata import version

import pytest
import yaml
from tiny.study_report import outcomes

from aga_lightning.study.outcomes import Outcome
from aga_lightning.study.report.blocks import Listing, Paragraph, Table
from aga_lightning.study.report.closing import facts, failures, generated, origin
from aga_lightning.study.state import DONE, write_state


def texts(blocks):
    return [block.text for block in blocks if isinstance(block, Paragraph)]


def versions_of(found):
    (table,) = [block for block in origin(found, "c") if isinstance(block, Table)]
    return {name: (jobs, page) for name, jobs, page in table.rows}


def test_a_failure_is_told_with_its_log_and_the_end_of_it(tmp_path):
    told, log, waiting, names = failures(outcomes(tmp_path))
    assert told.text == "aga, seed 1: was ended by signal 9 (SIGKILL). Its log: cells/aga_1/log.txt"
    assert told.tone == "bad"
    assert log.text.endswith("MemoryError")
    assert log.folded
    assert waiting.text == "1 job has not finished yet, and is not in this report."
    assert names.text == "aga, seed 2"


@pytest.mark.parametrize(
    ("code", "words"),
    [(1, "ended with exit status 1."), (-15, "signal 15 (SIGTERM)."), (-200, "signal 200 (an unknown one).")],
)
def test_the_end_of_a_job_is_told_in_words(tmp_path, code, words):
    found = outcomes(tmp_path)
    failure = dataclasses.replace(found.failures[0], exit_code=code)
    assert words in texts(failures(dataclasses.replace(found, failures=[failure], missing=[])))[0]


def test_where_nothing_failed_that_is_said(tmp_path):
    assert failures(outcomes(tmp_path, failures=False)) == [Paragraph("No job failed, and none is missing.")]


def test_the_study_at_a_glance(tmp_path):
    assert facts(outcomes(tmp_path)) == {
        "Cells": "1 of 3 finished",
        "Failed": "1",
        "Same for all arms": "optimiser steps",
        "Time of all jobs, added up": "31 s",
    }
    told = facts(outcomes(tmp_path, failures=False, budget="epochs"))
    assert "Failed" not in told
    assert told["Same for all arms"] == "epochs"


@pytest.mark.parametrize(
    ("seconds", "words"), [(89, "89 s"), (90, "2 min"), (3600, "60 min"), (7200, "2 h 0 min"), (9000, "2 h 30 min")]
)
def test_times_are_told_in_fitting_units(tmp_path, seconds, words):
    assert facts(outcomes(tmp_path, seconds=seconds))["Time of all jobs, added up"] == words


def test_the_command_and_the_settings_are_told_so_that_they_can_be_used_again(tmp_path):
    found = outcomes(tmp_path, jobs=2, paths={"cub": "/data/cub"})
    listings = [block for block in origin(found, "python -m aga_lightning study") if isinstance(block, Listing)]
    command, settings = listings
    assert command.text == "python -m aga_lightning study"
    assert yaml.safe_load(settings.text) == dataclasses.asdict(found.plan.study)


def test_releases_of_the_jobs_and_of_the_page_are_told_apart(tmp_path):
    told = versions_of(outcomes(tmp_path))
    assert told["torch"] == ("2.6.0", version("torch"))
    assert told["python"][0] == "3.12.1"
    assert told["numpy"][0] == "not told"


def test_jobs_of_several_releases_are_all_told(tmp_path):
    found = outcomes(tmp_path)
    second = Outcome(found.plan.cells[1], {}, 1.0, None, None)
    write_state(second.cell.folder / DONE, {"seconds": 1.0, "versions": {"torch": "2.7.0"}})
    assert versions_of(dataclasses.replace(found, cells=[*found.cells, second]))["torch"][0] == "2.6.0, 2.7.0"


def test_the_last_line_tells_when_the_page_was_written():
    assert re.fullmatch(r"Written on \d{4}-\d\d-\d\d at \d\d:\d\d UTC by aga-lightning [\w.]+\.", generated())
