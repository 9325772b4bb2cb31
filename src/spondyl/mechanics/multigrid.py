"""Geometric multigrid: a V-cycle in single precision that preconditions the solve in double precision.

Each coarse level is the same problem on voxels twice as large, whose modulus is the mean of the eight it holds, void
counting as zero. The smoother is Chebyshev's polynomial of the fourth kind over the diagonal (Lottes 2023), of a degree
that grows from fine to coarse; the same before and after the coarse correction, so that the cycle is symmetric. The
levels are made here; `cycle` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh_tridiagonal

from spondyl.mechanics.compiled import ALONE, Workers, kernel
from spondyl.mechanics.cycle import DEGREE, VECTOR, Packed, lanczos, one_cycle
from spondyl.mechanics.element import Material, Spacing, modal_coefficients, stiffness
from spondyl.mechanics.grid import ONE_MATERIAL, Lattice, lattice
from spondyl.mechanics.operator import BUFFER, SHARED_FROM_ELEMENTS, Operator, U, add_runs, operator
from spondyl.mechanics.rigid import free_rigid_modes
from spondyl.values.voxel_model import TransverselyIsotropic

DEGREES = (2, 3, 4, 5, 6)
"""Smoothing steps before and after, two or more, from the finest level down; the last holds for all below. Own choice:
fastest of those tried on the study's cylinder (2 to 4 throughout, and growing)."""
COARSEST_NODES = 40
"""A level this small is solved by a dense inverse. Own choice: so small that the linear algebra library stays on one
thread, whose number would change the last bits."""

SHARED_IN_CYCLE = 3000
"""Elements from which a level is worked on by all threads within a cycle: there a meeting costs a microsecond only.
Own choice, from timing on two cores."""

LANCZOS_STEPS = 6
LANCZOS_MARGIN = 1.1
"""Own choice: a few steps find the largest eigenvalue to some per cent, from below."""


@dataclass(frozen=True, eq=False)
class Level:
    operator: Operator
    held: NDArray[np.uint8]
    """(3, z + 1, y + 1, x + 1), 1 where held."""
    held_places: NDArray[np.uint64]
    """Places of held components in a vector, node layer by node layer."""
    layer_held: NDArray[np.uint64]
    """(nz + 2,): where each node layer's held places begin, and the end."""
    node_weight: NDArray[np.float32]
    """(stride,): 1 / diag K up to `axis_factor` of the component; 0 where no node is."""
    axis_factor: NDArray[np.float32]
    rows: NDArray[np.uint64]
    """(n, 7): first fine node, length, 1 where it starts at an odd x, first node of four rows (y, z) of the next
    coarser level; none on the coarsest."""
    scratch: tuple[NDArray[np.float32], ...]
    """Right-hand side, solution, residual, change, product; owned by one solve."""
    largest: float = 0.0
    """Largest eigenvalue of D^-1 K, slightly over-estimated; 0 on the coarsest."""
    inverse: NDArray[np.float32] | None = None
    """Dense inverse on the coarsest level, else None."""

    @property
    def inverse_diagonal(self) -> NDArray[np.float32]:
        """1 / diag K of a vector's entries; 0 at held components and where no node is."""
        inverse = np.outer(self.axis_factor, self.node_weight).ravel()
        inverse[self.held_places] = 0
        return inverse


class Levels(list[Level]):
    """From fine to coarse, with the same arrays as the compiled cycle sees them."""

    packed: Packed
    shared: int
    """How many of the finest levels are large enough to be shared among threads."""


def place_of_components(grid: Lattice, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places in a vector of the chosen components (3, z + 1, y + 1, x + 1) of existing nodes, in order."""
    exists = grid.node >= 0
    return np.concatenate([axis * grid.stride + grid.node[chosen[axis] & exists].astype(np.int64) for axis in range(3)])


def hierarchy(
    grid: Lattice,
    modulus: NDArray[np.float64],
    spacing_mm: Spacing,
    poisson_ratio: float,
    held: NDArray[np.bool_],
    team: Workers = ALONE,
    *,
    material: NDArray[np.uint8] = ONE_MATERIAL,
    grained: tuple[TransverselyIsotropic, ...] = (),
) -> Levels:
    """Levels from fine to coarse for moduli [z, y, x] and held components (3, z + 1, y + 1, x + 1).

    `material` [z, y, x] numbers the materials as in VoxelModel. Coarse levels have one material: the mean of all,
    weighted by their moduli.
    """
    mixture = _mixture(modulus, material, (poisson_ratio, *grained))
    held_bytes = np.ascontiguousarray(held).view(np.uint8)
    fine = operator(grid, modulus, spacing_mm, poisson_ratio, np.float32, grained=grained, team=team)
    weighted = modulus * mixture.diagonal_share(spacing_mm)[material] if grained else modulus
    # Stiffness grows in line with a box's edges: what holds for the finest boxes doubles from level to level.
    diagonal, table = mixture.diagonal(spacing_mm), mixture.table(spacing_mm).astype(np.float32)
    levels = Levels()
    while True:
        alone = ALONE if grid.element_count < SHARED_FROM_ELEMENTS else team
        if levels:
            weighted = modulus
            fine = operator(grid, modulus, spacing_mm, poisson_ratio, np.float32, team=alone)
            fine = Operator(grid, fine.modulus, table)
        last = grid.node_count <= COARSEST_NODES
        coarse = coarsened(modulus, alone)
        coarse_grid = lattice(coarse > 0, team=alone)
        rows = np.zeros((0, 7), dtype=np.uint64) if last else _rows(grid, coarse_grid, alone)
        levels.append(_level(fine, weighted, diagonal, held_bytes, rows, alone))
        if last:
            break
        coarse_held = np.zeros((3, *coarse_grid.node.shape), dtype=np.uint8)
        alone.run(_coarse_held, held_bytes, grid.node, coarse_grid.node, coarse_held)
        held_bytes, grid, modulus, spacing_mm = coarse_held, coarse_grid, coarse, _doubled(spacing_mm)
        diagonal, table = 2 * diagonal, 2 * table
    _pack(levels, _dense_inverse(levels[-1], spacing_mm), team)
    return levels


def _doubled(spacing_mm: Spacing) -> Spacing:
    x, y, z = spacing_mm
    return 2 * x, 2 * y, 2 * z


@dataclass(frozen=True)
class _Mixture:
    """Materials and their shares, by modulus, of the model."""

    materials: tuple[Material, ...]
    shares: NDArray[np.float64]

    def table(self, spacing_mm: Spacing) -> NDArray[np.float64]:
        """(1, 15), modal coefficients of the mean material."""
        return sum(
            share * modal_coefficients(spacing_mm, material)
            for share, material in zip(self.shares, self.materials, strict=True)
        )[None]

    def diagonal(self, spacing_mm: Spacing) -> NDArray[np.float64]:
        """(3,), the mean material's entry on the diagonal; all corners of a box have the same."""
        return self.shares @ self._diagonals(spacing_mm)

    def diagonal_share(self, spacing_mm: Spacing) -> NDArray[np.float64]:
        """(materials,), each one's trace over the mean material's."""
        return self._diagonals(spacing_mm).sum(axis=1) / self.diagonal(spacing_mm).sum()

    def _diagonals(self, spacing_mm: Spacing) -> NDArray[np.float64]:
        return np.array([stiffness(spacing_mm, material).diagonal()[:3] for material in self.materials])


def _mixture(modulus: NDArray, material: NDArray[np.uint8], materials: tuple[Material, ...]) -> _Mixture:
    if len(materials) == 1:
        return _Mixture(materials, np.ones(1))
    amounts = np.bincount(material.ravel(), weights=modulus.ravel(), minlength=len(materials))
    return _Mixture(materials, amounts / amounts.sum())


def _level(
    single: Operator,
    weighted: NDArray[np.float64],
    diagonal: NDArray[np.float64],
    held: NDArray[np.uint8],
    rows: NDArray[np.uint64],
    team: Workers,
) -> Level:
    grid = single.lattice
    inverse_diagonal = np.zeros(grid.stride, dtype=np.float32)
    team.run(invert_around, np.ascontiguousarray(weighted), grid.node, inverse_diagonal)
    places, layer_held = held_by_layer(grid, held)
    factor = (1 / diagonal).astype(np.float32)
    return Level(single, held, places, layer_held, inverse_diagonal, factor, rows, ())


@kernel
def _coarsen(begin: int, step: int, modulus: Any, coarse: Any) -> None:
    layers, rows, columns = modulus.shape
    for z in range(begin, coarse.shape[0], step):
        for k in (2 * z, min(2 * z + 1, layers - 1)):
            for j in range(rows):
                for i in range(columns):
                    coarse[z, j // 2, i // 2] += 0.125 * modulus[k, j, i]


def coarsened(modulus: NDArray[np.float64], team: Workers = ALONE) -> NDArray[np.float64]:
    """Mean modulus of 2 x 2 x 2 voxels [z, y, x].

    An odd number of layers along z, the load, is filled up by repeating the last one and not by void: void would make
    the face that is held and moved half as stiff on every coarser level, and nearly double the iterations.
    """
    coarse = np.zeros(tuple(-(-size // 2) for size in modulus.shape))
    team.run(_coarsen, np.ascontiguousarray(modulus), coarse)
    return coarse


@kernel
def invert_around(begin: int, step: int, weight: Any, node: Any, inverse: Any) -> None:
    """One over the sum of the weights of the elements around each node."""
    layers, rows, columns = weight.shape
    for z in range(begin, layers + 1, step):
        row = np.zeros(columns + 2)
        for y in range(rows + 1):
            row[:] = 0
            for k in range(max(z - 1, 0), min(z + 1, layers)):
                for j in range(max(y - 1, 0), min(y + 1, rows)):
                    for x in range(columns):
                        row[x + 1] += weight[k, j, x]
            for x in range(columns + 1):
                place = node[z, y, x]
                if place >= 0:
                    inverse[place] = 1 / (row[x] + row[x + 1])


def held_by_layer(grid: Lattice, held: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Places of held components in a vector, node layer by node layer, and where each layer's begin (nz + 2,)."""
    counts = np.zeros(len(held[0]), dtype=np.int64)
    _count_held(held, grid.node, counts)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    places = np.empty(int(starts[-1]), dtype=np.uint64)
    _list_held(held, grid.node, grid.stride, places)
    return places, starts


@kernel
def _count_held(held: Any, node: Any, counts: Any) -> None:
    for z in range(node.shape[0]):
        for component in range(3):
            for y in range(node.shape[1]):
                for x in range(node.shape[2]):
                    counts[z] += held[component, z, y, x] and node[z, y, x] >= 0


@kernel
def _list_held(held: Any, node: Any, stride: int, places: Any) -> None:
    found = 0
    for z in range(node.shape[0]):
        for component in range(3):
            for y in range(node.shape[1]):
                for x in range(node.shape[2]):
                    if held[component, z, y, x] and node[z, y, x] >= 0:
                        places[found] = component * stride + node[z, y, x]
                        found += 1


@kernel
def _fill_rows(begin: int, step: int, node: Any, coarse_node: Any, layer_row: Any, rows: Any) -> None:
    for z in range(begin, node.shape[0], step):
        row = np.int64(layer_row[z]) - 1
        for y in range(node.shape[1]):
            before = -1
            for x in range(node.shape[2]):
                place = node[z, y, x]
                if place >= 0 and before < 0:
                    row += 1
                    rows[row, 0], rows[row, 2] = place, x % 2
                    for corner in range(4):
                        k, j = (z + corner // 2) // 2, (y + corner % 2) // 2
                        rows[row, 3 + corner] = coarse_node[k, j, x // 2]
                if place >= 0:
                    rows[row, 1] += U(1)
                before = place


def _rows(fine: Lattice, coarse: Lattice, team: Workers) -> NDArray[np.uint64]:
    rows = np.zeros((fine.row_count, 7), dtype=np.uint64)
    team.run(_fill_rows, fine.node, coarse.node, fine.layer_row, rows)
    return rows


@kernel
def _coarse_held(begin: int, step: int, held: Any, node: Any, coarse_node: Any, coarse_held: Any) -> None:
    """A coarse component is held where the fine one at its place is, or where no free fine one depends on it."""
    layers, rows, columns = node.shape
    for z in range(begin, coarse_node.shape[0], step):
        for component in range(3):
            for y in range(coarse_node.shape[1]):
                for x in range(coarse_node.shape[2]):
                    if coarse_node[z, y, x] < 0:
                        continue
                    inside = 2 * z < layers and 2 * y < rows and 2 * x < columns
                    if inside and node[2 * z, 2 * y, 2 * x] >= 0:
                        coarse_held[component, z, y, x] = held[component, 2 * z, 2 * y, 2 * x]
                        continue
                    free = 0
                    for k in range(max(2 * z - 1, 0), min(2 * z + 2, layers)):
                        for j in range(max(2 * y - 1, 0), min(2 * y + 2, rows)):
                            for i in range(max(2 * x - 1, 0), min(2 * x + 2, columns)):
                                free += node[k, j, i] >= 0 and not held[component, k, j, i]
                    coarse_held[component, z, y, x] = free == 0


@kernel
def _columns(operator_arrays: Any, free: Any, matrix: Any) -> None:
    """K's rows and columns at the places in `free`, column by column."""
    modulus, stride, runs, table = operator_arrays
    buffer = np.zeros(BUFFER, np.float64)
    unit, product = np.zeros(3 * stride), np.zeros(3 * stride)
    for column in range(len(free)):
        unit[free[column]] = 1
        product[:] = 0
        add_runs(unit, product, modulus, stride, runs, 0, len(runs), table, buffer)
        unit[free[column]] = 0
        for row in range(len(free)):
            matrix[row, column] = product[free[row]]


def _dense_inverse(level: Level, spacing_mm: Spacing) -> NDArray[np.float32]:
    """Inverse of the coarsest K over its free components; rigid motions that stay free are given a stiffness."""
    single, held = level.operator, level.held.astype(bool)
    grid = single.lattice
    free = place_of_components(grid, ~held)
    inverse = np.zeros((3 * grid.stride, 3 * grid.stride), dtype=np.float32)
    if not len(free):
        return inverse
    matrix = np.empty((len(free), len(free)))
    arrays = (single.modulus.astype(np.float64), U(grid.stride), grid.runs, single.coefficients.astype(np.float64))
    _columns(arrays, free, matrix)
    rigid = free_rigid_modes(grid, spacing_mm, held)[:, free]
    matrix += rigid.T @ rigid * np.diag(matrix).max()
    inverse[np.ix_(free, free)] = np.linalg.inv(matrix)
    return inverse


def _pack(levels: Levels, inverse: NDArray[np.float32], team: Workers) -> None:
    """Lay all levels one after the other for the compiled cycle, and find each smoother's largest eigenvalue."""
    grids = [level.operator.lattice for level in levels]
    sizes = [
        (3 * grid.stride, grid.stride, grid.element_count, len(grid.runs), len(grid.blocks), len(grid.layer_start),
         len(level.rows), len(level.held_places))
        for grid, level in zip(grids, levels, strict=True)
    ]  # fmt: skip
    table = np.zeros((len(levels) + 1, 9), dtype=np.int64)
    table[1:, :8] = np.cumsum(sizes, axis=0)
    table[:-1, DEGREE] = [DEGREES[min(depth, len(DEGREES) - 1)] for depth in range(len(levels))]
    materials = levels[0].operator.coefficients.shape[0]
    coefficients = np.zeros((len(levels), materials, 15), dtype=np.float32)
    for depth, level in enumerate(levels):
        coefficients[depth, : len(level.operator.coefficients)] = level.operator.coefficients
    vectors = [np.zeros(table[-1, VECTOR], dtype=np.float32) for _ in range(5)]
    packed = Packed(
        table=table,
        largest=np.ones(len(levels)),
        axis_factor=np.array([level.axis_factor for level in levels]),
        coefficients=coefficients,
        modulus=np.concatenate([level.operator.modulus for level in levels]),
        inverse_diagonal=np.concatenate([level.node_weight for level in levels]),
        runs=np.concatenate([grid.runs for grid in grids]),
        blocks=np.concatenate([grid.blocks for grid in grids]),
        layer_start=np.concatenate([grid.layer_start for grid in grids]),
        layer_run=np.concatenate([np.append(grid.layer_run, grid.layer_run[-1]) for grid in grids]),
        layer_row=np.concatenate([grid.layer_row for grid in grids]),
        layer_held=np.concatenate([level.layer_held for level in levels]),
        rows=np.concatenate([level.rows for level in levels]),
        held=np.concatenate([level.held_places for level in levels]),
        inverse=inverse,
        b=vectors[0],
        x=vectors[1],
        r=vectors[2],
        d=vectors[3],
        q=vectors[4],
        partial=np.zeros(4 * len(grids[0].layer_start)),
    )
    levels.packed = packed
    levels.shared = sum(grid.element_count >= SHARED_IN_CYCLE for grid in grids[:-1])
    for depth in range(len(levels)):
        part = slice(table[depth, VECTOR], table[depth + 1, VECTOR])
        coarsest = depth == len(levels) - 1
        if not coarsest:
            packed.largest[depth] = _largest_eigenvalue(packed, depth, team if depth < levels.shared else ALONE)
        levels[depth] = replace(
            levels[depth],
            scratch=tuple(vector[part] for vector in vectors),
            largest=0.0 if coarsest else float(packed.largest[depth]),
            inverse=inverse if coarsest else None,
        )


def _largest_eigenvalue(packed: Packed, depth: int, team: Workers) -> float:
    """Of D^-1 K, from a few Lanczos steps, which approach it from below."""
    diagonal, beside = np.zeros(LANCZOS_STEPS), np.zeros(LANCZOS_STEPS - 1)
    team.together(lanczos, packed, depth, diagonal, beside)
    if not diagonal.any():
        return 1.0  # everything is held, so nothing will be smoothed
    return LANCZOS_MARGIN * float(eigvalsh_tridiagonal(diagonal, beside).max())


def v_cycle(levels: list[Level], team: Workers) -> NDArray[np.float32]:
    """One cycle for the right-hand side in `levels[0].scratch[0]`, zero at held places; the result is `scratch[1]`."""
    assert isinstance(levels, Levels)
    team.together(one_cycle, levels.packed, levels.shared)
    return levels[0].scratch[1]
