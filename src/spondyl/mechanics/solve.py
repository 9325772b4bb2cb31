"""Displacements of a voxel model: conjugate gradients in double precision, preconditioned by multigrid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.compiled import BLOCK, Workers, block_count, dot, kernel, workers
from spondyl.mechanics.grid import Lattice, lattice
from spondyl.mechanics.multigrid import Level, hierarchy, place_of_components, v_cycle
from spondyl.mechanics.operator import Operator, operator
from spondyl.mechanics.rigid import free_rigid_modes
from spondyl.values.strength import SolveReport, SolveStatus
from spondyl.values.voxel_model import VoxelModel

TOLERANCE = 1e-6
"""Relative residual. The reaction's error goes with its square: all digits printed agreed in the study. Own choice."""
MAX_ITERATIONS = 300
BALANCE = 1e-6
"""Share of the load that may push along a free rigid motion; own choice, far above round-off."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Node arrays are (3, nx + 1, ny + 1, nz + 1), zero where no node is."""

    displacement_mm: NDArray[np.float64]
    reaction_n: NDArray[np.float64]
    """What the supports push with; zero where nothing is held."""
    report: SolveReport
    elements: int


def solve(
    model: VoxelModel,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    threads: int | None = None,
) -> Solution:
    """Static equilibrium of a voxel model. Rigid motions that the supports leave free are taken out of the answer.

    The result is the same to the last bit for any number of threads. Raises ModelError for a model that can't be
    posed (no voxel, moduli or displacements that are no numbers, loose pieces, unbalanced forces).
    """
    check(model)
    modulus = np.ascontiguousarray(model.modulus_mpa.T, dtype=np.float64)
    held = model.held.transpose(0, 3, 2, 1)
    grid = lattice(modulus > 0)
    stiffness = operator(grid, modulus, model.spacing_mm, model.poisson_ratio)
    held_places = place_of_components(grid, held)
    rigid = free_rigid_modes(grid, model.spacing_mm, held)
    prescribed = np.zeros(3 * grid.stride)
    prescribed[held_places] = to_vector(grid, model.displacement_mm)[held_places]
    with workers(threads) as team:
        load = np.zeros_like(prescribed) if model.force_n is None else to_vector(grid, model.force_n)
        product = np.zeros_like(prescribed)
        stiffness.apply(prescribed, product, team)
        right_side = load - product
        right_side[held_places] = 0
        _check_balance(rigid, load)
        levels = hierarchy(grid, modulus, model.spacing_mm, model.poisson_ratio, held, team)
        change, report = _conjugate_gradients(stiffness, levels, right_side, team, tolerance, max_iterations)
        change -= (rigid @ change) @ rigid
        displacement = prescribed + change
        stiffness.apply(displacement, product, team)
    reaction = np.zeros_like(product)
    reaction[held_places] = (product - load)[held_places]
    return Solution(to_array(grid, displacement), to_array(grid, reaction), report, grid.element_count)


def check(model: VoxelModel) -> None:
    """Raise ModelError when the model can't be posed."""
    modulus = model.modulus_mpa
    nodes = (3, *(size + 1 for size in modulus.shape))
    if model.held.shape != nodes or model.displacement_mm.shape != nodes:
        raise ModelError(
            f"supports of shape {model.held.shape} and {model.displacement_mm.shape} for nodes {nodes}.",
            "Give one entry a component and corner.",
        )
    if not np.isfinite(modulus).all() or (modulus < 0).any():
        raise ModelError("some moduli are negative or no numbers.", "Give 0 for void and a positive modulus elsewhere.")
    if not np.isfinite(model.displacement_mm[model.held]).all():
        raise ModelError("some prescribed displacements are no numbers.", "Give a displacement wherever one is held.")
    if not 0 <= model.poisson_ratio < 0.5 or min(model.spacing_mm) <= 0:
        raise ModelError(
            f"Poisson's ratio {model.poisson_ratio} and spacing {model.spacing_mm} mm.",
            "Poisson's ratio must lie in 0 .. 0.5 (0.5 itself excluded) and the spacing must be positive.",
        )
    pieces = int(cc3d.connected_components(modulus > 0, connectivity=6, return_N=True)[1])
    if pieces != 1:
        raise ModelError(
            f"the voxels with a modulus form {pieces} pieces that share no face.",
            "Keep one piece: pieces that meet in an edge or corner only would swing freely.",
        )


def _check_balance(rigid: NDArray[np.float64], load: NDArray[np.float64]) -> None:
    if np.linalg.norm(rigid @ load) > BALANCE * np.linalg.norm(load):
        raise ModelError(
            f"the forces push the model along {len(rigid)} rigid motion(s) that nothing holds.",
            "Hold more components, or balance the forces.",
        )


def to_vector(grid: Lattice, nodal: NDArray) -> NDArray[np.float64]:
    """(3, nx + 1, ny + 1, nz + 1) to a kernel vector."""
    vector = np.zeros(3 * grid.stride)
    exists = grid.node >= 0
    for axis in range(3):
        vector[axis * grid.stride + grid.node[exists]] = nodal[axis].T[exists]
    return vector


def to_array(grid: Lattice, vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """A kernel vector to (3, nx + 1, ny + 1, nz + 1)."""
    exists = grid.node >= 0
    nodal = np.zeros((3, *grid.node.shape))
    for axis in range(3):
        nodal[axis][exists] = vector[axis * grid.stride + grid.node[exists]]
    return nodal.transpose(0, 3, 2, 1)


@kernel
def _scale_to_single(begin: int, step: int, r: Any, factor: float, out: Any) -> None:
    for block in range(begin, (len(r) + BLOCK - 1) // BLOCK, step):
        source, target = r[block * BLOCK : (block + 1) * BLOCK], out[block * BLOCK : (block + 1) * BLOCK]
        for i in range(len(source)):
            target[i] = np.float32(source[i] * factor)


@kernel
def _new_direction(begin: int, step: int, p: Any, z: Any, scale: float, beta: float) -> None:
    """p = scale z + beta p."""
    for block in range(begin, (len(p) + BLOCK - 1) // BLOCK, step):
        pp, zz = p[block * BLOCK : (block + 1) * BLOCK], z[block * BLOCK : (block + 1) * BLOCK]
        for i in range(len(pp)):
            pp[i] = scale * zz[i] + beta * pp[i]


@kernel
def _advance(begin: int, step: int, x: Any, r: Any, p: Any, product: Any, alpha: float, partial: Any) -> None:
    """x += alpha p; r -= alpha K p; the blocks' parts of r . r."""
    for block in range(begin, len(partial), step):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        xx, rr, pp, kk = x[part], r[part], p[part], product[part]
        total = 0.0
        for i in range(len(xx)):
            xx[i] += alpha * pp[i]
            residual = rr[i] - alpha * kk[i]
            rr[i] = residual
            total += residual * residual
        partial[block] = total


def _conjugate_gradients(
    stiffness: Operator,
    levels: list[Level],
    right_side: NDArray[np.float64],
    team: Workers,
    tolerance: float,
    max_iterations: int,
) -> tuple[NDArray[np.float64], SolveReport]:
    x, p, product = (np.zeros_like(right_side) for _ in range(3))
    r = right_side.copy()
    partial = np.empty(block_count(len(r)))
    start = norm = float(np.sqrt(dot(team, r, r)))
    history: list[float] = []
    previous = 1.0
    while norm > tolerance * start and len(history) < max_iterations:
        # The cycle sees a residual of length 1: single precision must not underflow as the residual shrinks.
        team.run(_scale_to_single, r, 1 / norm, levels[0].scratch[0])
        z = v_cycle(levels, team)
        along = dot(team, r, z) * norm
        team.run(_new_direction, p, z, norm, along / previous if history else 0.0)
        stiffness.apply(p, product, team)
        product[levels[0].held_places] = 0
        team.run(_advance, x, r, p, product, along / dot(team, p, product), partial)
        norm = float(np.sqrt(partial.sum()))
        history.append(norm / start)
        previous = along
    return x, _report(history, tolerance)


def _report(history: list[float], tolerance: float) -> SolveReport:
    if not history or history[-1] <= tolerance:
        return SolveReport(SolveStatus.CONVERGED, len(history), tuple(history))
    return SolveReport(
        SolveStatus.NOT_CONVERGED,
        len(history),
        tuple(history),
        f"The residual fell to {history[-1]:.1e} of its start instead of {tolerance:.0e}. Allow more iterations, or "
        "narrow the range of moduli: isolated stiff voxels in very soft ones converge slowly.",
    )
