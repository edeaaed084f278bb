"""The base class of the report's sections, which turn a study's results into blocks of the page."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from aga_lightning.study.outcomes import Outcomes
from aga_lightning.study.report.blocks import Block


@dataclass(kw_only=True)
class Section(ABC):
    """A section of the report.

    Args:
        heading: The section's heading.
    """

    heading: str

    @abstractmethod
    def blocks(self, outcomes: Outcomes) -> Sequence[Block]:
        """The section's content below its heading.

        Args:
            outcomes: The study's results; the section mentions cells that are missing.
        """
