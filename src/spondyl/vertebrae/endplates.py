"""Endplates as smooth surfaces that the voxels of a mask allow: heights far finer than a slice is thick.

Along a line of voxels a mask tells two things: the last voxel inside lies below the endplate, the next one above it.
Where a slice's outline crosses the plate the two bounds nearly meet, so that a surface through all bounds is known
to a fraction of a voxel wherever the plate is a little oblique to the slices. A plate exactly along the slices can
be known to half a slice only, whoever reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame
from spondyl.vertebrae.frame import Vector
from spondyl.vertebrae.surface import STEP_MM, BodySurface

POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (2, 1), (1, 2), (0, 3), (2, 2), (0, 4), (4, 0))
"""Own choice: powers of x and y, in half widths and half depths: enough for a rim, a hollow that lies off the centre,
and a wedge; too few for a pit or a spur, which are then seen as what departs from the surface."""
RIM_MM = 2
"""Own choice: so near the wall a plate is rounded, or a spur leaves it; in columns of 1 mm."""
MIDDLE_WEIGHT = 0.01
"""Own choice: how much less a place between its bounds counts than one outside them."""
CURVE_WEIGHT = {2: 0.01, 3: 0.15, 4: 0.3}
"""Own choice: by the sum of powers, against `MIDDLE_WEIGHT` for each bound: a plate that is known on one contour only
would else be bent at will. Set on bodies of exact shape at 1 and 2.5 mm."""
STRAY_MM = 1.0
"""Own choice: bounds that a surface breaks by more than this, or by a whole voxel where that is more, belong to a
pit, a spur or a crumb and are let go."""
ROUNDS = 8
"""Own choice: which bounds are broken settles within a few rounds."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """Pairs of points in the frame, (n, 3) each: the surface passes above `below` and below `above`."""

    below: NDArray[np.float64]
    above: NDArray[np.float64]


def with_smooth_endplates(surface: BodySurface, body: Volume, frame: Frame) -> BodySurface | None:
    """The surface with its top and bottom replaced by smooth ones; None where a plate has too few voxels."""
    plates = [_plate(surface, body, frame, up=up) for up in (True, False)]
    if plates[0] is None or plates[1] is None:
        return None
    inside = np.isfinite(surface.top_mm)
    top, bottom = np.where(inside, plates[0], np.nan), np.where(inside, plates[1], np.nan)
    return replace(surface, top_mm=top, bottom_mm=bottom)


def _plate(surface: BodySurface, body: Volume, frame: Frame, *, up: bool) -> NDArray[np.float64] | None:
    inner = ndimage.binary_erosion(surface.waist, iterations=RIM_MM)
    if not inner.any():
        return None
    bounds = _bounds(body, frame, up=up)
    keep = _holds(surface, inner, bounds.below) & _holds(surface, inner, bounds.above)
    bounds = Bounds(bounds.below[keep], bounds.above[keep])
    if len(bounds.below) < 4 * len(POWERS):
        return None
    xs, ys = np.meshgrid(surface.x_mm, surface.y_mm, indexing="ij")
    middle = np.array([xs[inner].mean(), ys[inner].mean()])
    half = np.array([np.ptp(xs[inner]) / 2, np.ptp(ys[inner]) / 2])

    def terms(x: NDArray, y: NDArray) -> NDArray[np.float64]:
        u, v = (x - middle[0]) / half[0], (y - middle[1]) / half[1]
        return np.stack([u**p * v**q for p, q in POWERS], axis=-1)

    factors = _fit(bounds, terms(*bounds.below.T[:2]), terms(*bounds.above.T[:2]))
    return np.asarray((terms(xs, ys) * factors).sum(axis=-1))


def _bounds(body: Volume, frame: Frame, *, up: bool) -> Bounds:
    """The last voxel of each line along the grid's axis closest to the frame's z, and the next one beyond it."""
    along = (body.affine[:3, :3] / np.array(body.spacing_mm)).T @ frame.axes[:, 2]
    axis = int(np.argmax(np.abs(along)))
    forward = (along[axis] > 0) == up
    lines = np.moveaxis(body.array, axis, 2)
    n = lines.shape[2]
    last = n - 1 - np.argmax(lines[:, :, ::-1], axis=2) if forward else np.argmax(lines, axis=2)
    i, j = np.nonzero(lines.any(axis=2))
    index = np.insert(np.stack([i, j], axis=1), axis, last[i, j], axis=1).astype(np.float64)
    step = np.zeros(3)
    step[axis] = 1.0 if forward else -1.0
    inside, outside = (frame.to_local(body.to_lps(where)) for where in (index, index + step))
    return Bounds(inside, outside) if up else Bounds(outside, inside)


def _holds(surface: BodySurface, columns: NDArray[np.bool_], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    i = np.rint((points[:, 0] - surface.x_mm[0]) / STEP_MM).astype(int)
    j = np.rint((points[:, 1] - surface.y_mm[0]) / STEP_MM).astype(int)
    within = (i >= 0) & (i < columns.shape[0]) & (j >= 0) & (j < columns.shape[1])
    held = np.zeros(len(points), bool)
    held[within] = columns[i[within], j[within]]
    return held


def _fit(bounds: Bounds, low: NDArray[np.float64], high: NDArray[np.float64]) -> Vector:
    """Factors of the smooth surface that breaks the bounds least; `low` and `high` are the bounds' terms."""
    n = len(low)
    below, above = bounds.below[:, 2], bounds.above[:, 2]
    centre, target = (low + high) / 2, (below + above) / 2
    ridge = np.diag([n * CURVE_WEIGHT.get(p + q, 0.0) for p, q in POWERS])
    factors = _solve(((centre, target, np.ones(n)),), ridge)
    kept = np.ones(n, bool)
    stray = max(STRAY_MM, float(np.median(above - below)))
    for k in range(ROUNDS):
        short, over = below - low @ factors, high @ factors - above
        if k in (3, 5):
            kept = (short <= stray) & (over <= stray)
        factors = _solve(
            (
                (low, below, 1.0 * (kept & (short > 0))),
                (high, above, 1.0 * (kept & (over > 0))),
                (centre, target, MIDDLE_WEIGHT * kept),
            ),
            ridge * MIDDLE_WEIGHT,
        )
    return factors


def _solve(parts: tuple[tuple[NDArray, NDArray, NDArray], ...], ridge: NDArray[np.float64]) -> Vector:
    """Weighted least squares over several sets of rows. Plain sums: the same digits on any number of threads."""
    moments, right = ridge.copy(), np.zeros(len(ridge))
    for rows, values, weights in parts:
        moments += np.einsum("np,nq,n->pq", rows, rows, weights)
        right += np.einsum("np,n,n->p", rows, values, weights)
    return np.asarray(np.linalg.solve(moments, right))
