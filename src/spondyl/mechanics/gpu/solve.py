"""`mechanics.solve` with its iterations on the GPU: the same model in, the same Solution out.

Levels, coarse moduli and eigenvalues are set up by the CPU's code; conjugate gradients and the V-cycle run on the
device, and only three sums an iteration come back.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import SpondylError
from spondyl.mechanics.compiled import workers
from spondyl.mechanics.gpu.boxes import BYTES_A_PLACE, Box, boxed_levels, boxed_operator
from spondyl.mechanics.gpu.device import INSTALL, why_not
from spondyl.mechanics.grid import Lattice, lattice
from spondyl.mechanics.multigrid import hierarchy
from spondyl.mechanics.operator import operator
from spondyl.mechanics.rigid import free_rigid_modes
from spondyl.mechanics.solve import (
    MAX_ITERATIONS,
    TOLERANCE,
    Solution,
    _check_balance,
    _report,
    check,
    to_array,
    to_vector,
)
from spondyl.values.strength import SolveReport
from spondyl.values.voxel_model import VoxelModel

if TYPE_CHECKING:
    from spondyl.mechanics.gpu.cycle import DeviceLevel, DeviceOperator

PARTIAL_SUMS = 32768
"""Threads that share an inner product; each leaves one number for the CPU to add. Own choice: fills a large GPU with
few enough numbers to fetch in some microseconds. Fixed, so that the order of the sum is."""


def solve_on_gpu(model: VoxelModel, *, tolerance: float = TOLERANCE, max_iterations: int = MAX_ITERATIONS) -> Solution:
    """Static equilibrium of a voxel model; free rigid motions are taken out as `mechanics.solve.solve` does.

    Raises ModelError for a model that can't be posed, SpondylError where there is no GPU or too little memory on it.
    """
    reason = why_not()
    if reason is not None:
        raise SpondylError(reason, INSTALL)
    check(model)
    modulus = np.ascontiguousarray(model.modulus_mpa.T, dtype=np.float64)
    held = model.held.transpose(0, 3, 2, 1)
    grid = lattice(modulus > 0)
    rigid = free_rigid_modes(grid, model.spacing_mm, held)
    force = np.zeros(model.held.shape) if model.force_n is None else model.force_n
    _check_balance(rigid, to_vector(grid, force))
    with workers(None) as team:
        levels = boxed_levels(hierarchy(grid, modulus, model.spacing_mm, model.poisson_ratio, held, team))
    stiffness = boxed_operator(operator(grid, modulus, model.spacing_mm, model.poisson_ratio))
    box = stiffness.box
    _check_memory(box)

    fixed = box.vector(model.held, np.bool_)
    prescribed = box.vector(np.where(model.held, model.displacement_mm, 0))
    load = box.vector(force)
    with _small_grids_are_meant():
        from spondyl.mechanics.gpu.cycle import levels_on_device, on_device

        device_levels = levels_on_device(levels)
        double = on_device(stiffness, device_levels[0].operator.places)
        right_side = np.where(fixed, 0, load - _applied(double, prescribed))
        change, report = _conjugate_gradients(double, device_levels, right_side, tolerance, max_iterations)
        displacement = prescribed + box.vector(_without(rigid, grid, box.nodal(change)))
        reaction = np.where(fixed, _applied(double, displacement) - load, 0)
    return Solution(box.nodal(displacement), box.nodal(reaction), report, grid.element_count)


@contextmanager
def _small_grids_are_meant() -> Iterator[None]:
    """Numba warns of launches too small to fill a GPU; coarse levels are."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size .* under-utilization")
        yield


def _without(rigid: NDArray[np.float64], grid: Lattice, nodal: NDArray[np.float64]) -> NDArray[np.float64]:
    """A displacement without its share of the free rigid motions."""
    if not len(rigid):
        return nodal
    change = to_vector(grid, nodal)
    change -= (rigid @ change) @ rigid
    return to_array(grid, change)


def _check_memory(box: Box) -> None:
    from numba import cuda

    free, needed = cuda.current_context().get_memory_info().free, BYTES_A_PLACE * box.size
    if needed > free:
        raise SpondylError(
            f"The model's box of {box.size} voxels needs about {needed / 1e9:.1f} GB on the GPU, which has "
            f"{free / 1e9:.1f} GB free.",
            "Crop the box to the bone, take larger voxels, or solve on the CPU, which stores no void.",
        )


def _applied(stiffness: DeviceOperator, vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """K times a vector of the CPU's."""
    from numba import cuda

    product = cuda.to_device(np.zeros_like(vector))
    stiffness.apply(cuda.to_device(vector), product)
    return product.copy_to_host()


@dataclass(frozen=True, eq=False)
class _Sums:
    """Inner products over a level's nodes, added in an order that depends on the problem alone."""

    stiffness: DeviceOperator
    partial: Any

    def __call__(self, a: Any, b: Any) -> float:
        from spondyl.mechanics.gpu import kernels
        from spondyl.mechanics.gpu.cycle import launch

        launch(kernels.inner, len(self.partial), a, b, self.partial, *self.stiffness.of_nodes)
        return float(self.partial.copy_to_host().sum())


def _conjugate_gradients(
    stiffness: DeviceOperator,
    levels: list[DeviceLevel],
    right_side: NDArray[np.float64],
    tolerance: float,
    max_iterations: int,
) -> tuple[NDArray[np.float64], SolveReport]:
    """The CPU's iteration, step for step."""
    from numba import cuda

    from spondyl.mechanics.gpu import kernels
    from spondyl.mechanics.gpu.cycle import launch, v_cycle

    nodes, of_nodes = stiffness.nodes, stiffness.of_nodes
    x, p, product = (cuda.to_device(np.zeros_like(right_side)) for _ in range(3))
    r = cuda.to_device(right_side)
    dot = _Sums(stiffness, cuda.to_device(np.zeros(min(PARTIAL_SUMS, nodes))))
    start = norm = dot(r, r) ** 0.5
    history: list[float] = []
    previous = 1.0
    while norm > tolerance * start and len(history) < max_iterations:
        # The cycle sees a residual of length 1: single precision must not underflow as the residual shrinks.
        launch(kernels.to_single, nodes, r, 1 / norm, levels[0].vectors[0], *of_nodes)
        z = v_cycle(levels)
        along = dot(r, z) * norm
        launch(kernels.new_direction, nodes, p, z, norm, along / previous if history else 0.0, *of_nodes)
        stiffness.apply(p, product)
        launch(kernels.keep_free, nodes, levels[0].weight, product, *of_nodes)
        launch(kernels.advance, nodes, x, r, p, product, along / dot(p, product), *of_nodes)
        norm = dot(r, r) ** 0.5
        history.append(norm / start)
        previous = along
    return x.copy_to_host(), _report(history, tolerance)
