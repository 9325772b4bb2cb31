"""The lattice of elements and nodes that exist: bone fills about a fifth of its box, so the rest is never stored.

Arrays here are ordered [z, y, x] with x fastest. Nodes and elements are numbered along x; a run is an unbroken row of
elements (or nodes) along x, which is all the connectivity the kernels need: its first node in each of four node rows.
A block is a set of whole element layers; two blocks of equal parity share no node.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

LANE = 16
"""Kernels work on rows in multiples of this many entries: one AVX-512 register of float32."""
MAX_RUN = 127
"""Longest run of elements; 128 nodes are eight lanes and a kernel's row buffers stay in the first-level cache."""
BLOCKS = 32
"""Blocks a lattice is cut into where it has so many layers. Own choice: an even share for up to 16 threads."""


@dataclass(frozen=True, eq=False)
class Lattice:
    shape: tuple[int, int, int]
    """Elements along z, y, x."""
    active: NDArray[np.bool_]
    """[z, y, x], elements that exist."""
    node: NDArray[np.int64]
    """[z + 1, y + 1, x + 1], place of each node in a component of a vector; -1 where no element touches it."""
    stride: int
    """Length of one component of a vector; a vector holds x, y and z components one after the other."""
    element_count: int
    node_count: int
    runs: NDArray[np.uint64]
    """(n, 6): first node at (y, z) = 00, 10, 01, 11 of the run, its first element, its length."""
    blocks: NDArray[np.uint64]
    """(n, 4): first run, run after the last; first node and node after the last that this block clears."""


def lattice(active: NDArray[np.bool_]) -> Lattice:
    """Number nodes and elements of the active voxels [z, y, x]."""
    touched = touched_nodes(active)
    node = _numbered_nodes(touched)
    element = np.cumsum(active, dtype=np.int64).reshape(active.shape) - 1
    z, y, x, length = runs_along_x(active, MAX_RUN)
    corners = [node[z, y, x], node[z, y + 1, x], node[z + 1, y, x], node[z + 1, y + 1, x]]
    runs = np.stack([*corners, element[z, y, x], length], axis=1).astype(np.uint64)
    layer_start = _layer_starts(touched)
    return Lattice(
        shape=active.shape,
        active=active,
        node=node,
        stride=int(layer_start[-1]) + LANE,
        element_count=int(active.sum()),
        node_count=int(touched.sum()),
        runs=runs,
        blocks=_blocks(z, length, layer_start),
    )


def touched_nodes(active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Nodes that are a corner of an active element, [z + 1, y + 1, x + 1]."""
    return corner_sum(active) > 0


def corner_sum(per_element: NDArray) -> NDArray:
    """At each node, the sum over the eight elements around it, [z + 1, y + 1, x + 1]."""
    total = np.pad(per_element.astype(np.float64), 1)
    for axis in range(3):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        total = total[tuple(low)] + total[tuple(high)]
    return total


def runs_along_x(active: NDArray[np.bool_], longest: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """z, y, first x and length of every unbroken row along x, cut where longer than `longest`, in order of z, y, x."""
    padded = np.pad(active.astype(np.int8), ((0, 0), (0, 0), (1, 1)))
    change = np.diff(padded, axis=2)
    z, y, x = np.nonzero(change == 1)
    length = np.nonzero(change == -1)[2] - x
    pieces = -(-length // longest)
    nth = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    z, y, x, length = (np.repeat(values, pieces) for values in (z, y, x, length))
    return z, y, x + nth * longest, np.minimum(length - nth * longest, longest)


def _layer_starts(touched: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Place of each node layer's first node; a lane is left free after each layer.

    Kernels add to rows in whole lanes. What lies past a row's end adds zero, but two threads must not touch it at
    once: the free lane keeps the last rows of a layer off the next one.
    """
    per_layer = touched.sum(axis=(1, 2)) + LANE
    return np.concatenate([[0], np.cumsum(per_layer)]).astype(np.int64)


def _numbered_nodes(touched: NDArray[np.bool_]) -> NDArray[np.int64]:
    number = np.cumsum(touched, dtype=np.int64).reshape(touched.shape) - 1
    number += (LANE * np.arange(len(touched)))[:, None, None]
    number[~touched] = -1
    return number


def _blocks(z: NDArray, length: NDArray, layer_start: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Cut the element layers into blocks of about equal numbers of elements.

    The even blocks run first and clear every node layer they touch; odd blocks clear only what no even block does.
    """
    bounds = layer_bounds(np.bincount(z, weights=length, minlength=len(layer_start) - 2))
    first_run = np.searchsorted(z, bounds)
    rows = []
    for block, (low, high) in enumerate(pairwise(bounds)):
        last = block == len(bounds) - 2
        clear_from = low if block % 2 == 0 else low + 1
        clear_to = high + 1 if block % 2 == 0 or last else high
        clear = layer_start[clear_from], max(layer_start[clear_from], layer_start[clear_to])
        rows.append((first_run[block], first_run[block + 1], *clear))
    return np.array(rows, dtype=np.uint64)


def layer_bounds(work_per_layer: NDArray) -> NDArray[np.int64]:
    """Layers at which to cut so that up to `BLOCKS` blocks of whole layers hold about equal work."""
    share = np.cumsum(work_per_layer) / work_per_layer.sum()
    inner = np.searchsorted(share, np.arange(1, BLOCKS) / BLOCKS) + 1
    return np.unique(np.concatenate([[0], np.minimum(inner, len(work_per_layer)), [len(work_per_layer)]]))
