"""Whole grids in the order in which they lie in memory: the same answers, several times sooner.

A canonical `Volume` is most often a flipped and transposed view of a file's array. Work that goes voxel by voxel in
index order then jumps through the memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Box = tuple[slice, slice, slice]


def in_memory_order(array: NDArray) -> NDArray:
    """A view of the same voxels whose axes run forward in memory, the last one fastest.

    Only for what does not ask where a voxel lies: smallest, largest, any, counts.
    """
    view = array[tuple(slice(None, None, -1 if stride < 0 else 1) for stride in array.strides)]
    return view.transpose(_falling_strides(array))


def boxes_of(labels: NDArray) -> list[Box | None]:
    """`scipy.ndimage.find_objects`: the box of each label from 1 on, None for a label that is not there."""
    order = _falling_strides(labels)
    found = ndimage.find_objects(in_memory_order(labels))
    return [None if box is None else _as_indexed(box, order, labels) for box in found]


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """The box around all that is True; None without any."""
    order, view = _falling_strides(mask), in_memory_order(mask)
    if not view.any():
        return None
    box = [slice(None)] * 3
    for axis in range(3):  # each axis within what is left of those before, the farthest strides first
        others = tuple(other for other in range(3) if other != axis)
        held = np.flatnonzero(view[tuple(box)].any(axis=others))
        box[axis] = slice(int(held[0]), int(held[-1]) + 1)
    return _as_indexed((box[0], box[1], box[2]), order, mask)


def _falling_strides(array: NDArray) -> tuple[int, ...]:
    return tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))


def _as_indexed(box: Box, order: tuple[int, ...], array: NDArray) -> Box:
    sides = dict(zip(order, box, strict=True))
    i, j, k = (
        slice(n - sides[axis].stop, n - sides[axis].start) if array.strides[axis] < 0 else sides[axis]
        for axis, n in enumerate(array.shape)
    )
    return i, j, k
