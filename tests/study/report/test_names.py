import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aga_lightning.study.report.names import distinct


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a", "A"], ["a", "A-2"]),
        (["a-2", "a", "a"], ["a-2", "a", "a-3"]),
        (["ood/new habitats", "../x"], ["ood-new-habitats", "x"]),
        (["", "?"], ["unnamed", "unnamed-2"]),
    ],
)
def test_names_are_made_different(names, found):
    assert distinct(names) == found


@given(st.lists(st.text(max_size=5)))
def test_names_are_safe_and_no_two_are_the_same(names):
    found = distinct(names)
    assert len(found) == len(names) == len({name.lower() for name in found})
    assert all(re.fullmatch(r"[\w.-]+", name) and not name.startswith(".") for name in found)
