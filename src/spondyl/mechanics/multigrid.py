"""Geometric multigrid: a V-cycle in single precision that preconditions the solve in double precision.

Each coarse level is the same problem on voxels twice as large, whose modulus is the mean of the eight it holds, void
counting as zero. The smoother is Chebyshev's polynomial of the fourth kind over the diagonal (Lottes 2023), of a degree
that grows from fine to coarse; the same before and after the coarse correction, so that the cycle is symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.compiled import ALONE, BLOCK, Workers, dot, kernel
from spondyl.mechanics.element import Spacing, stiffness
from spondyl.mechanics.grid import Lattice, corner_sum, lattice, layer_bounds, runs_along_x, touched_nodes
from spondyl.mechanics.operator import SHARED_FROM_ELEMENTS, Operator, U, operator
from spondyl.mechanics.rigid import free_rigid_modes

DEGREES = (2, 3, 4, 5, 6)
"""Smoothing steps before and after, from the finest level down; the last holds for all below. Own choice: fastest of
those tried on the study's cylinder (1 to 4 throughout, and growing)."""
COARSEST_NODES = 40
"""A level this small is solved by a dense inverse. Own choice: so small that the linear algebra library stays on one
thread, whose number would change the last bits."""
POWER_STEPS = 10
POWER_MARGIN = 1.1
"""The power iteration approaches the largest eigenvalue from below; own choice."""


@kernel
def _smooth_from_zero(begin: int, step: int, r: Any, d: Any, x: Any, inverse_diagonal: Any, alpha: Any) -> None:
    """d = alpha D^-1 r; x = d: the first step where x was zero."""
    for block in range(begin, (len(r) + BLOCK - 1) // BLOCK, step):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        rr, dd, xx, scale = r[part], d[part], x[part], inverse_diagonal[part]
        for i in range(len(rr)):
            change = alpha * scale[i] * rr[i]
            dd[i] = change
            xx[i] = change


@kernel
def _smooth(
    begin: int, step: int, q: Any, r: Any, d: Any, x: Any, inverse_diagonal: Any, beta: Any, alpha: Any
) -> None:
    """r -= q; d = beta d + alpha D^-1 r; x += d."""
    for block in range(begin, (len(r) + BLOCK - 1) // BLOCK, step):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        qq, rr, dd, xx, scale = q[part], r[part], d[part], x[part], inverse_diagonal[part]
        for i in range(len(rr)):
            residual = rr[i] - qq[i]
            change = beta * dd[i] + alpha * scale[i] * residual
            rr[i] = residual
            dd[i] = change
            xx[i] += change


@kernel
def _subtract(begin: int, step: int, b: Any, q: Any, r: Any) -> None:
    """r = b - q."""
    for block in range(begin, (len(r) + BLOCK - 1) // BLOCK, step):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        bb, qq, rr = b[part], q[part], r[part]
        for i in range(len(rr)):
            rr[i] = bb[i] - qq[i]


@kernel
def _prolong(
    begin: int, step: int, fine: Any, coarse: Any, fine_stride: Any, coarse_stride: Any, rows: Any, blocks: Any
) -> None:
    """fine += P coarse, trilinear. A fine row lies on or midway between coarse rows: always the mean of four bases."""
    quarter = fine.dtype.type(0.25)
    half = fine.dtype.type(0.5)
    for block in range(begin, len(blocks), step):
        for row in range(blocks[block, 0], blocks[block, 1]):
            start, length, odd = rows[row, 0], rows[row, 1], rows[row, 2]
            pairs = (length + odd) // U(2) + U(1)
            mean = np.empty(pairs, fine.dtype)
            for component in range(3):
                shift = U(component) * coarse_stride
                c00, c10 = shift + rows[row, 3], shift + rows[row, 4]
                c01, c11 = shift + rows[row, 5], shift + rows[row, 6]
                for i in range(pairs):
                    mean[i] = quarter * ((coarse[c00 + i] + coarse[c10 + i]) + (coarse[c01 + i] + coarse[c11 + i]))
                first = U(component) * fine_stride + start
                for i in range((length - odd + U(1)) // U(2)):  # on a coarse node along x
                    fine[first + odd + U(2) * i] += mean[odd + i]
                for i in range((length + odd) // U(2)):  # between two
                    fine[first + U(1) - odd + U(2) * i] += half * (mean[i] + mean[i + U(1)])


@kernel
def _restrict(
    begin: int, step: int, fine: Any, coarse: Any, fine_stride: Any, coarse_stride: Any, rows: Any, blocks: Any
) -> None:
    """coarse += P' fine; even blocks before odd ones, as they share a layer of coarse nodes."""
    quarter = fine.dtype.type(0.25)
    half = fine.dtype.type(0.5)
    for block in range(begin, len(blocks), step):
        for row in range(blocks[block, 0], blocks[block, 1]):
            start, length, odd = rows[row, 0], rows[row, 1], rows[row, 2]
            pairs = (length + odd) // U(2) + U(1)
            share = np.empty(pairs, fine.dtype)
            for component in range(3):
                first = U(component) * fine_stride + start
                share[:] = 0
                for i in range((length - odd + U(1)) // U(2)):
                    share[odd + i] = fine[first + odd + U(2) * i]
                for i in range((length + odd) // U(2)):
                    between = half * fine[first + U(1) - odd + U(2) * i]
                    share[i] += between
                    share[i + U(1)] += between
                for corner in range(U(3), U(7)):
                    target = U(component) * coarse_stride + rows[row, corner]
                    for i in range(pairs):
                        coarse[target + i] += quarter * share[i]


@kernel
def _matrix_vector(begin: int, step: int, matrix: Any, b: Any, x: Any) -> None:
    for row in range(begin, len(x), step):
        total = x.dtype.type(0)
        for column in range(len(b)):
            total += matrix[row, column] * b[column]
        x[row] = total


@dataclass(frozen=True, eq=False)
class Transfer:
    """Trilinear interpolation between a level and the next coarser one."""

    rows: NDArray[np.uint64]
    """(n, 7): first fine node, length, 1 where it starts at an odd x, first coarse node of four rows (y, z)."""
    blocks: NDArray[np.uint64]
    """(n, 2): first row and row after the last."""


@dataclass(frozen=True, eq=False)
class Level:
    operator: Operator
    held: NDArray[np.bool_]
    """(3, z + 1, y + 1, x + 1)."""
    held_places: NDArray[np.int64]
    """Places of held components in a vector."""
    inverse_diagonal: NDArray[np.float32]
    """0 at held components and where no node is."""
    largest: float
    """Largest eigenvalue of D^-1 K, slightly over-estimated."""
    transfer: Transfer | None
    """To the next coarser level; None on the coarsest."""
    inverse: NDArray[np.float32] | None
    """Dense inverse on the coarsest level, else None."""
    scratch: NDArray[np.float32]
    """(5, vector): right-hand side, solution, residual, change, product; owned by one solve."""


def place_of_components(grid: Lattice, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Places in a vector of the chosen components (3, z + 1, y + 1, x + 1) of existing nodes, in order."""
    exists = grid.node >= 0
    return np.concatenate([axis * grid.stride + grid.node[chosen[axis] & exists] for axis in range(3)])


def hierarchy(
    grid: Lattice,
    modulus: NDArray[np.float64],
    spacing_mm: Spacing,
    poisson_ratio: float,
    held: NDArray[np.bool_],
    team: Workers = ALONE,
) -> list[Level]:
    """Levels from fine to coarse for moduli [z, y, x] and held components (3, z + 1, y + 1, x + 1)."""
    levels: list[Level] = []
    while True:
        coarsest = grid.node_count <= COARSEST_NODES
        single = operator(grid, modulus, spacing_mm, poisson_ratio, np.float32)
        coarse_modulus = coarsened(modulus)
        coarse_grid = lattice(coarse_modulus > 0)
        places = place_of_components(grid, held)
        inverse_diagonal = _inverse_diagonal(grid, modulus, stiffness(spacing_mm, poisson_ratio), places)
        levels.append(
            Level(
                operator=single,
                held=held,
                held_places=places,
                inverse_diagonal=inverse_diagonal,
                largest=0.0 if coarsest else _largest_eigenvalue(single, inverse_diagonal, team),
                transfer=None if coarsest else _transfer(grid, coarse_grid),
                inverse=_dense_inverse(grid, modulus, spacing_mm, poisson_ratio, held) if coarsest else None,
                scratch=np.zeros((5, 3 * grid.stride), dtype=np.float32),
            )
        )
        if coarsest:
            return levels
        held = _coarse_held(held, touched_nodes(grid.active), coarse_grid)
        grid, modulus, spacing_mm = coarse_grid, coarse_modulus, _doubled(spacing_mm)


def _doubled(spacing_mm: Spacing) -> Spacing:
    x, y, z = spacing_mm
    return 2 * x, 2 * y, 2 * z


def coarsened(modulus: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean modulus of 2 x 2 x 2 voxels [z, y, x].

    An odd number of layers along z, the load, is filled up by repeating the last one and not by void: void would make
    the face that is held and moved half as stiff on every coarser level, and nearly double the iterations.
    """
    odd_z, odd_y, odd_x = (size % 2 for size in modulus.shape)
    padded = np.pad(modulus, ((0, odd_z), (0, 0), (0, 0)), mode="edge")
    padded = np.pad(padded, ((0, 0), (0, odd_y), (0, odd_x)))
    z, y, x = padded.shape
    return padded.reshape(z // 2, 2, y // 2, 2, x // 2, 2).mean(axis=(1, 3, 5))


def _inverse_diagonal(
    grid: Lattice, modulus: NDArray[np.float64], element: NDArray[np.float64], held_places: NDArray[np.int64]
) -> NDArray[np.float32]:
    """1 / diag K. All corners of a box share one diagonal entry for each component."""
    exists = grid.node >= 0
    around = corner_sum(modulus)[exists]
    inverse = np.zeros(3 * grid.stride)
    for axis in range(3):
        inverse[axis * grid.stride + grid.node[exists]] = 1 / (around * element[axis, axis])
    inverse[held_places] = 0
    return inverse.astype(np.float32)


def _largest_eigenvalue(single: Operator, inverse_diagonal: NDArray[np.float32], team: Workers) -> float:
    """Largest eigenvalue of D^-1 K by power steps from a fixed start."""
    vector = np.random.default_rng(0).random(len(inverse_diagonal), dtype=np.float32) - np.float32(0.5)
    vector[inverse_diagonal == 0] = 0
    if not vector.any():
        return 1.0  # everything is held, so nothing will be smoothed
    product = np.zeros_like(vector)
    size = 1.0
    for _ in range(POWER_STEPS):
        vector *= np.float32(1 / np.sqrt(dot(team, vector, vector)))
        single.apply(vector, product, team)
        np.multiply(inverse_diagonal, product, out=vector)
        size = float(np.sqrt(dot(team, vector, vector)))
    return POWER_MARGIN * size


def _transfer(fine: Lattice, coarse: Lattice) -> Transfer:
    z, y, x, length = runs_along_x(fine.node >= 0, 10**9)
    low_z, low_y, low_x = z // 2, y // 2, x // 2
    high_z, high_y = (z + 1) // 2, (y + 1) // 2
    bases = [coarse.node[k, j, low_x] for k in (low_z, high_z) for j in (low_y, high_y)]
    rows = np.stack([fine.node[z, y, x], length, x % 2, *bases], axis=1).astype(np.uint64)
    # Two fine layers to a coarse one: blocks of whole pairs, so that blocks of equal parity share no coarse layer.
    pair = z // 2
    bounds = np.searchsorted(pair, layer_bounds(np.bincount(pair, weights=length)))
    return Transfer(rows, np.stack([bounds[:-1], bounds[1:]], axis=1).astype(np.uint64))


def _coarse_held(held: NDArray[np.bool_], touched: NDArray[np.bool_], coarse: Lattice) -> NDArray[np.bool_]:
    """A coarse component is held where the fine one at its place is, or where no free fine one depends on it."""
    shape = tuple(2 * size + 1 for size in coarse.shape)
    beyond = [(0, 0), *((0, wide - size) for wide, size in zip(shape, touched.shape, strict=True))]
    coincident = np.pad(held & touched, beyond)[:, ::2, ::2, ::2]
    free = np.pad(~held & touched, beyond)
    for axis in (1, 2, 3):
        fine = np.moveaxis(free, axis, 0)
        near = fine[::2].copy()
        near[:-1] |= fine[1::2]
        near[1:] |= fine[1::2]
        free = np.moveaxis(near, 0, axis)
    return coincident | ~free


def _dense_inverse(
    grid: Lattice, modulus: NDArray[np.float64], spacing_mm: Spacing, poisson_ratio: float, held: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Inverse of the coarsest K over its free components; rigid motions that stay free are given a stiffness."""
    size = 3 * grid.stride
    double = operator(grid, modulus, spacing_mm, poisson_ratio)
    free = place_of_components(grid, ~held)
    inverse = np.zeros((size, size), dtype=np.float32)
    if not len(free):
        return inverse
    matrix = np.empty((len(free), len(free)))
    unit, product = np.zeros(size), np.zeros(size)
    for column, place in enumerate(free):
        unit[place] = 1
        double.apply(unit, product)
        unit[place] = 0
        matrix[:, column] = product[free]
    rigid = free_rigid_modes(grid, spacing_mm, held)[:, free]
    matrix += rigid.T @ rigid * np.diag(matrix).max()
    inverse[np.ix_(free, free)] = np.linalg.inv(matrix)
    return inverse


def v_cycle(levels: list[Level], team: Workers, depth: int = 0) -> NDArray[np.float32]:
    """One cycle for the right-hand side in `scratch[0]` of that level; the result lies in its `scratch[1]`."""
    level = levels[depth]
    b, x, r, _, q = level.scratch
    if level.transfer is None:
        _matrix_vector(0, 1, level.inverse, b, x)
        return x
    if level.operator.lattice.element_count < SHARED_FROM_ELEMENTS:
        team = ALONE
    below = levels[depth + 1]
    steps = DEGREES[min(depth, len(DEGREES) - 1)]
    strides = U(level.operator.lattice.stride), U(below.operator.lattice.stride)

    r[:] = b
    _smooth_steps(level, steps, team, from_zero=True)
    level.operator.apply(x, q, team)
    team.run(_subtract, b, q, r)
    r[level.held_places] = 0
    below.scratch[0][:] = 0
    team.run(_restrict, r, below.scratch[0], *strides, level.transfer.rows, level.transfer.blocks, phases=2)
    below.scratch[0][below.held_places] = 0

    correction = v_cycle(levels, team, depth + 1)
    team.run(_prolong, x, correction, *strides, level.transfer.rows, level.transfer.blocks)
    x[level.held_places] = 0
    r[:] = b
    _smooth_steps(level, steps, team, from_zero=False)
    return x


def _smooth_steps(level: Level, steps: int, team: Workers, *, from_zero: bool) -> None:
    """Chebyshev smoothing of the fourth kind; r holds b on entry and the residual before the last step on exit."""
    _, x, r, d, q = level.scratch
    single = np.float32
    for step in range(steps):
        alpha = single((8 * step + 4) / (2 * step + 3) / level.largest)
        if step == 0 and from_zero:
            team.run(_smooth_from_zero, r, d, x, level.inverse_diagonal, alpha)
            continue
        level.operator.apply(d if step else x, q, team)
        beta = single((2 * step - 1) / (2 * step + 3) if step else 0)
        team.run(_smooth, q, r, d, x, level.inverse_diagonal, beta, alpha)
