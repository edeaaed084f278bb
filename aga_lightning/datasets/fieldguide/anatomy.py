"""Outlines of the parts and marks of a bird, in the bird's own frame.

The frame has its origin in the middle of the body, x towards the beak and y down; the body is two units long.
"""

import numpy as np

from aga_lightning.datasets.fieldguide.canvas import Points, ellipse, points, ribbon, spline


def _stroke(start: float, end: float, *knots: tuple[float, float]) -> Points:
    """The outline of a curved brush stroke that is `start` wide at its first knot and `end` at its last."""
    return ribbon(spline(points(*knots), closed=False), start, end)


def _shape(*knots: tuple[float, float]) -> Points:
    """A smooth closed outline."""
    return spline(points(*knots))


BODY = _shape(
    (0.98, -0.58), (0.90, -0.77), (0.70, -0.88), (0.48, -0.82), (0.29, -0.63), (0.02, -0.48), (-0.40, -0.30),
    (-0.80, -0.09), (-1.02, 0.03), (-1.00, 0.16), (-0.72, 0.31), (-0.28, 0.50), (0.18, 0.55), (0.58, 0.38),
    (0.83, 0.06), (0.91, -0.22), (0.99, -0.43),
)  # fmt: skip
"""Head and body in one outline, from the base of the beak over the back and back along the belly."""

UNDERPARTS = _shape(
    (1.05, -0.46), (0.80, -0.40), (0.62, -0.16), (0.44, 0.06), (0.05, 0.20), (-0.45, 0.20), (-0.85, 0.18),
    (-0.90, 0.50), (0.00, 0.80), (0.80, 0.60), (1.10, 0.00),
)  # fmt: skip

CAP = _shape(
    (1.05, -0.57), (0.86, -0.66), (0.68, -0.68), (0.50, -0.62), (0.30, -0.50), (0.10, -0.70), (0.40, -1.00),
    (0.95, -1.00),
)  # fmt: skip

CREST = _shape(
    (0.86, -0.80), (0.68, -0.95), (0.42, -1.04), (0.16, -1.10), (-0.06, -1.13), (0.12, -1.00), (0.02, -0.94),
    (0.20, -0.84), (0.34, -0.66), (0.60, -0.70),
)  # fmt: skip

EYE = (0.775, -0.575)
LORES = _stroke(0.07, 0.05, (1.0, -0.52), (0.84, -0.575), (0.56, -0.55))
"""The dark line through the eye, as most small birds have it."""

BEAKS = {
    "thin": _shape((0.90, -0.58), (1.08, -0.555), (1.30, -0.46), (1.08, -0.445), (0.92, -0.43)),
    "dagger": _shape((0.90, -0.62), (1.25, -0.57), (1.78, -0.42), (1.25, -0.43), (0.92, -0.41)),
    "cone": _shape((0.86, -0.74), (1.08, -0.66), (1.30, -0.44), (1.06, -0.36), (0.88, -0.30)),
}
GAPE = _stroke(0.03, 0.012, (0.94, -0.47), (1.08, -0.49), (1.27, -0.46))
"""The line between the two halves of the beak."""

TAILS = {
    "long": (
        _shape((-0.82, -0.06), (-1.4, 0.04), (-2.02, 0.16), (-2.08, 0.25), (-1.4, 0.20), (-0.82, 0.22)),
        _shape((-0.82, -0.02), (-1.4, 0.10), (-1.94, 0.26), (-1.97, 0.34), (-1.4, 0.27), (-0.82, 0.24)),
    ),
    "fanned": (
        _shape((-0.80, 0.02), (-1.2, 0.22), (-1.52, 0.46), (-1.64, 0.34), (-1.2, 0.12), (-0.80, 0.08)),
        _shape((-0.80, 0.00), (-1.2, -0.12), (-1.56, -0.24), (-1.66, -0.10), (-1.2, 0.08), (-0.80, 0.14)),
        _shape((-0.80, 0.02), (-1.2, 0.14), (-1.62, 0.34), (-1.69, 0.20), (-1.2, 0.10), (-0.80, 0.10)),
        _shape((-0.80, 0.00), (-1.2, -0.02), (-1.64, -0.11), (-1.70, 0.04), (-1.2, 0.10), (-0.80, 0.12)),
        _shape((-0.80, 0.04), (-1.2, 0.03), (-1.70, 0.01), (-1.71, 0.22), (-1.2, 0.14), (-0.80, 0.12)),
    ),
    "forked": (
        _shape((-0.80, 0.04), (-1.3, 0.12), (-1.88, 0.42), (-1.2, 0.24), (-0.80, 0.18)),
        _shape((-0.80, -0.04), (-1.2, -0.10), (-1.92, -0.30), (-1.36, 0.02), (-0.80, 0.12)),
    ),
}
"""One outline a feather, the lowest first."""

WING = _shape(
    (0.46, -0.16), (0.34, -0.31), (0.05, -0.36), (-0.40, -0.21), (-0.85, 0.00), (-1.28, 0.14), (-0.80, 0.22),
    (-0.32, 0.32), (0.10, 0.31), (0.38, 0.16), (0.48, 0.00),
)  # fmt: skip
"""The folded wing, from the shoulder along the back to the tip."""

FLIGHT_FEATHERS = _shape((-0.16, -0.40), (-0.22, 0.0), (-0.34, 0.36), (-0.9, 0.4), (-1.4, 0.2), (-0.9, -0.2))
VANES = [
    _stroke(0.035, 0.012, (-0.17, -0.29 + 0.58 * s), (-0.64, -0.07 + 0.30 * s), (-1.24, 0.13 + 0.03 * s))
    for s in (0.18, 0.38, 0.58, 0.78)
]
"""The pale edges of the flight feathers."""

_SCALLOP = ((0.06, -0.062), (-0.01, -0.04), (-0.03, 0.0), (-0.01, 0.04), (0.06, 0.062))
COVERTS = [
    _stroke(0.022, 0.022, *((x + dx, y + dy) for dx, dy in _SCALLOP))
    for x, ys in ((0.32, (-0.14, 0.0, 0.14)), (0.01, (-0.21, -0.07, 0.07, 0.21)))
    for y in ys
]
"""The pale tips of the small feathers that cover the wing."""

WING_BARS = (
    _stroke(0.09, 0.11, (0.22, -0.40), (0.15, -0.22), (0.13, 0.0), (0.14, 0.20), (0.18, 0.38)),
    _stroke(0.10, 0.12, (-0.10, -0.38), (-0.18, -0.18), (-0.21, 0.02), (-0.20, 0.20), (-0.15, 0.38)),
)

STREAKS = [
    _stroke(0.05, 0.09, (x + 0.03, y - 0.13), (x, y), (x - 0.06, y + 0.13))
    for x, y in ((0.84, -0.14), (0.64, -0.04), (0.76, 0.13), (0.54, 0.20), (0.36, 0.34), (0.64, 0.34), (0.14, 0.42))
]
SPOTS = [
    ellipse(x, y, 0.056, 0.056, corners=12)
    for x, y in (
        (0.87, -0.20), (0.70, -0.14), (0.82, -0.02), (0.63, 0.04), (0.77, 0.16), (0.56, 0.22), (0.68, 0.33),
        (0.43, 0.37), (0.53, 0.48), (0.25, 0.46), (0.10, 0.36),
    )
]  # fmt: skip
COLLAR = _stroke(0.17, 0.13, (1.02, -0.06), (0.80, 0.05), (0.56, 0.03), (0.38, -0.10))

HIPS = points((0.02, 0.46), (0.22, 0.46))
KNEE = np.array([-0.05, 0.0])
TOES = [_stroke(0.06, 0.06, (0.0, 0.0), tip) for tip in ((0.20, 0.05), (0.15, 0.10), (-0.14, 0.05))]
"""Knee and toes do not turn with the body: the knee is relative to the middle of the leg, the toes to the foot."""

NECK = np.array([0.42, -0.38])
