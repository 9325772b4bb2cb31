"""The lumen of the bony canal along a stretch of spine: outlines in planes across its own centreline."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spondyl.canal.surface import Surface
from spondyl.core.volume import Volume

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
class Path:
    """The canal's centreline: n points PLANE_STEP_MM apart, from below upward, each with its own axes."""

    centres_mm: Array
    """LPS, (n, 3)."""
    axes: Array
    """(n, 3, 3), columns x to the left, y to the back, z along the centreline upward."""

    def lps_mm(self, planes: NDArray[np.intp] | slice | int, local_xy_mm: Array) -> Array:
        """Points (..., 2) left and back of the centreline to LPS (..., 3); an array of planes leads the shape."""
        axes, centres = self.axes[planes], self.centres_mm[planes]
        if axes.ndim == 2:
            return local_xy_mm @ axes[:, :2].T + centres
        between = (slice(None),) + (None,) * (local_xy_mm.ndim - 2)
        points = np.einsum("n...c,nic->n...i", local_xy_mm, axes[..., :2])
        return np.asarray(points + centres[between])

    def nearest(self, lps_mm: Array) -> NDArray[np.intp]:
        """The plane whose centre lies nearest to each point (..., 3)."""
        return np.asarray(cKDTree(self.centres_mm).query(lps_mm)[1])


@dataclass(frozen=True, eq=False)
class Tube:
    """The lumen in the planes of a path.

    `radii_mm` (n, RAYS) is the ring's outline about the centreline, nan in all of a plane whose ring is open. In a
    `bulged` plane bone reaches from the ring far into the canal: the outline is that of the nearest plane without,
    and the lumen is what bone leaves of it. `between_mm` is the outline in open planes: bone where bone is met, in its
    gaps the closed outlines above and below; nan in closed planes and too far from one.
    """

    path: Path
    radii_mm: Array = field(repr=False)
    bulged: NDArray[np.bool_] = field(repr=False)
    between_mm: Array = field(repr=False)
    bounded_shares: Array = field(repr=False)
    """Share of the outline where bone is met, (n,)."""
    wall: Surface = field(repr=False)

    @property
    def closed(self) -> NDArray[np.bool_]:
        return np.isfinite(self.radii_mm[:, 0])

    @cached_property
    def areas_mm2(self) -> Array:
        """Of closed planes, nan elsewhere."""
        areas = polygon_areas_mm2(self.radii_mm)
        for plane in np.flatnonzero(self.bulged):
            areas[plane] = self.pixels(int(plane))[1].sum() * PIXEL_MM**2
        return areas

    @cached_property
    def open_areas_mm2(self) -> Array:
        """Of open planes, as far as their outline can be told."""
        return polygon_areas_mm2(self.between_mm)

    def outline_mm(self, plane: int) -> Array:
        """Closed or open; nan where neither is known."""
        return self.radii_mm[plane] if self.closed[plane] else self.between_mm[plane]

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
        """Points (m, m, 2) PIXEL_MM apart, in mm left and back of the centreline, and which of them are lumen."""
        radii = self.outline_mm(plane)
        reach = float(radii.max())
        line = np.arange(-reach, reach + PIXEL_MM, PIXEL_MM)
        points = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
        inside = within_outline(points, radii)
        if self.bulged[plane]:
            inside &= self.wall.outside_mm(self.path.lps_mm(plane, points)) > 0
        return points, inside


def within_outline(points: Array, radii_mm: Array) -> NDArray[np.bool_]:
    """Which points (..., 2) lie within the ends of the rays."""
    angle = np.arctan2(points[..., 1], points[..., 0])
    limit = np.interp(angle, ANGLES, radii_mm, period=2 * np.pi)
    return np.asarray(np.hypot(points[..., 0], points[..., 1]) < limit)


def polygon_areas_mm2(radii_mm: Array) -> Array:
    """Area of the polygon through the ends of the rays, (..., RAYS) to (...)."""
    return 0.5 * np.sin(2 * np.pi / RAYS) * (radii_mm * np.roll(radii_mm, -1, axis=-1)).sum(axis=-1)


def outline_points(radii_mm: Array) -> tuple[Array, Array]:
    """x and y of the ends of the rays."""
    return radii_mm * np.cos(ANGLES), radii_mm * np.sin(ANGLES)


def lumen_mask(tube: Tube, planes: NDArray[np.intp], grid: Volume) -> Volume:
    """Voxels of `grid` whose centre lies in the lumen of one of these planes, all closed."""
    inside = np.zeros(grid.shape, dtype=bool)
    reach = float(tube.radii_mm[planes].max()) + PLANE_STEP_MM
    index = grid.to_index(tube.path.centres_mm[planes])
    margin = reach / np.array(grid.spacing_mm)
    start = np.clip(np.floor(index.min(axis=0) - margin).astype(int), 0, grid.shape)
    stop = np.clip(np.ceil(index.max(axis=0) + margin).astype(int) + 1, start, grid.shape)
    if (stop == start).any():
        return Volume(inside, grid.affine, "mask")
    lps = grid.to_lps(np.stack(np.meshgrid(*map(np.arange, start, stop), indexing="ij"), axis=-1).reshape(-1, 3))
    plane = tube.path.nearest(lps)
    local = np.einsum("ni,nic->nc", lps - tube.path.centres_mm[plane], tube.path.axes[plane])
    ray = np.rint(np.arctan2(local[:, 1], local[:, 0]) / (2 * np.pi / RAYS)).astype(int) % RAYS
    limit = np.nan_to_num(tube.radii_mm, nan=-1.0)[plane, ray]
    held = (
        np.isin(plane, planes) & (np.abs(local[:, 2]) <= PLANE_STEP_MM) & (np.hypot(local[:, 0], local[:, 1]) < limit)
    )
    at_bulge = held & tube.bulged[plane]
    held[at_bulge] = tube.wall.outside_mm(lps[at_bulge]) > 0
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    inside[box] = held.reshape(tuple(stop - start))
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
