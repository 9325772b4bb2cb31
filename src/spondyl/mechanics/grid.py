"""The lattice of elements and nodes that exist: bone fills about a fifth of its box, so the rest is never stored.

Arrays here are ordered [z, y, x] with x fastest. Nodes and elements are numbered along x; a run is an unbroken row of
elements of one material along x, which is all the connectivity the kernels need: its first node in each of four node
rows. A block is a set of whole element layers; two blocks of equal parity share no node.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.compiled import ALONE, Workers, kernel

LANE = 16
"""Kernels work on rows in multiples of this many entries: one AVX-512 register of float32."""
MAX_RUN = 127
"""Longest run of elements; 128 nodes are eight lanes and a kernel's row buffers stay in the first-level cache."""
BLOCKS = 32
"""Blocks a lattice is cut into where it has so many layers. Own choice: an even share for up to 16 threads."""
NODES, ELEMENTS, RUNS, ROWS = range(4)
"""Columns of what is counted in each layer."""


@dataclass(frozen=True, eq=False)
class Lattice:
    shape: tuple[int, int, int]
    """Elements along z, y, x."""
    active: NDArray[np.bool_]
    """[z, y, x], elements that exist."""
    node: NDArray[np.int32]
    """[z + 1, y + 1, x + 1], place of each node in a component of a vector; -1 where no element touches it."""
    stride: int
    """Length of one component of a vector; a vector holds x, y and z components one after the other."""
    element_count: int
    node_count: int
    row_count: int
    """Unbroken rows of nodes along x."""
    runs: NDArray[np.uint64]
    """(n, 7): first node at (y, z) = 00, 10, 01, 11 of the run, its first element, its length, its material."""
    blocks: NDArray[np.uint64]
    """(n, 6): first run, run after the last; first node and node after the last that this block clears; first layer
    and layer after the last."""
    layer_start: NDArray[np.uint64]
    """(nz + 2,): place of each node layer's first node, and the end."""
    layer_run: NDArray[np.uint64]
    """(nz + 1,): each element layer's first run, and the end."""
    layer_element: NDArray[np.uint64]
    """(nz + 1,): each element layer's first element, and the end."""
    layer_row: NDArray[np.uint64]
    """(nz + 2,): each node layer's first unbroken row of nodes, and the end."""


@kernel
def touched_row(active: Any, z: Any, y: Any, row: Any) -> None:
    """row[x] = 1 where one of the up to eight elements around node (z, y, x) is active, else 0."""
    layers, rows, columns = active.shape
    row[:] = 0
    for k in range(max(z - 1, 0), min(z + 1, layers)):
        for j in range(max(y - 1, 0), min(y + 1, rows)):
            source = active[k, j]
            for x in range(columns):
                row[x] |= source[x]
            for x in range(columns):
                row[x + 1] |= source[x]


@kernel
def _count(begin: int, step: int, active: Any, material: Any, counts: Any) -> None:
    """Nodes, elements, runs and node rows of each layer."""
    layers, rows, columns = active.shape
    row = np.zeros(columns + 1, np.uint8)
    for z in range(begin, layers + 1, step):
        for y in range(rows + 1):
            touched_row(active, z, y, row)
            before = np.uint8(0)
            for x in range(columns + 1):
                counts[z, NODES] += row[x]
                counts[z, ROWS] += row[x] & (before ^ 1)
                before = row[x]
        if z == layers:
            continue
        for y in range(rows):
            source, kind = active[z, y], material[min(z, len(material) - 1), min(y, material.shape[1] - 1)]
            length = 0
            for x in range(columns):
                counts[z, ELEMENTS] += source[x]
                cut = length == MAX_RUN or (len(kind) > 1 and length > 0 and kind[x] != kind[x - 1])
                if source[x] and (length == 0 or cut):
                    counts[z, RUNS] += 1
                    length = 0
                length = length + 1 if source[x] else 0


@kernel
def _number(begin: int, step: int, active: Any, layer_start: Any, node: Any) -> None:
    for z in range(begin, node.shape[0], step):
        place = layer_start[z]
        row = np.zeros(node.shape[2], np.uint8)
        for y in range(node.shape[1]):
            touched_row(active, z, y, row)
            for x in range(node.shape[2]):
                node[z, y, x] = place if row[x] else -1
                place += row[x]


@kernel
def _fill_runs(
    begin: int, step: int, active: Any, material: Any, node: Any, layer_run: Any, layer_element: Any, runs: Any
) -> None:
    layers, rows, columns = active.shape
    for z in range(begin, layers, step):
        run = np.int64(layer_run[z]) - 1
        element = layer_element[z]
        for y in range(rows):
            source, kind = active[z, y], material[min(z, len(material) - 1), min(y, material.shape[1] - 1)]
            length = 0
            for x in range(columns):
                cut = length == MAX_RUN or (len(kind) > 1 and length > 0 and kind[x] != kind[x - 1])
                if not source[x]:
                    length = 0
                    continue
                if length == 0 or cut:
                    run += 1
                    runs[run, 0], runs[run, 1] = node[z, y, x], node[z, y + 1, x]
                    runs[run, 2], runs[run, 3] = node[z + 1, y, x], node[z + 1, y + 1, x]
                    runs[run, 4] = element
                    runs[run, 6] = kind[x] if len(kind) > 1 else kind[0]
                    length = 0
                length += 1
                element += 1
                runs[run, 5] = length


ONE_MATERIAL = np.zeros((1, 1, 1), dtype=np.uint8)
"""Material number 0 everywhere."""


def lattice(active: NDArray[np.bool_], material: NDArray[np.uint8] = ONE_MATERIAL, team: Workers = ALONE) -> Lattice:
    """Number nodes and elements of the active voxels [z, y, x]; runs are cut where the material [z, y, x] changes."""
    active = np.ascontiguousarray(active, dtype=np.bool_)
    bytes_ = active.view(np.uint8)
    material = np.ascontiguousarray(material)
    layers = active.shape[0]
    counts = np.zeros((layers + 1, 4), dtype=np.int64)
    team.run(_count, bytes_, material, counts)
    # Kernels add to rows in whole lanes. What lies past a row's end adds zero, but two threads must not touch it at
    # once: a free lane after each layer keeps the last rows of a layer off the next one.
    layer_start = _starts(counts[:, NODES] + LANE)
    layer_element, layer_run = _starts(counts[:layers, ELEMENTS]), _starts(counts[:layers, RUNS])
    node = np.empty(tuple(size + 1 for size in active.shape), dtype=np.int32)
    team.run(_number, bytes_, layer_start, node)
    runs = np.zeros((int(layer_run[-1]), 7), dtype=np.uint64)
    team.run(_fill_runs, bytes_, material, node, layer_run, layer_element, runs)
    return Lattice(
        shape=active.shape,
        active=active,
        node=node,
        stride=int(layer_start[-1]) + LANE,
        element_count=int(layer_element[-1]),
        node_count=int(counts[:, NODES].sum()),
        row_count=int(counts[:, ROWS].sum()),
        runs=runs,
        blocks=_blocks(counts[:layers, ELEMENTS], layer_run, layer_start),
        layer_start=layer_start,
        layer_run=layer_run,
        layer_element=layer_element,
        layer_row=_starts(counts[:, ROWS]),
    )


def _starts(counts: NDArray[np.int64]) -> NDArray[np.uint64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)


def _blocks(
    work_per_layer: NDArray[np.int64], layer_run: NDArray[np.uint64], layer_start: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """Cut the element layers into blocks of about equal numbers of elements.

    The even blocks run first and clear every node layer they touch; odd blocks clear only what no even block does.
    """
    bounds = layer_bounds(work_per_layer)
    rows = []
    for block, (low, high) in enumerate(pairwise(bounds)):
        last = block == len(bounds) - 2
        clear_from = low if block % 2 == 0 else low + 1
        clear_to = high + 1 if block % 2 == 0 or last else high
        clear = layer_start[clear_from], max(layer_start[clear_from], layer_start[clear_to])
        rows.append((layer_run[low], layer_run[high], *clear, low, high))
    return np.array(rows, dtype=np.uint64)


def layer_bounds(work_per_layer: NDArray) -> NDArray[np.int64]:
    """Layers at which to cut so that up to `BLOCKS` blocks of whole layers hold about equal work."""
    share = np.cumsum(work_per_layer) / work_per_layer.sum()
    inner = np.searchsorted(share, np.arange(1, BLOCKS) / BLOCKS) + 1
    return np.unique(np.concatenate([[0], np.minimum(inner, len(work_per_layer)), [len(work_per_layer)]]))
