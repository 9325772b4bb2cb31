"""Where the surface of a binary mask lies between its voxels.

A mask only says of each voxel's centre whether it is inside. Interpolating the 0 and 1 between slices makes a wall
that leans across thick slices a staircase, and every length read off it jumps. So the distance to the surface is taken
within each slice and interpolated between slices (shape-based interpolation, raya1990): a wall that leans evenly
comes out even, and nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.volume import Volume

CITATIONS = ("raya1990",)
FAR_MM = 1e6
"""Spacing given to the axis across the slices, so that distances stay within a slice."""
SLICES_AT_ONCE = 12
"""Own choice: distances are taken slab by slab, each cut to what lies near the path."""
NEARLY = 0.9
"""Own choice: axes with spacings this alike count as equally coarse, and the one along the path is taken."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Distance to a mask's surface, positive outside of it and capped, near a path."""

    affine: NDArray[np.float64]
    distance_mm: NDArray[np.float32] = field(repr=False)
    cap_mm: float
    voxel_mm: float
    """The coarser of the two spacings within a slice: what a surface can be wrong by."""

    def outside_mm(self, lps_mm: NDArray[np.float64]) -> NDArray[np.float32]:
        """Distance at points (..., 3) in LPS mm, positive outside of the mask; the cap far from the path."""
        inverse = np.linalg.inv(self.affine)
        index = lps_mm.reshape(-1, 3) @ inverse[:3, :3].T + inverse[:3, 3]
        flat = ndimage.map_coordinates(
            self.distance_mm, index.T, order=1, mode="grid-constant", cval=self.cap_mm, output=np.float32
        )
        return flat.reshape(lps_mm.shape[:-1])


def surface_of(masks: Sequence[Volume], path_mm: NDArray[np.float64], reach_mm: float) -> Surface:
    """The surface of all masks together within `reach_mm` of the path (n, 3).

    Masks that share the first one's lattice are pasted, others are resampled onto it.
    """
    grid, bone = _together(masks, path_mm, reach_mm)
    across = _slice_axis(grid, path_mm)
    spacing = np.array(grid.spacing_mm)
    within = float(np.delete(spacing, across).max())
    # Surfaces that lean by up to 45 degrees across the slices lie this far apart in neighbouring ones.
    cap = float(max(spacing[across], 2 * within))
    distance = np.full(grid.shape, cap, np.float32)
    sampling = spacing.copy()
    sampling[across] = FAR_MM
    index = grid.to_index(path_mm)
    margin = reach_mm / spacing
    for start in range(0, grid.shape[across], SLICES_AT_ONCE):
        near = index[np.abs(index[:, across] - start - SLICES_AT_ONCE / 2) <= SLICES_AT_ONCE / 2 + margin[across]]
        if len(near) == 0:
            continue
        low = np.clip(np.floor(near.min(axis=0) - margin).astype(int), 0, grid.shape)
        high = np.clip(np.ceil(near.max(axis=0) + margin).astype(int) + 1, low, grid.shape)
        low[across], high[across] = start, min(start + SLICES_AT_ONCE, grid.shape[across])
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        distance[box] = np.clip(_signed_mm(bone[box], sampling, within / 2), -cap, cap)
    return Surface(grid.affine, distance, cap, within)


def _signed_mm(mask: NDArray[np.bool_], sampling: NDArray[np.float64], half_voxel_mm: float) -> NDArray[np.float64]:
    """Distance of each voxel's centre to the surface, which lies midway between centres inside and outside."""
    if not mask.any():
        return np.full(mask.shape, FAR_MM)
    if mask.all():
        return np.full(mask.shape, -FAR_MM)
    outside = ndimage.distance_transform_edt(~mask, sampling=sampling) - half_voxel_mm
    inside = ndimage.distance_transform_edt(mask, sampling=sampling) - half_voxel_mm
    return np.where(mask, -inside, outside)


def _slice_axis(grid: Volume, path_mm: NDArray[np.float64]) -> int:
    spacing = np.array(grid.spacing_mm)
    course = path_mm[-1] - path_mm[0]
    along = np.abs(course @ grid.affine[:3, :3]) / spacing
    return int(np.where(spacing >= NEARLY * spacing.max(), along, -1.0).argmax())


def _together(
    masks: Sequence[Volume], path_mm: NDArray[np.float64], reach_mm: float
) -> tuple[Volume, NDArray[np.bool_]]:
    """An empty grid around the path on the first mask's lattice, and the union of all masks on it."""
    first = masks[0]
    index = first.to_index(path_mm)
    margin = reach_mm / np.array(first.spacing_mm)
    start = np.floor(index.min(axis=0) - margin).astype(int)
    shape = np.ceil(index.max(axis=0) + margin).astype(int) + 1 - start
    affine = first.affine.copy()
    affine[:3, 3] = first.to_lps(start)
    bone = np.zeros(tuple(shape), dtype=bool)
    grid = Volume(bone, affine, "mask")
    for mask in masks:
        offset = grid.to_index(mask.affine[:3, 3])
        same = np.allclose(mask.affine[:3, :3], affine[:3, :3], atol=1e-4) and np.allclose(
            offset, offset.round(), atol=0.05
        )
        if not same:
            bone |= mask.resampled_onto(grid, order=1, outside=0.0).array >= 0.5
            continue
        at = offset.round().astype(int)
        low, high = np.maximum(at, 0), np.minimum(at + mask.shape, shape)
        if (high <= low).any():
            continue
        into = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        taken = tuple(slice(a, b) for a, b in zip(low - at, high - at, strict=True))
        bone[into] |= mask.array[taken] > 0
    return grid, bone
