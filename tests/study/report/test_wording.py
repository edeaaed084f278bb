import pytest

from aga_lightning.intervals import Interval
from aga_lightning.study.report.wording import difference, ends, file_name, listed, number

nan = float("nan")


@pytest.mark.parametrize(
    ("value", "digits", "sign", "said"),
    [(88.84, 1, False, "88.8"), (-0.04, 1, True, "+0.0"), (-0.04, 1, False, "0.0"), (3, 2, True, "+3.00"),
     (-1.26, 1, True, "-1.3"), (nan, 1, False, "-")],
)  # fmt: skip
def test_numbers(value, digits, sign, said):
    assert number(value, digits, sign) == said


def test_intervals():
    assert ends(Interval(0.9, 0.88, 0.921)) == "88.0 to 92.1"
    assert difference(Interval(0.031, 0.004, 0.058)) == "+3.1 [0.4, 5.8]"
    assert difference(Interval(-0.0312, -0.1, 0.02), 1, 3) == "-0.031 [-0.100, 0.020]"
    assert "no interval" in ends(Interval(0.9, nan, nan)) and "-1.0 (" in difference(Interval(-0.01, nan, nan))


def test_words():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert listed(["a", "b"], "or") == "a or b"
    assert file_name("Table 1: ID / OOD ") == "table-1-id-ood"
