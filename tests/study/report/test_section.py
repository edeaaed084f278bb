from dataclasses import dataclass

import pytest

from aga_lightning.study.report.blocks import Paragraph
from aga_lightning.study.report.section import Section


def test_a_section_has_a_heading_and_blocks():
    @dataclass(kw_only=True)
    class Half(Section):
        heading: str = "Half"

    class Whole(Half):
        def blocks(self, outcomes):
            return [Paragraph(f"{outcomes} cells")]

    with pytest.raises(TypeError, match="blocks"):
        Half()
    assert Whole().heading == "Half" and Whole().blocks(3) == [Paragraph("3 cells")]
