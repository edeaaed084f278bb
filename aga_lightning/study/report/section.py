"""The seam of the report: a section says what it found in a study's outcomes, as blocks that the page can show."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from aga_lightning.study.outcomes import Outcomes
from aga_lightning.study.report.blocks import Block


@dataclass(kw_only=True)
class Section(ABC):
    """A part of the report. Its settings are its fields, as everywhere.

    Args:
        heading: The section's heading.
    """

    heading: str

    @abstractmethod
    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """What stands below the heading.

        Args:
            outcomes: All that is finished; cells may be missing, which the section says in words.
        """
