"""Voxels in the smallest usual type that holds them exactly, piece by piece as they come.

Programs store labels and HU in 64 bits as readily as in 16; a large scan would then fill the memory several times over.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

INTEGERS = (np.int16, np.int32)
SLAB_VOXELS = 1 << 23


def compact(piece: NDArray) -> NDArray:
    """The same values in 16 bits, else 32, where they are whole and fit; other fractions in float32.

    Types of 8 and 16 bits stay as they are, and so does what 32 bits don't hold (float64 beyond float32's range).
    """
    if piece.dtype.itemsize <= 2 or not piece.size:
        return piece
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = piece.min(), piece.max()
        for kind in INTEGERS:
            # NaN fails the comparisons; beyond 2^24 not every float is the whole number that was meant.
            if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
                whole = piece.astype(kind)
                if piece.dtype.kind in "iu" or np.array_equal(whole, piece):
                    return whole
                break
        if piece.dtype.kind != "f" or piece.dtype.itemsize == 4:
            return piece
        single = piece.astype(np.float32)
    return single if np.array_equal(np.isfinite(single), np.isfinite(piece)) else piece


def joined(pieces: list[NDArray]) -> NDArray:
    """The pieces one after the other in the type that holds all of them; each is dropped when it is copied."""
    kind = np.result_type(*{piece.dtype for piece in pieces})
    array = np.empty(sum(piece.size for piece in pieces), kind)
    start = 0
    for n, piece in enumerate(pieces):
        array[start : start + piece.size] = piece
        start += piece.size
        pieces[n] = piece[:0]
    return array


def slabs(array: NDArray) -> Iterator[NDArray]:
    """A flat array in pieces of SLAB_VOXELS."""
    for start in range(0, array.size, SLAB_VOXELS):
        yield array[start : start + SLAB_VOXELS]
