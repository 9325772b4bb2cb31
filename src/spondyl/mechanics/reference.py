"""The slow, readable solver beside the fast one: the same model as one assembled sparse matrix.

It shares nothing with the fast path but the element matrix and the model: it numbers its own nodes, knows no runs, no
multigrid, no single precision.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import cg, spsolve

from spondyl.mechanics.check import check
from spondyl.mechanics.element import Material, Spacing, corner_signs, stiffness
from spondyl.mechanics.solve import Solution
from spondyl.values.strength import SolveReport, SolveStatus
from spondyl.values.voxel_model import TransverselyIsotropic, VoxelModel

DIRECT_UP_TO = 6000
"""Unknowns solved by factorisation; above it, conjugate gradients over the diagonal need less memory. Own choice."""


def assembled(
    modulus_mpa: NDArray[np.float64],
    spacing_mm: Spacing,
    poisson_ratio: float,
    material: NDArray[np.uint8] | None = None,
    grained: tuple[TransverselyIsotropic, ...] = (),
) -> tuple[sparse.csr_array, NDArray[np.int32]]:
    """K for moduli (nx, ny, nz), and each corner's number (nx + 1, ny + 1, nz + 1), -1 where no element is.

    Row 3 n + component belongs to node n.
    """
    active = np.argwhere(modulus_mpa > 0)
    corners = active[:, None, :] + (corner_signs() > 0)
    number = np.full([size + 1 for size in modulus_mpa.shape], -1, dtype=np.int32)
    touched = np.unique(corners.reshape(-1, 3), axis=0)
    number[tuple(touched.T)] = np.arange(len(touched))
    unknown = (3 * number[tuple(np.moveaxis(corners, 2, 0))][:, :, None] + np.arange(3, dtype=np.int32)).reshape(-1, 24)
    materials: tuple[Material, ...] = (poisson_ratio, *grained)
    elements = np.array([stiffness(spacing_mm, each) for each in materials])
    kind = 0 if material is None else material[tuple(active.T)]
    values = modulus_mpa[tuple(active.T)][:, None, None] * elements[kind]
    rows = np.broadcast_to(unknown[:, :, None], values.shape)
    columns = np.broadcast_to(unknown[:, None, :], values.shape)
    size = 3 * len(touched)
    entries = (values.ravel(), (rows.ravel(), columns.ravel()))
    return sparse.coo_array(entries, shape=(size, size)).tocsr(), number


def solve_assembled(
    model: VoxelModel, *, start: Solution | None = None, tolerance: float = 1e-7, max_iterations: int = 20000
) -> Solution:
    """The same answer as `solve.solve` up to free rigid motions, slowly.

    Small models are factorised (the supports must then hold every rigid motion); larger ones are solved to a relative
    residual of `tolerance`, from `start` where one is given: what another solver found is then judged by this matrix,
    and improved only if it falls short.
    """
    check(model)
    matrix, number = assembled(model.modulus_mpa, model.spacing_mm, model.poisson_ratio, model.material, model.grained)
    exists = number >= 0
    at = np.argwhere(exists)[np.argsort(number[exists])]
    nodes = tuple(at.T)
    held = np.moveaxis(model.held, 0, 3)[nodes].ravel()
    u = np.where(held, np.moveaxis(model.displacement_mm, 0, 3)[nodes].ravel(), 0.0)
    load = np.zeros(len(u)) if model.force_n is None else np.moveaxis(model.force_n, 0, 3)[nodes].ravel()
    free = ~held
    inner = matrix[free][:, free]
    right_side = (load - matrix @ u)[free]
    guess = None if start is None else np.moveaxis(start.displacement_mm, 0, 3)[nodes].ravel()[free]
    u[free], report = _solved(inner, right_side, guess, tolerance, max_iterations)
    reaction = np.where(held, matrix @ u - load, 0)
    return Solution(_nodal(u, nodes, number.shape), _nodal(reaction, nodes, number.shape), report, _elements(model))


def _solved(
    matrix: sparse.csr_array,
    right_side: NDArray[np.float64],
    guess: NDArray[np.float64] | None,
    tolerance: float,
    max_iterations: int,
) -> tuple[NDArray[np.float64], SolveReport]:
    if len(right_side) <= DIRECT_UP_TO:
        return spsolve(matrix.tocsc(), right_side), SolveReport(SolveStatus.CONVERGED, 1, ())
    steps: list[int] = []
    scaling = sparse.diags_array(1 / matrix.diagonal())
    u, failed = cg(
        matrix, right_side, guess, rtol=tolerance, maxiter=max_iterations, M=scaling, callback=lambda _: steps.append(1)
    )
    residual = float(np.linalg.norm(right_side - matrix @ u) / np.linalg.norm(right_side))
    status = SolveStatus.NOT_CONVERGED if failed else SolveStatus.CONVERGED
    return u, SolveReport(status, len(steps), (residual,), "Allow more iterations." if failed else "")


def _nodal(values: NDArray[np.float64], nodes: tuple[NDArray, ...], shape: tuple[int, ...]) -> NDArray[np.float64]:
    nodal = np.zeros((3, *shape))
    for axis in range(3):
        nodal[axis][nodes] = values[axis::3]
    return nodal


def _elements(model: VoxelModel) -> int:
    return int((model.modulus_mpa > 0).sum())
