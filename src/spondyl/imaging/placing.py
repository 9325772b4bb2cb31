"""A mask on its own grid to the CT's grid, in physical space."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import MaskMismatch
from spondyl.core.memory import box_of, in_memory_order
from spondyl.core.volume import Volume
from spondyl.imaging.schemes import LabelStats

_WORTH_A_NOTE = 0.01  # own choice: share of the mask outside the CT that is more than rounding at the edge


def label_stats(labels: Volume) -> dict[int, LabelStats]:
    """Volume and centroid of every label above 0, and whether the grid's edge cuts it."""
    import cc3d

    start, stop = _box(labels.array) if in_memory_order(labels.array).any() else ((0, 0, 0), (1, 1, 1))
    crop = labels.crop(start, stop)
    # A copy in memory order: cc3d takes C and Fortran order, but no flipped views.
    found = cc3d.statistics(crop.array.copy(order="K"), no_slice_conversion=True)
    present = [int(n) for n in np.flatnonzero(found["voxel_counts"]) if n > 0]
    last = np.array(labels.shape) - 1
    # First and last index, along each axis.
    boxes = found["bounding_boxes"].reshape(-1, 3, 2) + np.array(start)[:, None]
    return {
        n: LabelStats(
            float(found["voxel_counts"][n]) * labels.voxel_volume_mm3,
            crop.to_lps(found["centroids"][n]),
            bool((boxes[n, :, 0] == 0).any() or (boxes[n, :, 1] == last).any()),
        )
        for n in present
    }


def onto_ct(mask: Volume, ct: Volume, role: str) -> tuple[Volume, tuple[str, ...]]:
    """The mask at the CT's voxel centres (nearest neighbour) and what was done to it, in words.

    Raises MaskMismatch when it is empty or does not overlap the CT.
    """
    if not in_memory_order(mask.array).any():
        raise MaskMismatch(f"{role} is empty.", "Check its export, or leave it out.")
    if mask.same_grid(ct):
        return ct.like(mask.array, mask.quantity), ()
    cropped = mask.crop(*_box(mask.array))
    start, stop = _index_box(cropped, ct)
    array = np.zeros(ct.shape, mask.array.dtype)
    if all(low < high for low, high in zip(start, stop, strict=True)):
        part = ct.crop(start, stop)
        array[tuple(map(slice, start, stop))] = cropped.resampled_onto(part, order=0, outside=0).array
    if not array.any():
        raise MaskMismatch(
            f"{role} does not overlap the CT: the mask lies at {_extent(cropped)}, the CT at {_extent(ct)}.",
            "Give the mask of this scan; if it is, its file has lost its place in the patient and must be saved again.",
        )
    notes = [f"{role[0].upper()}{role[1:]} lay on another grid and was resampled to the CT's (nearest neighbour)."]
    kept = np.count_nonzero(array) * ct.voxel_volume_mm3 / (np.count_nonzero(cropped.array) * mask.voxel_volume_mm3)
    if kept < 1 - _WORTH_A_NOTE:
        notes.append(f"About {100 * (1 - kept):.0f} % of it lies outside the CT.")
    return ct.like(array, mask.quantity), tuple(notes)


def _box(array: NDArray) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Half-open index box around everything above 0, of which there must be some."""
    box = box_of(array > 0)
    if box is None:
        raise ValueError("nothing is above 0")
    i, j, k = box
    return (i.start, j.start, k.start), (i.stop, j.stop, k.stop)


def _corners(grid: Volume) -> NDArray[np.float64]:
    """Outer corners of the voxels, LPS mm, (8, 3)."""
    return grid.to_lps(np.array(list(itertools.product(*[(-0.5, n - 0.5) for n in grid.shape]))))


def _index_box(part: Volume, grid: Volume) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Half-open box of `grid` that holds all of `part`; empty when they lie apart."""
    index = grid.to_index(_corners(part))
    low = np.clip(np.floor(index.min(axis=0)), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, 0, grid.shape).astype(int)
    return (int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2]))


def _extent(grid: Volume) -> str:
    low, high = _corners(grid).min(axis=0), _corners(grid).max(axis=0)
    names = ("right to left", "front to back", "feet to head")
    return ", ".join(f"{a:.0f} to {b:.0f} mm {name}" for a, b, name in zip(low, high, names, strict=True))
