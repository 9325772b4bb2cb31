"""The lumen of the bony canal along one vertebra: outlines in planes across it, their measures and their voxels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame

Array = NDArray[np.float64]

PLANE_STEP_MM = 1.0
"""Own choice: finer than any usual slice, coarse enough to be quick."""
RAYS = 120
"""Own choice: the polygon of 120 rays in a circle falls short of its area by 0.05 %."""
PIXEL_MM = 0.5
"""Own choice: sampling of a cross-section where outlines do not suffice (bulges, lesions, cord)."""
ANGLES = np.arange(RAYS) * (2 * np.pi / RAYS)
"""From the left (x) to the back (y)."""
DIRECTIONS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=-1)
"""Unit vectors of the rays, (RAYS, 2)."""


@dataclass(frozen=True, eq=False)
class Tube:
    """The lumen in n planes across the canal.

    `frame` has its z along the canal and its origin on the canal's axis; plane i lies at `positions_mm[i]` along
    that z. `radii_mm` (n, RAYS) is the ring's outline about the z axis, nan in all of a plane whose ring is open. In
    a `bulged` plane bone reaches from the ring far into the canal: the outline is that of the nearest plane without,
    and the lumen is what bone leaves of it.
    """

    frame: Frame
    positions_mm: Array
    radii_mm: Array = field(repr=False)
    bulged: NDArray[np.bool_]
    bone: Volume = field(repr=False)

    @property
    def closed(self) -> NDArray[np.bool_]:
        return np.isfinite(self.radii_mm[:, 0])

    @cached_property
    def areas_mm2(self) -> Array:
        areas = polygon_areas_mm2(self.radii_mm)
        for plane in np.flatnonzero(self.bulged):
            areas[plane] = self.pixels(int(plane))[1].sum() * PIXEL_MM**2
        return areas

    def diameters_mm(self, plane: int) -> tuple[float, float]:
        """(AP, transverse) of one closed plane: front to back in the middle of the ring, and the widest extent."""
        ap, transverse = _diameters_mm(self.radii_mm[plane])
        if not self.bulged[plane]:
            return ap, transverse
        points, free = self.pixels(plane)
        x, _ = outline_points(self.radii_mm[plane])
        column = np.abs(points[:, 0, 0] - (x.min() + x.max()) / 2).argmin()
        return float(free[column].sum() * PIXEL_MM), float(free.any(axis=1).sum() * PIXEL_MM)

    def pixels(self, plane: int) -> tuple[Array, NDArray[np.bool_]]:
        """Points (m, m, 2) PIXEL_MM apart, in mm left and back of the axis, and which of them lie in the lumen."""
        radii = self.radii_mm[plane]
        reach = float(radii.max())
        line = np.arange(-reach, reach + PIXEL_MM, PIXEL_MM)
        points = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
        angle = np.arctan2(points[..., 1], points[..., 0])
        inside = np.hypot(points[..., 0], points[..., 1]) < np.interp(angle, ANGLES, radii, period=2 * np.pi)
        if self.bulged[plane]:
            inside &= self.bone.sample(self.plane_points_lps_mm(plane, points), order=1, outside=0.0) < 0.5
        return points, inside

    def plane_points_lps_mm(self, plane: int, local_xy_mm: Array) -> Array:
        """Points (..., 2) of one plane, in mm left and back of the canal's axis, in patient LPS (..., 3)."""
        height = np.full((*local_xy_mm.shape[:-1], 1), self.positions_mm[plane])
        return self.frame.to_lps(np.concatenate([local_xy_mm, height], axis=-1))


def polygon_areas_mm2(radii_mm: Array) -> Array:
    """Area of the polygon through the ends of the rays, (..., RAYS) to (...)."""
    return 0.5 * np.sin(2 * np.pi / RAYS) * (radii_mm * np.roll(radii_mm, -1, axis=-1)).sum(axis=-1)


def outline_points(radii_mm: Array) -> tuple[Array, Array]:
    """x and y of the ends of the rays."""
    return radii_mm * np.cos(ANGLES), radii_mm * np.sin(ANGLES)


def lumen_mask(tube: Tube, grid: Volume) -> Volume:
    """Voxels of `grid` whose centre lies in the lumen, between the first and the last closed plane."""
    inside = np.zeros(grid.shape, dtype=bool)
    closed = tube.closed
    reach = np.nanmax(tube.radii_mm)
    ends = tube.positions_mm[closed][[0, -1]]
    corners = np.array(np.meshgrid([-reach, reach], [-reach, reach], ends, indexing="ij")).reshape(3, -1).T
    index = grid.to_index(tube.frame.to_lps(corners))
    start = np.clip(np.floor(index.min(0)).astype(int) - 1, 0, grid.shape)
    stop = np.clip(np.ceil(index.max(0)).astype(int) + 2, start, grid.shape)
    ijk = np.stack(np.meshgrid(*map(np.arange, start, stop), indexing="ij"), axis=-1)
    lps = grid.to_lps(ijk)
    local = tube.frame.to_local(lps)
    plane = np.rint((local[..., 2] - tube.positions_mm[0]) / PLANE_STEP_MM).astype(int)
    within = (plane >= 0) & (plane < closed.size)
    plane = np.clip(plane, 0, closed.size - 1)
    x, y = local[..., 0], local[..., 1]
    ray = np.rint(np.arctan2(y, x) / (2 * np.pi / RAYS)).astype(int) % RAYS
    limit = np.nan_to_num(tube.radii_mm, nan=-1.0)[plane, ray]
    inside[start[0] : stop[0], start[1] : stop[1], start[2] : stop[2]] = (
        within & (np.hypot(x, y) < limit) & ~(tube.bulged[plane] & (tube.bone.sample(lps, order=0, outside=0) > 0))
    )
    return Volume(inside, grid.affine, "mask")


def _diameters_mm(radii: Array) -> tuple[float, float]:
    """Chord front to back in the middle between the outline's left and right end, and the widest extent."""
    x, y = outline_points(radii)
    middle = (x.min() + x.max()) / 2
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    crosses = (x - middle) * (next_x - middle) <= 0
    share = (middle - x[crosses]) / np.where(next_x == x, 1.0, next_x - x)[crosses]
    at_middle = y[crosses] + share * (next_y - y)[crosses]
    return float(np.ptp(at_middle)), float(np.ptp(x))
