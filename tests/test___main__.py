import os
import sys

import pytest

from aga_lightning import __main__
from aga_lightning.cli import main as cli


@pytest.mark.parametrize(("own", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_idle_threads_do_not_spin_unless_the_user_says_so(monkeypatch, own, expected):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if own:
        monkeypatch.setenv("OMP_WAIT_POLICY", own)
    seen = []
    monkeypatch.setattr(cli, "run", lambda: seen.append(os.environ["OMP_WAIT_POLICY"]))
    monkeypatch.setattr(sys, "argv", ["aga_lightning", "fit"])
    __main__.main()
    assert seen == [expected]
    monkeypatch.delenv("OMP_WAIT_POLICY")
