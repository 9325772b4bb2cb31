"""Displacements of a voxel model: conjugate gradients preconditioned by multigrid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.check import check as check
from spondyl.mechanics.compiled import ALONE, Workers, kernel, workers
from spondyl.mechanics.grid import ONE_MATERIAL, Lattice, lattice
from spondyl.mechanics.krylov import ROUND_OFF, Double, conjugate_gradients
from spondyl.mechanics.multigrid import Levels, hierarchy, v_cycle
from spondyl.mechanics.operator import Operator, operator
from spondyl.mechanics.rigid import FreeMotions, free_motions
from spondyl.values.strength import SolveReport, SolveStatus
from spondyl.values.voxel_model import VoxelModel

TOLERANCE = 1e-6
"""Relative residual. Own choice, from errors against a residual of 1e-11: of the force 2e-7 on the study's cylinder
and 3e-7 on the published vertebra (moduli from 1e-4 to 4500 MPa); of the displacements 2e-5 and 1e-4 as a whole, 1e-4
and 4e-4 of the largest one at the worst node."""
MAX_ITERATIONS = 300
STRIP = 16
"""Layers turned at a time; own choice, two cache lines of float64."""
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
    return prepare(model, threads=threads).solve(tolerance=tolerance, max_iterations=max_iterations)


@dataclass(frozen=True, eq=False)
class System:
    """A model whose levels are made: further displacements and forces at the same supports need no new set-up.

    Not to be used by two threads at once.
    """

    model: VoxelModel
    stiffness: Operator
    levels: Levels
    motions: FreeMotions
    threads: int | None

    def solve(
        self,
        *,
        displacement_mm: NDArray[np.float64] | None = None,
        force_n: NDArray[np.float64] | None = None,
        tolerance: float = TOLERANCE,
        max_iterations: int = MAX_ITERATIONS,
    ) -> Solution:
        """As `solve`, for other displacements of the held components or other forces (3, nx + 1, ny + 1, nz + 1).

        None takes the model's own. Raises ModelError where the forces push along a motion that nothing holds.
        """
        grid, level = self.stiffness.lattice, self.levels[0]
        moved = self.model.displacement_mm if displacement_mm is None else displacement_mm
        forces = self.model.force_n if force_n is None else force_n
        load = np.zeros(0) if forces is None else to_vector(grid, forces)
        if len(load):
            _check_balance(self.motions, load)
        x = np.zeros(3 * grid.stride)
        with workers(self.threads) as team:
            team.run(_prescribe, level.held, grid.node, np.asarray(moved, dtype=np.float64), grid.stride, x)
            reached, product = self._searched(load, x, tolerance, max_iterations, team)
            self.motions.add(-(self.motions @ x), x)
            reaction = np.zeros((3, *grid.node.shape))
            team.run(_react, level.held, grid.node, grid.stride, product, load, reaction)
            return Solution(to_array(grid, x, team), _outward(reaction), reached, grid.element_count)

    def apply(self, u: NDArray[np.float64], team: Workers) -> NDArray[np.float64]:
        """K u, of a kernel vector."""
        product = np.zeros_like(u)
        self.stiffness.apply(u, product, team)
        return product

    def precondition(self, residual: NDArray[np.float64], team: Workers) -> NDArray[np.float64]:
        """About K^-1 of a kernel vector that is zero at held places; so is the answer. One V-cycle."""
        size = float(np.sqrt(residual @ residual))
        if size == 0:
            return np.zeros_like(residual)
        np.multiply(residual, 1 / size, out=self.levels[0].scratch[0], casting="same_kind")
        return v_cycle(self.levels, team) * np.float64(size)

    def _searched(
        self, load: NDArray[np.float64], x: NDArray[np.float64], tolerance: float, max_iterations: int, team: Workers
    ) -> tuple[SolveReport, NDArray[np.float64]]:
        """Bring x to equilibrium; also K x."""
        product = np.zeros_like(x)
        p, kp = np.zeros((2, len(x)), dtype=np.float32)
        history, outcome = np.zeros(max_iterations), np.zeros(2, dtype=np.int64)
        double = Double(self.stiffness.modulus, self.stiffness.coefficients, load, x, product, p, kp)
        team.together(
            conjugate_gradients,
            self.levels.packed,
            self.levels.shared,
            double,
            tolerance,
            history,
            outcome,
        )
        found = history[: outcome[0]].tolist()
        return _report(found, tolerance, round_off=outcome[1] == ROUND_OFF), product


def _check_balance(rigid: FreeMotions | NDArray[np.float64], load: NDArray[np.float64]) -> None:
    if np.linalg.norm(rigid @ load) > BALANCE * np.linalg.norm(load):
        raise ModelError(
            f"the forces push the model along {len(rigid)} rigid motion(s) that nothing holds.",
            "Hold more components, or balance the forces.",
        )


def prepare(model: VoxelModel, *, threads: int | None = None) -> System:
    """Check a model and make its levels. Raises ModelError as `solve` does."""
    check(model)
    with workers(threads) as team:
        modulus = np.empty(model.modulus_mpa.shape[::-1])
        team.run(_turn, np.asarray(model.modulus_mpa, dtype=np.float64), modulus)
        material = ONE_MATERIAL
        if model.material is not None:
            material = np.ascontiguousarray(model.material.T)
        grid = lattice(modulus > 0, material, team)
        held = np.empty((3, *grid.node.shape), dtype=np.uint8)
        for component in range(3):
            team.run(_turn, model.held[component].view(np.uint8), held[component])
        spacing, ratio, grained = model.spacing_mm, model.poisson_ratio, model.grained
        stiffness = operator(grid, modulus, spacing, ratio, grained=grained, team=team)
        motions = free_motions(grid, spacing, held)
        levels = hierarchy(grid, modulus, spacing, ratio, held, team, material=material, grained=grained)
        return System(model, stiffness, levels, motions, threads)


@kernel
def _turn(begin: int, step: int, source: Any, target: Any) -> None:
    """(x, y, z) to [z, y, x], in strips so narrow that what is written stays in the cache until its lines are full."""
    columns, rows, layers = source.shape
    for y in range(begin, rows, step):
        for low in range(0, layers, STRIP):
            high = min(low + STRIP, layers)
            for x in range(columns):
                row = source[x, y]
                for z in range(low, high):
                    target[z, y, x] = row[z]


@kernel
def _prescribe(begin: int, step: int, held: Any, node: Any, nodal: Any, stride: int, vector: Any) -> None:
    """Prescribed displacements (3, x, y, z) of held components [z, y, x] into a vector."""
    for z in range(begin, node.shape[0], step):
        for component in range(3):
            for y in range(node.shape[1]):
                for x in range(node.shape[2]):
                    if held[component, z, y, x] and node[z, y, x] >= 0:
                        vector[component * stride + node[z, y, x]] = nodal[component, x, y, z]


@kernel
def _react(begin: int, step: int, held: Any, node: Any, stride: int, product: Any, load: Any, reaction: Any) -> None:
    for z in range(begin, node.shape[0], step):
        for component in range(3):
            for y in range(node.shape[1]):
                for x in range(node.shape[2]):
                    if held[component, z, y, x] and node[z, y, x] >= 0:
                        place = component * stride + node[z, y, x]
                        reaction[component, z, y, x] = product[place] - (load[place] if len(load) else 0.0)


@kernel
def _gather(begin: int, step: int, nodal: Any, node: Any, stride: int, vector: Any) -> None:
    for z in range(begin, node.shape[0], step):
        for component in range(3):
            for y in range(node.shape[1]):
                for x in range(node.shape[2]):
                    if node[z, y, x] >= 0:
                        vector[component * stride + node[z, y, x]] = nodal[component, x, y, z]


def to_vector(grid: Lattice, nodal: NDArray) -> NDArray[np.float64]:
    """(3, nx + 1, ny + 1, nz + 1) to a kernel vector."""
    vector = np.zeros(3 * grid.stride)
    _gather(0, 1, np.asarray(nodal, dtype=np.float64), grid.node, grid.stride, vector)
    return vector


@kernel
def _spread(begin: int, step: int, vector: Any, node: Any, stride: int, nodal: Any) -> None:
    for z in range(begin, node.shape[0], step):
        for component in range(3):
            for y in range(node.shape[1]):
                for x in range(node.shape[2]):
                    if node[z, y, x] >= 0:
                        nodal[component, z, y, x] = vector[component * stride + node[z, y, x]]


def to_array(grid: Lattice, vector: NDArray[np.float64], team: Workers = ALONE) -> NDArray[np.float64]:
    """A kernel vector to (3, nx + 1, ny + 1, nz + 1)."""
    nodal = np.zeros((3, *grid.node.shape))
    team.run(_spread, vector, grid.node, grid.stride, nodal)
    return _outward(nodal)


def _outward(nodal: NDArray) -> NDArray:
    """(3, z, y, x) as (3, x, y, z)."""
    return nodal.transpose(0, 3, 2, 1)


def _report(history: list[float], tolerance: float, *, round_off: bool = False) -> SolveReport:
    if not history or history[-1] <= tolerance:
        return SolveReport(SolveStatus.CONVERGED, len(history), tuple(history))
    fell = f"The residual fell to {history[-1]:.1e} of its start instead of {tolerance:.0e}."
    if round_off:
        remedy = "Round-off allows no more: ask for a larger tolerance, or narrow the range of moduli."
    else:
        remedy = (
            "Allow more iterations, or narrow the range of moduli. Ordinary bone takes 10 to 30 iterations, struts of "
            "one or two voxels in void 60 to 90, and stiff voxels that lie loose in very soft ones 100 to 200."
        )
    return SolveReport(SolveStatus.NOT_CONVERGED, len(history), tuple(history), f"{fell} {remedy}")
