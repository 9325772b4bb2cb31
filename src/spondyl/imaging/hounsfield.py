"""Whether numbers can be Hounsfield units, and their plain form: cut at air, in 16 bits where that loses nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import UnsuitableImage
from spondyl.core.memory import in_memory_order

LOWEST_HU = -1024
"""Air is -1000 HU; scanners write -1024 to -3024 outside the field of view, which is padding and no density."""
HIGHEST_HU = 65_535
"""Own choice: what 16 bits hold; metal on an extended scale reaches some 30 000."""
AIR_HU = -500
"""Own choice: below it lie only air and lung; a scan without such values is a crop or not in HU."""
BONE_HU = 150
"""Own choice: every scan of a spine has cortex above it; without it the numbers are no HU or show no bone."""
WINDOW_HU = 1500
WINDOW_SHARE, WINDOW_VOXELS = 1e-4, 100
"""Own choice: with a maximum below WINDOW_HU, this share and number of voxels at exactly the maximum show a cut;
the saturation of scanners themselves lies at 3071 and above."""


def plain_hu(array: NDArray) -> tuple[NDArray, tuple[str, ...]]:
    """Values cut at LOWEST_HU, as int16 where exact, else float32, and notes. Raises UnsuitableImage for no HU."""
    notes: list[str] = []
    if array.dtype.kind == "f" and (lost := int(np.count_nonzero(~np.isfinite(in_memory_order(array))))):
        array = np.nan_to_num(array, nan=LOWEST_HU, posinf=LOWEST_HU, neginf=LOWEST_HU)
        notes.append(f"{lost} voxels of the CT hold no number; they were taken as air.")
    voxels = in_memory_order(array)
    low, high = float(voxels.min()), float(voxels.max())
    _check_range(low, high)
    if low > AIR_HU:
        notes.append(
            f"The CT holds no air (lowest value {low:g}): taken as HU as it stands; were it in other units, every "
            "density would be wrong."
        )
    if high < WINDOW_HU and np.count_nonzero(voxels == high) > max(WINDOW_SHARE * array.size, WINDOW_VOXELS):
        notes.append(f"The CT's values seem cut at {high:g} HU; denser bone would read too low.")
    if low < LOWEST_HU:
        array = np.maximum(array, array.dtype.type(LOWEST_HU))
    return _smallest(array, high), tuple(notes)


def _check_range(low: float, high: float) -> None:
    found = f"the CT's values run from {low:g} to {high:g}, which can't be HU:"
    if high > HIGHEST_HU:
        raise UnsuitableImage(f"{found} no scanner reaches so high.", "Convert the CT from DICOM again.")
    if low >= 0 and high <= 255:
        raise UnsuitableImage(
            f"{found} they look scaled to grey values.", "Give the CT in HU, not rescaled for viewing or training."
        )
    if low >= 0:
        raise UnsuitableImage(
            f"{found} air is -1000 and fat -100, yet nothing lies below zero.",
            "An offset (often 1024) or a window was applied; convert the CT from DICOM again.",
        )
    if high < BONE_HU:
        raise UnsuitableImage(f"{found} no bone (above {BONE_HU}) is in it.", "Give a CT in HU that shows the spine.")


def _smallest(array: NDArray, high: float) -> NDArray:
    if array.dtype == np.int16:
        return array
    if high <= np.iinfo(np.int16).max:
        exact = array.astype(np.int16)
        if array.dtype.kind in "iu" or np.array_equal(exact, array):
            return exact
    return array.astype(np.float32, copy=False)
