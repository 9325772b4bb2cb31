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
from spondyl.vertebrae.frame import Vector, fit_plane
from spondyl.vertebrae.surface import STEP_MM, BodySurface

POWERS = (
    (0, 0),
    (1, 0),
    (0, 1),
    (2, 0),
    (1, 1),
    (0, 2),
    (2, 1),
    (1, 2),
    (0, 3),
    (2, 2),
    (0, 4),
    (4, 0),
    (2, 4),
    (0, 6),
)
"""Own choice: powers of x and y, in half widths and half depths: enough for a rim, a hollow that lies off the centre,
and a wedge; too few for a pit or a spur, which are then seen as what departs from the surface."""
RIM_MM = 2
"""Own choice: so near the wall a plate is rounded, or a spur leaves it; in columns of 1 mm."""
WALL_MM = 1
"""Own choice: beyond this a voxel of bone bounds the plate; nearer it may be a spur's."""
SLACK_MM = 5.0
"""Own choice: a surface this smooth can't move against its bounds within this distance."""
MIDDLE_WEIGHT = 0.01
"""Own choice: how much less a place between its bounds counts than one outside them."""
CURVE_WEIGHT = {2: 0.01, 3: 0.1, 4: 0.1, 6: 0.1}
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
    use_below: NDArray[np.bool_]
    """Which of the points bound the plate; (n,)."""
    use_above: NDArray[np.bool_]

    @property
    def both(self) -> NDArray[np.bool_]:
        return self.use_below & self.use_above


def with_smooth_endplates(surface: BodySurface, body: Volume, frame: Frame) -> BodySurface | None:
    """The surface with smooth plates and the planes through them; None where a plate has too few voxels."""
    upper, lower = _plate(surface, body, frame, up=True), _plate(surface, body, frame, up=False)
    if upper is None or lower is None:
        return None
    inside = np.isfinite(surface.top_mm)
    (top, over), (bottom, under) = upper, lower
    xs, ys = np.meshgrid(surface.x_mm, surface.y_mm, indexing="ij")
    inner = ndimage.binary_erosion(surface.waist, iterations=RIM_MM)
    return replace(
        surface,
        upper=fit_plane(xs[inner], ys[inner], top[inner]),
        lower=fit_plane(xs[inner], ys[inner], bottom[inner]),
        top_mm=np.where(inside, top, np.nan),
        bottom_mm=np.where(inside, bottom, np.nan),
        sd_mm=np.sqrt(over**2 + under**2) / np.sqrt(12.0),
        slice_mm=body.spacing_mm[_axis_along(body, frame)[0]],
    )


def _plate(
    surface: BodySurface, body: Volume, frame: Frame, *, up: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Height by column, and by how much the bounds near it let it move."""
    inner = ndimage.binary_erosion(surface.waist, iterations=RIM_MM)
    if not inner.any():
        return None
    bounds = _bounds(body, frame, up=up)
    bone, air = (bounds.below, bounds.above) if up else (bounds.above, bounds.below)
    # Bone bounds the plate nearly up to the wall; beside a voxel without bone there may be no plate but the wall.
    near = ndimage.binary_erosion(surface.waist, iterations=WALL_MM)
    solid, empty = _holds(surface, near, bone), _holds(surface, inner, bone) & _holds(surface, inner, air)
    keep = solid | empty
    used = (solid, empty) if up else (empty, solid)
    bounds = Bounds(bounds.below[keep], bounds.above[keep], used[0][keep], used[1][keep])
    if (bounds.both).sum() < 4 * len(POWERS):
        return None
    xs, ys = np.meshgrid(surface.x_mm, surface.y_mm, indexing="ij")
    middle = np.array([xs[surface.waist].mean(), ys[surface.waist].mean()])
    half = np.array([np.ptp(xs[surface.waist]) / 2, np.ptp(ys[surface.waist]) / 2])

    def terms(x: NDArray, y: NDArray) -> NDArray[np.float64]:
        u, v = (x - middle[0]) / half[0], (y - middle[1]) / half[1]
        return np.stack([u**p * v**q for p, q in POWERS], axis=-1)

    low, high = terms(*bounds.below.T[:2]), terms(*bounds.above.T[:2])
    factors, kept = _fit(bounds, low, high)
    lowest = _least(surface, bounds.below, low @ factors - bounds.below[:, 2], kept & bounds.use_below)
    highest = _least(surface, bounds.above, bounds.above[:, 2] - high @ factors, kept & bounds.use_above)
    return np.asarray((terms(xs, ys) * factors).sum(axis=-1)), lowest + highest


def _least(
    surface: BodySurface, points: NDArray[np.float64], gap_mm: NDArray[np.float64], kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Smallest gap between surface and bounds around each column; at most the largest of all where there is none."""
    found = np.full((len(surface.x_mm), len(surface.y_mm)), np.inf)
    i = np.rint((points[kept, 0] - surface.x_mm[0]) / STEP_MM).astype(int)
    j = np.rint((points[kept, 1] - surface.y_mm[0]) / STEP_MM).astype(int)
    np.minimum.at(found, (i, j), np.maximum(gap_mm[kept], 0.0))
    reach = np.arange(-int(SLACK_MM / STEP_MM), int(SLACK_MM / STEP_MM) + 1)
    disc = np.hypot(*np.meshgrid(reach, reach)) * STEP_MM <= SLACK_MM
    return np.minimum(ndimage.minimum_filter(found, footprint=disc, mode="nearest"), gap_mm[kept].max())


def _bounds(body: Volume, frame: Frame, *, up: bool) -> Bounds:
    inside, outside = line_ends(body, frame, up=up)
    every = np.ones(len(inside), bool)
    return Bounds(inside, outside, every, every) if up else Bounds(outside, inside, every, every)


def line_ends(mask: Volume, frame: Frame, *, up: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The last voxel of each line along the grid's axis closest to the frame's z, and the next one beyond it.

    Both (n, 3) in the frame; `up` or down.
    """
    axis, along = _axis_along(mask, frame)
    forward = (along > 0) == up
    lines = np.moveaxis(mask.array, axis, 2)
    n = lines.shape[2]
    last = n - 1 - np.argmax(lines[:, :, ::-1], axis=2) if forward else np.argmax(lines, axis=2)
    i, j = np.nonzero(lines.any(axis=2))
    index = np.insert(np.stack([i, j], axis=1), axis, last[i, j], axis=1).astype(np.float64)
    step = np.zeros(3)
    step[axis] = 1.0 if forward else -1.0
    return frame.to_local(mask.to_lps(index)), frame.to_local(mask.to_lps(index + step))


def _axis_along(mask: Volume, frame: Frame) -> tuple[int, float]:
    """The grid's axis closest to the frame's z, and the cosine between them."""
    along = (mask.affine[:3, :3] / np.array(mask.spacing_mm)).T @ frame.axes[:, 2]
    axis = int(np.argmax(np.abs(along)))
    return axis, float(along[axis])


def _holds(surface: BodySurface, columns: NDArray[np.bool_], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    i = np.rint((points[:, 0] - surface.x_mm[0]) / STEP_MM).astype(int)
    j = np.rint((points[:, 1] - surface.y_mm[0]) / STEP_MM).astype(int)
    within = (i >= 0) & (i < columns.shape[0]) & (j >= 0) & (j < columns.shape[1])
    held = np.zeros(len(points), bool)
    held[within] = columns[i[within], j[within]]
    return held


def _fit(bounds: Bounds, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[Vector, NDArray[np.bool_]]:
    """Factors of the smooth surface that breaks the bounds least, and the bounds that are no stray ones.

    `low` and `high` are the bounds' terms.
    """
    n = len(low)
    below, above, both = bounds.below[:, 2], bounds.above[:, 2], bounds.both
    centre, target = (low + high) / 2, (below + above) / 2
    ridge = np.diag([n * CURVE_WEIGHT.get(p + q, 0.0) for p, q in POWERS])
    factors = _solve(((centre, target, 1.0 * both),), ridge)
    kept = np.ones(n, bool)
    stray = max(STRAY_MM, float(np.median(above - below)))
    for k in range(ROUNDS):
        short, over = below - low @ factors, high @ factors - above
        if k in (3, 5):
            kept = (short <= stray) & (over <= stray)
        factors = _solve(
            (
                (low, below, 1.0 * (kept & bounds.use_below & (short > 0))),
                (high, above, 1.0 * (kept & bounds.use_above & (over > 0))),
                (centre, target, MIDDLE_WEIGHT * (kept & both)),
            ),
            ridge * MIDDLE_WEIGHT,
        )
    return factors, kept


def _solve(parts: tuple[tuple[NDArray, NDArray, NDArray], ...], ridge: NDArray[np.float64]) -> Vector:
    """Weighted least squares over several sets of rows. Plain sums: the same digits on any number of threads."""
    moments, right = ridge.copy(), np.zeros(len(ridge))
    for rows, values, weights in parts:
        moments += np.einsum("np,nq,n->pq", rows, rows, weights)
        right += np.einsum("np,n,n->p", rows, values, weights)
    return np.asarray(np.linalg.solve(moments, right))
