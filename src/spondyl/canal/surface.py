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
"""Stands for 'beyond reach'."""
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

    def on_lattice_mm(
        self, first_lps_mm: NDArray[np.float64], steps_mm: NDArray[np.float64], shape: tuple[int, ...]
    ) -> NDArray[np.float32]:
        """The same on a lattice of points from the first one on, along the columns of `steps_mm` (3, 3)."""
        inverse = np.linalg.inv(self.affine)
        found: NDArray[np.float32] = ndimage.affine_transform(
            self.distance_mm,
            inverse[:3, :3] @ steps_mm,
            inverse[:3, :3] @ first_lps_mm + inverse[:3, 3],
            output_shape=shape,
            order=1,
            mode="grid-constant",
            cval=self.cap_mm,
            output=np.float32,
        )
        return found


def surface_of(
    masks: Sequence[Volume], path_mm: NDArray[np.float64], reach_mm: float, *, with_ends: bool = False
) -> Surface:
    """The surface of all masks together within `reach_mm` of the path (n, 3).

    Masks that share the first one's lattice are pasted, others are resampled onto it. with_ends: a mask that ends
    within the grid ends midway between its last slice and the next; without, thin ends are lost sooner.
    """
    grid, bone = _together(masks, path_mm, reach_mm)
    across = _slice_axis(grid, path_mm)
    spacing = np.array(grid.spacing_mm)
    within = float(np.delete(spacing, across).max())
    # Surfaces that lean by up to 45 degrees across the slices lie this far apart in neighbouring ones.
    cap = float(max(spacing[across], 2 * within))
    distance = np.full(grid.shape, cap, np.float32)
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
        distance[box] = _signed_mm(bone[box], across, spacing, cap)
    if with_ends:
        _end_midway(np.moveaxis(distance, across, 0))
    return Surface(grid.affine, distance, cap, within)


def _signed_mm(
    mask: NDArray[np.bool_], across: int, spacing_mm: NDArray[np.float64], cap_mm: float
) -> NDArray[np.float32]:
    """Distance of each voxel's centre to the surface, which lies midway between centres inside and outside; capped."""
    half = float(np.delete(spacing_mm, across).max()) / 2
    outside, inside = (_nearest_mm(held, across, spacing_mm, cap_mm + half) for held in (mask, ~mask))
    return np.clip(np.where(mask, half - inside, outside - half), -cap_mm, cap_mm)


def _end_midway(slices: NDArray[np.float32]) -> None:
    """In each slice without any of the mask, as far outside as the slice beside it is inside."""
    held: NDArray[np.bool_] = np.asarray((slices < 0).any(axis=(1, 2)))
    for step in (1, -1):
        for n in np.flatnonzero(~held):
            if 0 <= n + step < len(slices) and held[n + step]:
                beside = slices[n + step]
                slices[n] = np.where(beside < 0, np.minimum(slices[n], -beside), slices[n])


def _nearest_mm(
    mask: NDArray[np.bool_], across: int, spacing_mm: NDArray[np.float64], reach_mm: float
) -> NDArray[np.float32]:
    """Distance to the nearest voxel of the mask in the same slice, exact within `reach_mm` and large beyond.

    Squares of distances add up axis by axis; within so few voxels that is quicker than a whole transform.
    """
    squares = np.where(mask, np.float32(0), np.float32(FAR_MM))
    for axis in range(mask.ndim):
        if axis == across:
            continue
        found = np.moveaxis(squares.copy(), axis, 0)
        before = np.moveaxis(squares, axis, 0)
        for steps in range(1, min(int(np.ceil(reach_mm / spacing_mm[axis])), mask.shape[axis] - 1) + 1):
            moved = before + np.float32((steps * spacing_mm[axis]) ** 2)
            np.minimum(found[steps:], moved[:-steps], out=found[steps:])
            np.minimum(found[:-steps], moved[steps:], out=found[:-steps])
        squares = np.moveaxis(found, 0, axis)
    return np.asarray(np.sqrt(squares))


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
