"""Where a vertebra's canal, posterior wall and laminae lie, found from its mask alone or with the cord's help."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame
from spondyl.vertebrae.block import grid_around
from spondyl.vertebrae.frame import Vector

STEP_MM = 1.25
"""Own choice: the grid on which the canal and the wall are looked for."""
RING_LEVEL = 0.4
"""Own choice: filling that closes the ring; below one half since a lamina can be thinner than a slice."""
RING_AREA_MM2 = (60.0, 900.0)
"""Own choice: well outside what bony canals measure (about 150 to 450 mm2)."""
CANAL_HALF_WIDTH_MM = 10.0
CANAL_HALF_DEPTH_MM = 7.5
"""Own choice for a canal whose ring is nowhere closed: about the mean of T1 to L5."""
LAMINA_SPAN = (-0.45, 0.3)
"""Own choice: between these shares of the body's height above its centre the laminae meet in the midline."""
WALL_REACH_MM = 6.0
"""Own choice: the wall is looked for this far around the canal's front edge."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Of one vertebra, in mm in its frame."""

    canal_x_mm: float
    canal_y_mm: float
    canal_half_width_mm: float
    canal_half_depth_mm: float
    wall_y_mm: float
    """Posterior wall at z = 0."""
    wall_slope: float
    """Of the wall against z."""
    back_y_mm: float
    """Front of the laminae at z = 0, near the midline."""
    back_slope: float
    found_by: str
    """'ring', 'cord' or 'gap': what showed the canal."""

    def seen_from(self, old: Frame, new: Frame) -> Landmarks:
        """The same landmarks in another frame, little turned against the old one."""

        def moved(x: float, y: float, z: float) -> Vector:
            return new.to_local(old.to_lps(np.array([x, y, z])))

        def line(at_zero: float, slope: float) -> tuple[float, float]:
            low, high = (moved(self.canal_x_mm, at_zero + slope * z, z) for z in (-8.0, 8.0))
            turned = float((high[1] - low[1]) / (high[2] - low[2]))
            return float(low[1] - turned * low[2]), turned

        canal_x, canal_y, _ = moved(self.canal_x_mm, self.canal_y_mm, 0.0)
        wall, wall_slope = line(self.wall_y_mm, self.wall_slope)
        back, back_slope = line(self.back_y_mm, self.back_slope)
        return replace(
            self,
            canal_x_mm=float(canal_x),
            canal_y_mm=float(canal_y),
            wall_y_mm=wall,
            wall_slope=wall_slope,
            back_y_mm=back,
            back_slope=back_slope,
        )

    def wall_at(self, z_mm: Vector) -> Vector:
        return np.asarray(self.wall_y_mm + self.wall_slope * z_mm)

    def back_at(self, z_mm: Vector) -> Vector:
        return np.asarray(self.back_y_mm + self.back_slope * z_mm)


@dataclass(frozen=True, eq=False)
class _Grid:
    filled: NDArray
    x: Vector
    y: Vector
    z: Vector


def find_landmarks(mask: Volume, frame: Frame, radius_mm: float, cord: Volume | None) -> Landmarks | None:
    """Canal and posterior wall of one vertebra's boolean mask; None when no canal can be seen.

    The canal is the hole in the closed ring, else where the cord lies, else the gap between body and arch.
    """
    grid = _grid(mask, frame)
    if grid is None:
        return None
    canal = _ring(grid, radius_mm)
    found_by = "ring"
    if canal is None and cord is not None:
        canal, found_by = _cord(cord, frame, grid), "cord"
    if canal is None:
        canal, found_by = _gap(grid, radius_mm), "gap"
    if canal is None:
        return None
    x, y, half_width, half_depth = canal
    wall = _wall(grid, x, y, half_width, half_depth)
    back = _laminae(grid, x, y, half_depth, radius_mm)
    return Landmarks(x, y, half_width, half_depth, *wall, *back, found_by)


def _grid(mask: Volume, frame: Frame) -> _Grid | None:
    if not mask.array.any():
        return None
    grid = grid_around(mask, frame, step_mm=STEP_MM, margin_mm=2 * STEP_MM)
    return _Grid(grid.sample(mask, outside=0.0), *grid.coordinates_mm())


def _ring(grid: _Grid, radius_mm: float) -> tuple[float, float, float, float] | None:
    """Centre (x, y), half width and half depth of the hole that the arch encloses behind the body."""
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[:, 1, 1] = in_plane[1, :, 1] = True
    holes, count = ndimage.label(grid.filled < RING_LEVEL, in_plane)
    outer = np.unique(np.concatenate([holes[0].ravel(), holes[-1].ravel(), holes[:, 0].ravel(), holes[:, -1].ravel()]))
    area = np.bincount(holes.ravel(), minlength=count + 1) * STEP_MM**2
    area[outer] = area[0] = 0.0
    wanted = np.flatnonzero((area >= RING_AREA_MM2[0]) & (area <= RING_AREA_MM2[1]))
    boxes = ndimage.find_objects(holes)
    found = []
    for n in wanted:
        box = boxes[n - 1]
        i, j = np.nonzero((holes[box] == n).any(axis=2))
        x, y = grid.x[box[0]][i], grid.y[box[1]][j]
        if y.mean() > 0.6 * radius_mm and abs(x.mean()) < radius_mm:
            found.append((x.mean(), y.mean(), (np.ptp(x) + STEP_MM) / 2, (np.ptp(y) + STEP_MM) / 2, area[n]))
    if not found:
        return None
    # Rings that are half as large as the largest or less are the leaks of a nearly closed foramen.
    rings = np.array(found)
    rings = rings[rings[:, 4] > 0.5 * rings[:, 4].max()]
    x, y, half_width, half_depth = np.median(rings[:, :4], axis=0)
    return float(x), float(y), float(half_width), float(half_depth)


def _cord(cord: Volume, frame: Frame, grid: _Grid) -> tuple[float, float, float, float] | None:
    local = frame.to_local(cord.to_lps(np.argwhere(cord.array)))
    local = local[np.abs(local[:, 2]) < 8.0]
    if len(local) < 20:
        return None
    x, y = np.median(local[:, :2], axis=0)
    return float(x), float(y), CANAL_HALF_WIDTH_MM, CANAL_HALF_DEPTH_MM


def _gap(grid: _Grid, radius_mm: float) -> tuple[float, float, float, float] | None:
    """The space behind the body and before the arch along midline rays that meet both."""
    centres = []
    ahead = grid.y > 0.5 * radius_mm
    y = grid.y[ahead]
    for column in grid.filled[np.abs(grid.x) < 5.0][:, ahead].transpose(0, 2, 1).reshape(-1, len(y)) >= RING_LEVEL:
        edges = np.flatnonzero(np.diff(column.astype(np.int8)))
        if column[0] and len(edges) >= 2 and 8.0 <= y[edges[1]] - y[edges[0]] <= 30.0:
            centres.append(((y[edges[0]] + y[edges[1]]) / 2, (y[edges[1]] - y[edges[0]]) / 2))
    if len(centres) < 5:
        return None
    y_mid, half = np.median(np.array(centres), axis=0)
    return 0.0, float(y_mid), CANAL_HALF_WIDTH_MM, float(half)


def _wall(grid: _Grid, x: float, y: float, half_width: float, half_depth: float) -> tuple[float, float]:
    """Posterior wall at z = 0 and its slope: the last bone before the canal, near the midline."""
    front = y - half_depth
    columns = np.abs(grid.x - x) <= 0.5 * half_width
    before = (grid.y < y) & (grid.y > front - WALL_REACH_MM)
    if columns.any() and before.any():
        edge = _last_surface(grid.filled[np.ix_(columns, before)], grid.y[before], 0.5)
        seen = np.isfinite(edge).mean(axis=0) > 0.5
        if seen.sum() >= 5:
            return _line(grid.z[seen], np.nanmedian(edge[:, seen], axis=0))
    return float(front), 0.0


def _laminae(grid: _Grid, x: float, y: float, half_depth: float, radius_mm: float) -> tuple[float, float]:
    """Front of the laminae at z = 0 and its slope: the first bone behind the canal, near the midline."""
    columns = np.abs(grid.x - x) <= 4.0
    behind = (grid.y > y) & (grid.y < y + 2.5 * half_depth)
    # The inscribed radius stands for the body's height, which is not known yet.
    rows = (grid.z > LAMINA_SPAN[0] * 1.5 * radius_mm) & (grid.z < LAMINA_SPAN[1] * 1.5 * radius_mm)
    if columns.any() and behind.any() and rows.any():
        ahead = grid.filled[np.ix_(columns, behind, rows)][:, ::-1]
        edge = -_last_surface(ahead, -grid.y[behind][::-1], RING_LEVEL)
        seen = np.isfinite(edge).mean(axis=0) > 0.5
        if seen.sum() >= 5:
            return _line(grid.z[rows][seen], np.nanmedian(edge[:, seen], axis=0))
    return float(y + half_depth), 0.0


def _last_surface(filled: NDArray, y: Vector, level: float) -> NDArray[np.float64]:
    """Where along axis 1 each column's filling falls through a level for the last time; nan where it never does."""
    solid = filled[:, :-1] >= level
    last = solid.shape[1] - 1 - np.argmax(solid[:, ::-1], axis=1)
    here, there = (np.take_along_axis(filled, k[:, None], axis=1)[:, 0] for k in (last, last + 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(here > there, np.clip((here - level) / (here - there), 0.0, 1.0), 0.5)
    return np.where(solid.any(axis=1), y[last] + part * STEP_MM, np.nan)


def _line(z: Vector, y: Vector) -> tuple[float, float]:
    """Value at z = 0 and slope of the line through the median of slopes (Theil-Sen)."""
    apart = z[:, None] - z[None, :] > 4.0
    if not apart.any():
        return float(np.median(y)), 0.0
    slope = float(np.median((y[:, None] - y[None, :])[apart] / (z[:, None] - z[None, :])[apart]))
    return float(np.median(y - slope * z)), slope
