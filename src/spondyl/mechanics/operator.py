"""The stiffness operator without a matrix: y = K u, run by run along the rows of the lattice.

Each run of elements is worked off in three steps on small row buffers: node rows are summed and subtracted over y and z
(`_gather`), every element turns its 24 modal amplitudes into 21 modal forces (`_elements`), and the forces go back to
the four node rows (`_scatter`). Loops run over whole lanes with one row each: only then does the compiler vectorise.
Even blocks of layers run first, then odd ones, so no two threads add to one node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spondyl.mechanics.compiled import ALONE, Workers, barrier, inlined, kernel, next_piece
from spondyl.mechanics.element import Material, Spacing, modal_coefficients
from spondyl.mechanics.grid import LANE, MAX_RUN, Lattice
from spondyl.mechanics.modes import modal_forces
from spondyl.values.voxel_model import TransverselyIsotropic

SHARED_FROM_ELEMENTS = 20000
"""Below so many elements one thread is faster than handing the work round. Own choice, from timing on two cores."""

# Kernel indices are unsigned: signed ones are tested for Python's negative indexing, which prevents vectorisation.
U = np.uint64
ROW = U(MAX_RUN + 1 + LANE)
LANE_U = U(LANE)
MODULUS = U(12) * ROW  # row of the element's moduli, after 12 node rows
TO_RIGHT = U(0)  # 12 rows of forces on each element's right nodes
TO_LEFT = U(12) * ROW  # 12 rows on its left nodes
BUFFER = (2, int(U(24) * ROW))
"""Node rows and forces: two arrays, or LLVM would take narrow vectors lest a load wait for a store nearby."""


_modal_forces = inlined(modal_forces)


@inlined
def _gather(u: Any, buffer: Any, stride: Any, n00: Any, n10: Any, n01: Any, n11: Any, width: Any) -> None:
    """Sums and differences over y and z of the four node rows, for each component."""
    for component in range(3):
        shift = U(component) * stride
        out = U(4 * component) * ROW
        row00 = u[shift + n00 : shift + n00 + width]
        row10 = u[shift + n10 : shift + n10 + width]
        row01 = u[shift + n01 : shift + n01 + width]
        row11 = u[shift + n11 : shift + n11 + width]
        for i in range(width):
            low = row00[i] + row10[i]
            low_y = row10[i] - row00[i]
            high = row01[i] + row11[i]
            high_y = row11[i] - row01[i]
            buffer[out + i] = low + high
            buffer[out + ROW + i] = low_y + high_y
            buffer[out + U(2) * ROW + i] = high - low
            buffer[out + U(3) * ROW + i] = high_y - low_y


@inlined
def _elements(buffer: Any, forces: Any, width: Any, k: Any) -> None:
    """Modal forces of every element in the row.

    u, v, w are the components; the digit is the mode: bit 1 for xi, 2 for eta, 4 for zeta. Mode 0 is a rigid shift.
    """
    third = k[0] / (k[0] + k[0] + k[0])  # in the precision of k
    for i in range(width):
        e = buffer[MODULUS + i]
        j = i + U(1)
        u1 = (buffer[j] - buffer[i]) * e
        u2 = (buffer[ROW + j] + buffer[ROW + i]) * e
        u3 = (buffer[ROW + j] - buffer[ROW + i]) * e
        u4 = (buffer[U(2) * ROW + j] + buffer[U(2) * ROW + i]) * e
        u5 = (buffer[U(2) * ROW + j] - buffer[U(2) * ROW + i]) * e
        u6 = (buffer[U(3) * ROW + j] + buffer[U(3) * ROW + i]) * e
        u7 = (buffer[U(3) * ROW + j] - buffer[U(3) * ROW + i]) * e
        v1 = (buffer[U(4) * ROW + j] - buffer[U(4) * ROW + i]) * e
        v2 = (buffer[U(5) * ROW + j] + buffer[U(5) * ROW + i]) * e
        v3 = (buffer[U(5) * ROW + j] - buffer[U(5) * ROW + i]) * e
        v4 = (buffer[U(6) * ROW + j] + buffer[U(6) * ROW + i]) * e
        v5 = (buffer[U(6) * ROW + j] - buffer[U(6) * ROW + i]) * e
        v6 = (buffer[U(7) * ROW + j] + buffer[U(7) * ROW + i]) * e
        v7 = (buffer[U(7) * ROW + j] - buffer[U(7) * ROW + i]) * e
        w1 = (buffer[U(8) * ROW + j] - buffer[U(8) * ROW + i]) * e
        w2 = (buffer[U(9) * ROW + j] + buffer[U(9) * ROW + i]) * e
        w3 = (buffer[U(9) * ROW + j] - buffer[U(9) * ROW + i]) * e
        w4 = (buffer[U(10) * ROW + j] + buffer[U(10) * ROW + i]) * e
        w5 = (buffer[U(10) * ROW + j] - buffer[U(10) * ROW + i]) * e
        w6 = (buffer[U(11) * ROW + j] + buffer[U(11) * ROW + i]) * e
        w7 = (buffer[U(11) * ROW + j] - buffer[U(11) * ROW + i]) * e

        (
            fu1, fu2, fu3, fu4, fu5, fu6, fu7,
            fv1, fv2, fv3, fv4, fv5, fv6, fv7,
            fw1, fw2, fw3, fw4, fw5, fw6, fw7,
        ) = _modal_forces(
            u1, u2, u3, u4, u5, u6, u7,
            v1, v2, v3, v4, v5, v6, v7,
            w1, w2, w3, w4, w5, w6, w7,
            k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9], k[10], k[11], k[12], k[13], k[14], third,
        )  # fmt: skip

        total, slant = fu2 + fu4, fu2 - fu4
        even00, even10, even01, even11 = fu6 - total, slant - fu6, -slant - fu6, fu6 + total
        total, slant = fu3 + fu5, fu3 - fu5
        outer, inner = fu1 + fu7, fu1 - fu7
        odd00, odd10, odd01, odd11 = outer - total, inner + slant, inner - slant, outer + total
        forces[TO_RIGHT + j] = even00 + odd00
        forces[TO_RIGHT + ROW + j] = even10 + odd10
        forces[TO_RIGHT + U(2) * ROW + j] = even01 + odd01
        forces[TO_RIGHT + U(3) * ROW + j] = even11 + odd11
        forces[TO_LEFT + i] = even00 - odd00
        forces[TO_LEFT + ROW + i] = even10 - odd10
        forces[TO_LEFT + U(2) * ROW + i] = even01 - odd01
        forces[TO_LEFT + U(3) * ROW + i] = even11 - odd11

        total, slant = fv2 + fv4, fv2 - fv4
        even00, even10, even01, even11 = fv6 - total, slant - fv6, -slant - fv6, fv6 + total
        total, slant = fv3 + fv5, fv3 - fv5
        outer, inner = fv1 + fv7, fv1 - fv7
        odd00, odd10, odd01, odd11 = outer - total, inner + slant, inner - slant, outer + total
        forces[TO_RIGHT + U(4) * ROW + j] = even00 + odd00
        forces[TO_RIGHT + U(5) * ROW + j] = even10 + odd10
        forces[TO_RIGHT + U(6) * ROW + j] = even01 + odd01
        forces[TO_RIGHT + U(7) * ROW + j] = even11 + odd11
        forces[TO_LEFT + U(4) * ROW + i] = even00 - odd00
        forces[TO_LEFT + U(5) * ROW + i] = even10 - odd10
        forces[TO_LEFT + U(6) * ROW + i] = even01 - odd01
        forces[TO_LEFT + U(7) * ROW + i] = even11 - odd11

        total, slant = fw2 + fw4, fw2 - fw4
        even00, even10, even01, even11 = fw6 - total, slant - fw6, -slant - fw6, fw6 + total
        total, slant = fw3 + fw5, fw3 - fw5
        outer, inner = fw1 + fw7, fw1 - fw7
        odd00, odd10, odd01, odd11 = outer - total, inner + slant, inner - slant, outer + total
        forces[TO_RIGHT + U(8) * ROW + j] = even00 + odd00
        forces[TO_RIGHT + U(9) * ROW + j] = even10 + odd10
        forces[TO_RIGHT + U(10) * ROW + j] = even01 + odd01
        forces[TO_RIGHT + U(11) * ROW + j] = even11 + odd11
        forces[TO_LEFT + U(8) * ROW + i] = even00 - odd00
        forces[TO_LEFT + U(9) * ROW + i] = even10 - odd10
        forces[TO_LEFT + U(10) * ROW + i] = even01 - odd01
        forces[TO_LEFT + U(11) * ROW + i] = even11 - odd11


@inlined
def _scatter(y: Any, forces: Any, stride: Any, n00: Any, n10: Any, n01: Any, n11: Any, width: Any) -> None:
    """Add the forces to the four node rows."""
    for component in range(3):
        for corner, node in enumerate((n00, n10, n01, n11)):
            start = U(component) * stride + node
            row = y[start : start + width]
            right = TO_RIGHT + U(4 * component + corner) * ROW
            left = TO_LEFT + U(4 * component + corner) * ROW
            for i in range(width):
                row[i] += forces[right + i] + forces[left + i]


@inlined
def add_runs(
    u: Any, y: Any, modulus: Any, stride: Any, runs: Any, first_run: Any, end_run: Any, table: Any, buffers: Any
) -> None:
    """y += K u of the elements of some runs."""
    buffer, forces = buffers[0], buffers[1]
    for run in range(first_run, end_run):
        n00, n10, n01, n11 = runs[run, 0], runs[run, 1], runs[run, 2], runs[run, 3]
        first, length = runs[run, 4], runs[run, 5]
        width = (length + LANE_U) // LANE_U * LANE_U  # length + 1 nodes, in whole lanes
        for i in range(length):
            buffer[MODULUS + i] = modulus[first + i]
        for i in range(length, width):
            buffer[MODULUS + i] = 0
        _gather(u, buffer, stride, n00, n10, n01, n11, width)
        _elements(buffer, forces, width, table[runs[run, 6]])
        _scatter(y, forces, stride, n00, n10, n01, n11, width)


@inlined
def clear_places(y: Any, stride: Any, start: Any, stop: Any) -> None:
    for component in range(3):
        y[U(component) * stride + start : U(component) * stride + stop] = 0


@kernel
def product(
    thread: int, threads: int, sync: Any, u: Any, y: Any, modulus: Any, stride: Any, runs: Any, blocks: Any, table: Any
) -> None:
    """y = K u; even blocks of layers, then odd ones."""
    buffer = np.zeros(BUFFER, u.dtype)
    for phase in range(2):
        piece = next_piece(sync, threads, np.int64(-1))
        while phase + 2 * piece < len(blocks):
            block = phase + 2 * piece
            clear_places(y, stride, blocks[block, 2], blocks[block, 3])
            add_runs(u, y, modulus, stride, runs, blocks[block, 0], blocks[block, 1], table, buffer)
            piece = next_piece(sync, threads, piece)
        barrier(sync, threads)


@dataclass(frozen=True, eq=False)
class Operator:
    """K of one lattice in one precision. Vectors are (3 * lattice.stride,), zero where no node is."""

    lattice: Lattice
    modulus: NDArray
    """Of each element, in the lattice's order."""
    coefficients: NDArray
    """(materials, 15), `element.modal_coefficients` of each."""

    def apply(self, u: NDArray, out: NDArray, team: Workers = ALONE) -> None:
        """out = K u; forces in N for displacements in mm."""
        grid = self.lattice
        if grid.element_count < SHARED_FROM_ELEMENTS:
            team = ALONE
        team.together(product, u, out, self.modulus, U(grid.stride), grid.runs, grid.blocks, self.coefficients)


@kernel
def _pack(begin: int, step: int, modulus: Any, layer_element: Any, packed: Any) -> None:
    for z in range(begin, modulus.shape[0], step):
        element = layer_element[z]
        for y in range(modulus.shape[1]):
            for x in range(modulus.shape[2]):
                if modulus[z, y, x] > 0:
                    packed[element] = modulus[z, y, x]
                    element += U(1)


def operator(
    grid: Lattice,
    modulus_mpa: NDArray,
    spacing_mm: Spacing,
    poisson_ratio: float,
    dtype: DTypeLike = np.float64,
    *,
    grained: tuple[TransverselyIsotropic, ...] = (),
    team: Workers = ALONE,
) -> Operator:
    """K for moduli [z, y, x] in MPa on the lattice of their non-zero voxels."""
    packed = np.empty(grid.element_count, dtype=dtype)
    team.run(_pack, np.ascontiguousarray(modulus_mpa), grid.layer_element, packed)
    materials: tuple[Material, ...] = (poisson_ratio, *grained)
    table = np.array([modal_coefficients(spacing_mm, material) for material in materials])
    return Operator(lattice=grid, modulus=packed, coefficients=table.astype(dtype))
