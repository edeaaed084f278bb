"""The help of a verb: our settings in a line or two each, or with `--help_all` every setting with all that it says."""

import re
import sys
import textwrap
from argparse import Action
from collections.abc import Iterable

import jsonargparse

ALL = "--help_all"
_OF_LIGHTNING = ("trainer", "checkpoint")
_WIDTH = 110
_MOST = 210
_MORE = f"""\
{ALL} in place of --help tells of each setting all that there is to say, and Lightning's own (--trainer.max_epochs,
--trainer.devices, --checkpoint.monitor, ...). The settings of a class: --data.augmenter.help AGA, and so for each
setting that is a class. What a configuration comes to: --print_config behind it."""


class Paragraphs(jsonargparse.DefaultHelpFormatter):
    """Leaves the paragraphs of a description apart."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filled = (textwrap.fill(" ".join(part.split()), width, initial_indent=indent, subsequent_indent=indent)
                  for part in text.split("\n\n"))  # fmt: skip
        return "\n\n".join(filled)


def short_help(verb: str, groups: Iterable[tuple[str, Iterable[Action]]]) -> str:
    """Our settings of a verb, each with its default and the first sentence about it.

    Args:
        verb: The verb.
        groups: Titles and settings; those of Lightning's classes are left out.
    """
    lines = [f"usage: python -m aga_lightning {verb} --config NAME.yaml [--setting value ...]"]
    for title, actions in sorted(groups, key=lambda group: _place(group[1])):
        shown = [entry for action in actions if (entry := _entry(action))]
        if shown:
            lines += ["", f"{title}:", *shown]
    return "\n".join([*lines, "", _MORE, ""])


def _place(actions: Iterable[Action]) -> int:
    """Where a group stands: what is no part's first, then the data, then the model."""
    rooms = [action.dest.split(".")[0] for action in actions]
    return next((place for place, room in enumerate(("help", "ckpt_path", "data", "model")) if room in rooms), 9)


def wants_all() -> bool:
    """Whether the command asks for the whole help."""
    return ALL in sys.argv


def _entry(action: Action) -> str:
    """A setting in a line or two; "" for what is left out: Lightning's, help for classes, and whole groups."""
    inner = action.dest.rpartition(".")[2]
    of_a_class = inner == "help" and "." in action.dest
    a_file_of_a_group = action.metavar == "CONFIG" and action.dest != "config"
    linked = not action.option_strings
    if action.dest.split(".")[0] in _OF_LIGHTNING or of_a_class or a_file_of_a_group or linked or not action.help:
        return ""
    about = " ".join(str(action.help).split())
    sentence = textwrap.shorten(re.split(r"(?<!\bal)\.\s", about)[0].rstrip("."), _MOST, placeholder=" ...")
    known = action.default not in (None, "==SUPPRESS==") and isinstance(action.default, int | float | str)
    told = f"{sentence} ({action.default})" if known else sentence
    name = action.option_strings[-1].rstrip("+")
    return textwrap.fill(told, _WIDTH, initial_indent=f"  {name:<34}  ", subsequent_indent=" " * 38)
