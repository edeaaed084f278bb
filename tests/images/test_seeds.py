from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.images.seeds import seed_from

parts = st.lists(
    st.one_of(st.integers(), st.text(st.characters(exclude_categories=["Cc", "Cs"]))), min_size=1, max_size=4
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(parts, parts)
def test_a_seed_belongs_to_its_parts_in_their_order(one, other):
    assert 0 <= seed_from(*one) < 2**64
    assert (seed_from(*one) == seed_from(*other)) == ([*map(str, one)] == [*map(str, other)])


def test_a_seed_is_the_same_on_every_machine():
    """The keys of stores on disk hang on it."""
    assert seed_from("wren", 3) == 1080586423036604602
