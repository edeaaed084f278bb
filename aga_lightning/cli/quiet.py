"""Messages of Lightning that no user can act on are suppressed; its warnings are printed without a line of code."""

import logging
import re
import sys
import threading
import warnings
from pathlib import Path

import lightning

_WARNINGS = (
    r"`isinstance\(treespec, LeafSpec\)`",  # Lightning calls what torch has renamed
)
_LINES = (
    "Tip: For seamless cloud logging",  # an advertisement
    "TPU available: False",
    "Loading `train_dataloader` to estimate",
    "Restoring states from the checkpoint path",  # the command line has said which, or the user has
    "Loaded model weights from the checkpoint at",
    "Received SIGTERM",  # told once, when the command ends
)
_LOGGERS = ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.trainer.connectors.signal_connector")


class _Suppressing(logging.Filter):
    """Suppresses the messages listed above."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is printed."""
        return re.search("|".join(map(re.escape, _LINES)), record.getMessage()) is None


_FILTER = _Suppressing()


_SPEAKERS = (Path(lightning.__file__).parent, Path(__file__).parents[1])
_in_full = warnings.formatwarning


def _in_a_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning of Lightning or of this package without the line of code that gave it; any other in full."""
    if any(Path(filename).is_relative_to(place) for place in _SPEAKERS):
        return f"Warning: {message}\n"
    return _in_full(message, category, filename, lineno, line)


def hush() -> None:
    """Suppress these messages in this process from now on."""
    warnings.formatwarning = _in_a_line
    for message in _WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)  # a second time changes nothing
    threading.excepthook = _of_a_thread


def _of_a_thread(failure: threading.ExceptHookArgs) -> None:
    """What ends a thread; one that cannot write, such as TensorBoard's on a full disk, gets a line."""
    if isinstance(failure.exc_value, OSError):
        print(f"Warning: a thread beside the run has ended: {failure.exc_value}", file=sys.stderr)
    else:
        threading.__excepthook__(failure)
