import pytest

from aga_lightning.study.report.blocks import Paragraph
from aga_lightning.study.report.section import Section


def test_a_section_has_a_title_and_blocks():
    class Half(Section):
        @property
        def title(self):
            return "Half"

    class Whole(Half):
        def blocks(self, outcomes):
            return [Paragraph(f"{outcomes} cells")]

    with pytest.raises(TypeError, match="blocks"):
        Half()
    assert Whole().title == "Half" and Whole().blocks(3) == [Paragraph("3 cells")]
