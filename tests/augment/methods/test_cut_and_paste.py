import inspect

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aga_lightning.augment.compositing import Merging
from aga_lightning.augment.fingerprint import describe
from aga_lightning.augment.methods.cut_and_paste import CutAndPaste


def test_it_has_all_settings_of_merging():
    assert list(inspect.signature(CutAndPaste).parameters) == list(inspect.signature(Merging).parameters)
    settings = {"flip_probability": 0.3, "max_rotation": 7.0, "scale": (0.1, 0.2), "shift": 0.4, "edge": "hard"}
    settings |= {"feather": 3.0, "harmonise": 0.5, "in_place": False, "match_grey": True}
    settings |= {"size": (0.2, 0.9), "position": "centre"}
    ours, theirs = describe(CutAndPaste(**settings)), describe(Merging(**settings))
    assert {name: ours[name] for name in settings} == {name: theirs[name] for name in settings}


@given(st.integers(0, 2**63))
def test_placements_are_within_the_published_bounds(seed):
    placement = CutAndPaste().draw(np.random.default_rng(seed))
    assert not placement.flip
    assert abs(placement.rotation) <= 30
    assert 0.3 <= placement.scale <= 0.7
    assert max(map(abs, placement.shift)) <= 0.5


def test_all_sizes_are_equally_likely():
    rng = np.random.default_rng(0)
    scales = np.sort([CutAndPaste().draw(rng).scale for _ in range(4000)])
    # Kolmogorov and Smirnov: 1.63 / sqrt(n) is exceeded once in a hundred times; log-uniform would be off by 0.105.
    assert np.abs(scales - np.linspace(0.3, 0.7, 4000)).max() / 0.4 < 1.63 / np.sqrt(4000)
    sizes = np.sort([CutAndPaste(size=(0.3, 0.7)).draw(rng).size for _ in range(4000)])
    assert np.abs(sizes - np.linspace(0.3, 0.7, 4000)).max() / 0.4 < 1.63 / np.sqrt(4000)


def test_in_place_nothing_moves():
    placement = CutAndPaste(in_place=True).draw(np.random.default_rng(3))
    assert (placement.rotation, placement.scale, placement.shift) == (0, 1, (0, 0))
