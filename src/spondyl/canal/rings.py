"""Rays across the canal, and whether they come back all around.

In each plane, rays leave the canal's centre and end at the first bone; where they come back all around, the ring of
body, pedicles and laminae is closed and the ends of the rays outline the lumen. Only masks decide where bone is, so
that a lesion that has eaten bone does not widen the canal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spondyl.canal.surface import Surface
from spondyl.canal.tube import DIRECTIONS, PLANE_STEP_MM, RAYS, Array, Path, Tube, polygon_areas_mm2

RAY_STEP_MM = 0.5
"""Own choice: below the in-plane voxel of a usual CT; the end of a ray is then interpolated."""
MAX_RADIUS_MM = 22.0
"""Own choice: half of the widest lumbar canals (28 mm across at L5) with room to spare for a centre off the middle."""
GAP_MM = 4.0
"""Own choice: a wider opening in the ring is a foramen or a missing part, a narrower one a flaw of the mask."""
BULGE_SHARE = 0.5
"""Own choice: bone nearer to the axis than this share of the ring's radius bulges into the canal."""
BULGE_REACH_MM = 10.0
"""Own choice: a plane with a bulge is trusted only this close to a plane whose ring is seen to be closed."""
BETWEEN_MM = 30.0
"""Own choice: an open plane further from a closed one (about a level) has no outline; the disc's height is half."""
MIN_LUMEN_MM2 = 30.0
"""Own choice, below every canal and above the transverse foramina of the neck: what is smaller is not the canal."""
NO_BONE_MM = 1e3
"""Stands for 'no bone met' while openings are bridged."""


def tube_along(path: Path, wall: Surface) -> Tube:
    """The lumen in all planes of a path."""
    rays = ray_lengths_mm(wall.outside_mm, path.centres_mm, path.axes, near=2 * RAY_STEP_MM)
    radii, bulged = _with_bulges(path, wall, closed_radii(rays), rays)
    between, bounded = _between(radii, rays)
    return Tube(path, radii, bulged, between, bounded, wall)


def ray_lengths_mm(
    outside: Callable[[Array], NDArray[np.floating]], centres_mm: Array, axes: Array, *, near: float
) -> Array:
    """Distance from each centre (n, 3) to the first bone, (n, RAYS); inf where none is met, 0 where it lies in bone.

    axes (n, 3, 3) as those of a path. outside: takes LPS points (m, 3) to numbers above 0 outside of bone, and below
    `near` where bone may lie within a step.
    """
    starts = np.repeat(centres_mm, RAYS, axis=0)
    ways = np.einsum("rc,nic->nri", DIRECTIONS, axes[..., :2]).reshape(-1, 3)
    before = np.repeat(outside(centres_mm), RAYS)
    lengths = np.where(before > 0, np.inf, 0.0)
    going = np.flatnonzero(before > 0)
    before = before[going]
    # Two steps at once; the step between is looked at only where bone is met or may be near.
    for reach in np.arange(2, MAX_RADIUS_MM / RAY_STEP_MM + 1, 2) * RAY_STEP_MM:
        after = outside(starts[going] + reach * ways[going])
        between = after.copy()
        close = np.minimum(before, after) < near
        between[close] = outside(starts[going[close]] + (reach - RAY_STEP_MM) * ways[going[close]])
        met = np.minimum(between, after) <= 0
        first = between[met] <= 0
        low, high = np.where(first, before[met], between[met]), np.where(first, between[met], after[met])
        share = low / np.maximum(low - high, 1e-6)
        lengths[going[met]] = reach - RAY_STEP_MM * (1 + first) + RAY_STEP_MM * share
        going, before = going[~met], after[~met]
    return lengths.reshape(len(centres_mm), RAYS)


def closed_radii(radii: Array, min_area_mm2: float = MIN_LUMEN_MM2) -> Array:
    """Bridges openings narrower than GAP_MM; planes that then are still open, or too small, become nan."""
    bridged = _bridge(radii)
    ends = bridged[..., None] * DIRECTIONS
    edges = np.linalg.norm(ends - np.roll(ends, -1, axis=-2), axis=-1)
    closed = (edges <= GAP_MM).all(axis=-1) & (bridged < NO_BONE_MM).all(axis=-1) & (bridged > 0).all(axis=-1)
    closed &= polygon_areas_mm2(bridged) >= min_area_mm2
    return np.where(closed[:, None], bridged, np.nan)


def _bridge(radii: Array) -> Array:
    """Spans every opening no wider than GAP_MM, and deeper than it is wide, by a straight line.

    What is wider than deep stays as it is: it is the canal's own corner, not a gap in bone.
    """
    out = np.where(np.isfinite(radii), radii, NO_BONE_MM)
    ends = out[..., None] * DIRECTIONS
    deepest = np.zeros_like(out)
    for span in range(2, RAYS // 6):
        deepest = np.maximum(deepest, np.roll(out, 1 - span, axis=-1))
        width = np.linalg.norm(ends - np.roll(ends, -span, axis=-2), axis=-1)
        depth = deepest - np.maximum(out, np.roll(out, -span, axis=-1))
        found = np.argwhere((width <= GAP_MM) & (depth > width))
        if not len(found):
            continue
        for plane, ray in found:
            share = np.arange(1, span)[:, None] / span
            chord = np.linalg.norm((1 - share) * ends[plane, ray] + share * ends[plane, (ray + span) % RAYS], axis=-1)
            between = (ray + np.arange(1, span)) % RAYS
            out[plane, between] = np.minimum(out[plane, between], chord)
        ends = out[..., None] * DIRECTIONS
        deepest = np.max([np.roll(out, -step, axis=-1) for step in range(1, span)], axis=0)
    return out


def _with_bulges(path: Path, wall: Surface, radii: Array, rays: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Planes that look open only because bone inside the ring hides its wall take the nearest closed outline.

    A fragment of the body's back wall can fill half of the canal: those planes matter most and must not be lost. The
    ring is there when bone lies at the outline, give or take GAP_MM, all around.
    """
    bulged = np.zeros(len(radii), dtype=bool)
    closed = np.flatnonzero(np.isfinite(radii[:, 0]))
    open_ = np.flatnonzero(~np.isfinite(radii[:, 0]))
    if closed.size == 0 or open_.size == 0:
        return radii, bulged
    nearest = closed[np.abs(open_[:, None] - closed).argmin(axis=1)]
    outlines = radii[nearest]
    maybe = np.abs(open_ - nearest) * PLANE_STEP_MM <= BULGE_REACH_MM
    maybe &= (rays[open_] < BULGE_SHARE * outlines).any(axis=-1)
    radii = radii.copy()
    for plane, outline in zip(open_[maybe], outlines[maybe], strict=True):
        band = outline[:, None] + np.arange(-GAP_MM, GAP_MM + RAY_STEP_MM, RAY_STEP_MM)
        points = np.maximum(band, 0.0)[..., None] * DIRECTIONS[:, None, :]
        if (wall.outside_mm(path.lps_mm(int(plane), points)) <= 0).any(axis=-1).all():
            radii[plane], bulged[plane] = outline, True
    return radii, bulged


def _between(radii: Array, rays: Array) -> tuple[Array, Array]:
    """Outlines of open planes from the closed ones above and below and the bone met within, and where bone is met."""
    n = len(radii)
    between = np.full_like(radii, np.nan)
    closed = np.flatnonzero(np.isfinite(radii[:, 0]))
    bounded = np.zeros(n)
    if closed.size == 0:
        return between, bounded
    bounded[closed] = (rays[closed] <= radii[closed] + GAP_MM).mean(axis=-1)
    for plane in np.flatnonzero(~np.isfinite(radii[:, 0])):
        after = int(np.searchsorted(closed, plane))
        low, high = closed[max(after - 1, 0)], closed[min(after, closed.size - 1)]
        if min(abs(plane - low), abs(high - plane)) * PLANE_STEP_MM > BETWEEN_MM:
            continue
        share = 0.0 if high == low else float(np.clip((plane - low) / (high - low), 0, 1))
        expected = (1 - share) * radii[low] + share * radii[high]
        between[plane] = np.minimum(rays[plane], expected)
        bounded[plane] = (rays[plane] <= expected + GAP_MM).mean()
    return between, bounded
