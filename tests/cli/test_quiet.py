import logging
import threading
import warnings

import pytest

from aga_lightning.cli import quiet
from aga_lightning.cli.quiet import hush


def test_what_nobody_can_use_is_left_unsaid(caplog):
    log = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.INFO):
        for _ in range(2):
            hush()
        log.info("Tip: For seamless cloud logging and experiment tracking, try installing another package")
        log.info("GPU available: True (cuda), used: False")
        warnings.warn("`isinstance(treespec, LeafSpec)` is deprecated", stacklevel=1)
    assert caplog.messages == ["GPU available: True (cuda), used: False"] and not warned
    assert len(log.filters) == 1


@pytest.mark.parametrize(("error", "lines"), [(OSError(28, "No space left on device"), 1), (KeyError("tag"), None)])
def test_a_thread_that_cannot_write_is_told_in_a_line(capsys, monkeypatch, error, lines):
    def fail():
        raise error

    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # put back at the end
    hush()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    said = capsys.readouterr().err
    assert str(error) in said and (len(said.splitlines()) == 1 if lines else "Traceback" in said)


def test_a_warning_tells_no_line_of_code_but_that_of_another_package(monkeypatch):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    hush()
    assert warnings.formatwarning("few images", UserWarning, quiet.__file__, 7) == "Warning: few images\n"
    assert "other.py:7" in warnings.formatwarning("old", DeprecationWarning, "/site-packages/other.py", 7)


@pytest.mark.parametrize("message", ["Experiment logs directory x exists and is not empty", "a checkpoint is broken"])
def test_what_may_cost_a_user_something_is_said(message):
    with pytest.warns(UserWarning, match=message):
        hush()
        warnings.warn(message, stacklevel=1)
