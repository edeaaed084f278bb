"""A terminal that prints any name as it is."""

from typing import Any

from rich.console import Console
from rich.text import Text

from aga_lightning.files import shown


class Terminal(Console):
    """Rich's console, in which no name is taken for a command.

    `[bold]` and `:dog:` in a name stay text, and what would move the cursor, turn the direction of writing or is no
    UTF-8 is shown as `aga_lightning.files.shown` does, in messages and in the cells of tables.

    Args:
        settings: Those of rich's console.
    """

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 they are rich's
        super().__init__(**{"markup": False, "emoji": False, "highlight": False} | settings)

    def render_str(self, text: str, **settings: Any) -> Text:  # noqa: ANN401 as above
        """A text as rich prints it."""
        return super().render_str("\n".join(map(shown, text.split("\n"))), **settings)
