"""The verbs, and what can be answered before anything heavy is loaded: help, the version, a verb that does not exist.

To import torch and Lightning takes seconds, which a mistyped verb should not cost.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from aga_lightning import __version__
from aga_lightning.configurations import objection

VERBS = {
    "fit": "Augment as the configuration says, train, and judge in and out of distribution.",
    "check": "Look over data set, settings and weights before a long run.",
    "estimate": "Tell what augmentation has left to make, and how long it takes.",
    "augment": "Make and keep the augmentations; train nothing.",
    "export": "Write the augmentations for other trainers.",
    "validate": "Judge a checkpoint on the validation images.",
    "test": "Judge a checkpoint on the test images, in and out of distribution.",
    "predict": "Classify images with a checkpoint.",
    "study": "Run all cells of a study that are not finished, and write its report.",
    "report": "Write the report of a study's finished cells again.",
}
"""What each verb does."""

STUDIES = ("study", "report")
"""The verbs that are no run of a trainer."""

_USAGE = """\
usage: python -m aga_lightning <verb> --config NAME.yaml [--setting value ...]

A configuration is looked up in this folder, then among the packaged ones. Any of its settings can be changed behind it:
--data.degree 2 --model.backbone resnet50.

verbs:
{verbs}

options:
  --help         this; `<verb> --help` tells the settings of a verb, `<verb> --help_all` Lightning's too,
                 `<verb> --data.augmenter.help AGA` those of a class
  --version      the version
  --traceback    with a verb: where an error was raised, too (or the environment variable AGA_TRACEBACK=1)"""


def answer(words: Sequence[str]) -> None:
    """End the process where the answer needs nothing but the words; come back where a verb is to be run.

    Args:
        words: What stands behind the program's name.

    Raises:
        SystemExit: With status 0 after help and version, 2 for a verb or a configuration that does not exist.
    """
    first = words[0] if words else "--help"
    if first in ("-h", "--help"):
        verbs = "\n".join(f"  {verb:<9}  {what}" for verb, what in VERBS.items())
        print(_USAGE.format(verbs=verbs))
        sys.exit(0)
    if first == "--version":
        print(__version__)
        sys.exit(0)
    if not first.startswith("-") and first not in VERBS:
        near = get_close_matches(first, VERBS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the verbs are {', '.join(VERBS)}"
        _refuse(f"there is no verb {first!r}; {hint}")
    for variable in os.environ:
        room, *setting = variable.lower().split("__")
        if setting and room in (f"pl_{verb}" for verb in VERBS):
            key = ".".join(setting)
            _refuse(f"the environment variable {variable} is not read: unset it, and set --{key} behind the verb")
    for name in configurations_in(words):
        if not name or name.startswith("--"):
            _refuse("--config names no configuration: give one, such as --config quickstart.yaml")
        if complaint := objection(name):
            _refuse(complaint)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        verb = next((word for word in words if word in VERBS), first)
        sys.stderr.write(f"aga_lightning {verb}: PyTorch and Lightning are being loaded\n")
        sys.stderr.flush()


def configurations_in(words: Sequence[str]) -> Iterator[str]:
    """The configurations that the words of a command name; "" where a name is missing."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        if word == "--":  # behind it stand the settings of a study's cells
            return
        if option in ("-c", "--config"):
            yield value if equals else following


def _refuse(complaint: str) -> None:
    sys.stderr.write(f"error: {complaint}\n")
    sys.exit(2)
