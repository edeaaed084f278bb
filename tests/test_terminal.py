"""Names are text, whatever they spell."""

import io

from rich.table import Table

from aga_lightning.terminal import Terminal


def test_names_are_printed_as_they_are_in_messages_and_tables():
    seen = {
        "[bold]b[/red]": "[bold]b[/red]",
        ":dog:": ":dog:",
        "caf\udce9": r"caf\xe9",
        "evil\u202egpj": r"evil\u202egpj",
        "\x1b[31mred": r"\x1b[31mred",
        "Höhle 貓": "Höhle 貓",
    }
    file = io.StringIO()
    terminal = Terminal(file=file, width=60)
    table = Table("class")
    for name in seen:
        terminal.print(name)
        table.add_row(name)
    terminal.print(table)
    lines = file.getvalue().encode("utf-8").decode().splitlines()
    assert lines[: len(seen)] == list(seen.values())
    assert [line.strip("│ ") for line in lines if line.startswith("│")] == list(seen.values())
