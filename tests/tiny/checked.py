"""What the verb check says of a data module."""

import io

from rich.console import Console

from aga_lightning.cli.verbs.check import CheckError, check


def looked_over(data, policy="any", width=80):
    """What is printed, and the problems."""
    console = Console(file=io.StringIO(), width=width)
    try:
        check(data, policy, console)
    except CheckError as error:
        return console.file.getvalue(), str(error).splitlines()
    return console.file.getvalue(), []


def spoil(disc_folder, *names):
    for name in names:
        (disc_folder / "train" / "plum" / f"plum_{name}.png").write_bytes(b"no image")
