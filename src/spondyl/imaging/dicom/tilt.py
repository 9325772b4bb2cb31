"""Slices of a tilted gantry lean over each other like a pushed deck of cards; here the deck is set upright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.errors import UnsuitableImage
from spondyl.imaging.dicom.stack import Stack

MAX_TILT_DEG = 35.0
"""Own choice: CT gantries tilt by 30 degrees at most; slices that lean more were not made by a tilt."""
MAX_DRIFT_PIXELS = 0.5
"""Own choice: slices that drift less than this over the whole stack are left as they are, exactly placed."""
AIR_HU = -1024


def tilt_deg(stack: Stack) -> float:
    """Angle between the way from slice to slice and the slices' normal."""
    normal = _normal(stack)
    cosine = abs(stack.step_mm @ normal) / np.linalg.norm(stack.step_mm)
    return float(np.degrees(np.arccos(np.clip(cosine, 0.0, 1.0))))


def is_tilted(stack: Stack) -> bool:
    return float(np.abs(_drift_pixels(stack)).max()) * (len(stack.frames) - 1) > MAX_DRIFT_PIXELS


def upright(array: NDArray, stack: Stack) -> tuple[NDArray, NDArray[np.float64]]:
    """HU (frame, row, column) of a leaning stack to an upright grid that holds all of it, and that grid's affine.

    Each slice is moved within its own plane by linear interpolation, air fills what no slice saw; nothing is
    interpolated between slices. The affine takes (column, row, frame) to LPS mm. Raises UnsuitableImage for
    a lean beyond what a gantry can tilt.
    """
    if (angle := tilt_deg(stack)) > MAX_TILT_DEG:
        raise UnsuitableImage(
            f"the CT's slices lean by {angle:.0f} degrees against their normal, more than a gantry can tilt.",
            "Give a reconstruction with slices straight above each other.",
        )
    count = len(array)
    shift = np.arange(count)[:, None] * _drift_pixels(stack)  # (frame, [row, column])
    first = np.floor(shift.min(axis=0)).astype(int)
    size = array.shape[1:] + np.ceil(shift.max(axis=0)).astype(int) - first
    result = np.full((count, *size), AIR_HU, dtype=array.dtype)
    rows, columns = array.shape[1:]
    canvas = np.full(size, float(AIR_HU), dtype=np.float32)
    for index in range(count):
        canvas[:] = AIR_HU
        canvas[:rows, :columns] = array[index]
        moved = ndimage.shift(canvas, shift[index] - first, order=1, mode="constant", cval=AIR_HU)
        result[index] = np.rint(moved) if array.dtype == np.int16 else moved
    normal = _normal(stack)
    affine = stack.affine
    affine[:3, 2] = normal * (stack.step_mm @ normal)
    affine[:3, 3] += first[0] * stack.along_column + first[1] * stack.along_row
    return result, affine


def _normal(stack: Stack) -> NDArray[np.float64]:
    normal = np.cross(stack.along_row, stack.along_column)
    return normal / np.linalg.norm(normal)


def _drift_pixels(stack: Stack) -> NDArray[np.float64]:
    """(rows, columns) that each slice lies off the one before it, within the plane."""
    return np.array(
        [stack.step_mm @ axis / (axis @ axis) for axis in (stack.along_column, stack.along_row)], dtype=np.float64
    )
