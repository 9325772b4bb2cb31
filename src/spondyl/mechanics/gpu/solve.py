"""`mechanics.solve` with its iterations on the GPU: the same model in, the same Solution out.

The CPU's code makes the levels, coarse moduli and eigenvalues; conjugate gradients and the V-cycle run on the device.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import SpondylError
from spondyl.mechanics.gpu.boxes import BYTES_A_PLACE, Box, boxed_levels, boxed_operator
from spondyl.mechanics.gpu.device import INSTALL, why_not
from spondyl.mechanics.krylov import ROUND_OFF
from spondyl.mechanics.solve import (
    MAX_ITERATIONS,
    TOLERANCE,
    Solution,
    System,
    _check_balance,
    _report,
    prepare,
    to_array,
    to_vector,
)
from spondyl.values.voxel_model import VoxelModel


def solve_on_gpu(model: VoxelModel, *, tolerance: float = TOLERANCE, max_iterations: int = MAX_ITERATIONS) -> Solution:
    """Static equilibrium of a voxel model; free rigid motions are taken out as `mechanics.solve.solve` does.

    The same to the last bit in every run on one device. Raises ModelError for a model that can't be posed,
    SpondylError where there is no GPU or too little memory on it.
    """
    reason = why_not()
    if reason is not None:
        raise SpondylError(reason, INSTALL)
    system = prepare(model)
    force = np.zeros(model.held.shape) if model.force_n is None else model.force_n
    _check_balance(system.motions, to_vector(system.stiffness.lattice, force))
    stiffness, levels = boxed_operator(system.stiffness), boxed_levels(system.levels)
    box = stiffness.box
    _check_memory(box)
    fixed = box.vector(model.held, np.bool_)
    prescribed, load = (box.vector(np.where(model.held, model.displacement_mm, 0)), box.vector(force))
    with _small_grids_are_meant():
        from spondyl.mechanics.gpu.cycle import levels_on_device, on_device
        from spondyl.mechanics.gpu.krylov import conjugate_gradients, search

        device_levels = levels_on_device(levels)
        found = search(on_device(stiffness, device_levels[0].operator.places), device_levels, load, prescribed)
        history, outcome = conjugate_gradients(found, tolerance, max_iterations)
        displacement = _without_free_motions(system, box.nodal(found.x.copy_to_host()))
        reaction = np.where(fixed, found.product.copy_to_host() - load, 0)
    report = _report(history, tolerance, round_off=outcome == ROUND_OFF)
    return Solution(displacement, box.nodal(reaction), report, system.stiffness.lattice.element_count)


@contextmanager
def _small_grids_are_meant() -> Iterator[None]:
    """Numba warns of launches too small to fill a GPU; coarse levels are."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size .* under-utilization")
        yield


def _without_free_motions(system: System, nodal: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(system.motions):
        return nodal
    grid = system.stiffness.lattice
    vector = to_vector(grid, nodal)
    system.motions.add(-(system.motions @ vector), vector)
    return to_array(grid, vector)


def _check_memory(box: Box) -> None:
    from numba import cuda

    free, needed = (cuda.current_context().get_memory_info().free, BYTES_A_PLACE * box.size)
    if needed > free:
        raise SpondylError(
            f"The model's box of {box.size} voxels needs about {needed / 1e9:.1f} GB on the GPU, which has "
            f"{free / 1e9:.1f} GB free.",
            "Crop the box to the bone, take larger voxels, or solve on the CPU, which stores no void.",
        )
