import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aga_lightning.datasets.fieldguide.anatomy import BODY, HIPS
from aga_lightning.datasets.fieldguide.pose import Pose

poses = st.integers(0, 10_000).map(lambda seed: Pose.draw(np.random.default_rng(seed)))
quick = settings(max_examples=40, deadline=None, derandomize=True)


def still(**changes):
    plain = {"x": 0.5, "y": 0.5, "unit": 0.25, "tilt": 0.0, "nod": 0.0, "plumpness": 1.0, "left": False}
    return Pose(**(plain | changes))


@quick
@given(poses)
def test_the_body_is_in_the_picture_and_the_feet_are_below_it(pose):
    (body,) = pose.place(BODY)
    middle = body.mean(axis=0)
    assert (middle > 0.2).all()
    assert (middle < 0.8).all()
    assert ((body > 0) & (body < 1)).all(axis=1).mean() > 0.95
    assert (pose.feet()[:, 1] > pose.place(HIPS)[0][:, 1].mean()).all()


def test_facing_left_mirrors_the_bird():
    (right,), (left,) = still().place(BODY), still(left=True).place(BODY)
    assert np.allclose(left[:, 0], 1 - right[:, 0])
    assert np.allclose(left[:, 1], right[:, 1])


def test_shapes_keep_their_order_and_length():
    body, hips = still(nod=0.2).place(BODY, HIPS)
    assert body.shape == BODY.shape
    assert np.allclose(hips, still().place(HIPS)[0])  # a nod leaves the legs alone
    assert not np.allclose(body, still().place(BODY)[0])


def test_a_tilt_below_zero_lifts_the_head():
    beak = BODY[:1]
    assert still(tilt=-0.4).place(beak)[0][0, 1] < still().place(beak)[0][0, 1]
