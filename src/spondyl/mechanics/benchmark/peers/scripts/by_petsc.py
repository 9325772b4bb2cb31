"""Solve a kept mesh with PETSc: CG and GAMG with the rigid-body modes. Run under mpirun; knows no Spondyl.

Each rank owns a slab of nodes (they are numbered layer by layer) and assembles the elements that lie on it first.
"""
# mypy: ignore-errors
# Not part of the package: it sees the libraries of another interpreter.

import json
import sys
import time

import numpy as np
import petsc4py

petsc4py.init([sys.argv[0]])
from petsc4py import PETSc  # noqa: E402

AT_ONCE = 20000  # elements whose dense matrices are held in memory together
OPTIONS = {
    "ksp_type": "cg",
    "ksp_rtol": 1e-6,
    "ksp_norm_type": "unpreconditioned",
    "pc_type": "gamg",
    "pc_gamg_type": "agg",
    "pc_gamg_agg_nsmooths": 1,
    "pc_gamg_threshold": -1.0,
    "mg_levels_ksp_type": "chebyshev",
    "mg_levels_pc_type": "jacobi",  # with SOR, PETSc 3.18 gives NaN on this matrix
}


def share(count, comm):
    return comm.rank * count // comm.size, (comm.rank + 1) * count // comm.size


def assembled(kept, number, nodes, comm):
    """Matrix and right side of the free nodes; a negative number marks a held node, whose entries are ignored."""
    corner, modulus, element = number[kept["corner"]], kept["modulus_mpa"], kept["element"]
    low, high = share(nodes, comm)
    local = 3 * (high - low)
    matrix = PETSc.Mat().createAIJ(((local, 3 * nodes), (local, 3 * nodes)), bsize=3, nnz=(81, 81), comm=comm)
    right_side = matrix.createVecLeft()
    first = np.where(corner >= 0, corner, nodes).min(axis=1)
    mine = np.flatnonzero((first >= low) & (first < high))
    for start in range(0, len(mine), AT_ONCE):
        some = mine[start : start + AT_ONCE]
        dense = modulus[some, None, None] * element
        matrix.setValuesBlockedRCV(corner[some], corner[some], dense.reshape(len(some), -1), addv=True)
        pushed = some[(corner[some] < 0).any(axis=1)]
        prescribed = kept["displacement_mm"][kept["corner"][pushed]].reshape(-1, 24)
        force = -modulus[pushed, None] * (prescribed @ element)
        right_side.setValuesBlocked(corner[pushed].ravel(), force.ravel(), addv=True)
    matrix.assemble()
    right_side.assemble()
    return matrix, right_side


def with_rigid_modes(matrix, node_mm):
    coordinates = matrix.createVecRight()
    coordinates.array[:] = node_mm.ravel()
    coordinates.setBlockSize(3)
    matrix.setNearNullSpace(PETSc.NullSpace().createRigidBody(coordinates))


def force_n(kept, u):
    """Work of the reactions over the largest prescribed displacement."""
    corner, moved = kept["corner"], kept["displacement_mm"]
    near = moved[corner].any(axis=(1, 2))
    force = kept["modulus_mpa"][near, None] * (u[corner[near]].reshape(-1, 24) @ kept["element"])
    return abs(float((force * moved[corner[near]].reshape(-1, 24)).sum())) / float(abs(moved).max())


def main(path):
    comm = PETSc.COMM_WORLD
    with np.load(path) as file:
        kept = dict(file)
    options = PETSc.Options()
    for name, value in OPTIONS.items():
        options[name] = value
    held = kept["held"].all(axis=1)
    assert (held == kept["held"].any(axis=1)).all()  # this model holds all three components of a node or none
    comm.barrier()
    start = time.perf_counter()
    nodes = int((~held).sum())
    number = np.where(held, -1, np.cumsum(~held) - 1).astype(PETSc.IntType)
    matrix, right_side = assembled(kept, number, nodes, comm)
    with_rigid_modes(matrix, kept["node_mm"][~held][slice(*share(nodes, comm))])
    comm.barrier()
    ready = time.perf_counter()
    solver = PETSc.KSP().create(comm)
    solver.setOperators(matrix)
    solver.setFromOptions()
    solver.setUp()
    comm.barrier()
    set_up = time.perf_counter()
    solution = matrix.createVecRight()
    solver.solve(right_side, solution)
    comm.barrier()
    end = time.perf_counter()
    relative = (right_side - matrix * solution).norm() / right_side.norm()
    everywhere, all_of_it = PETSc.Scatter.toZero(solution)
    everywhere.scatter(solution, all_of_it)
    if comm.rank == 0:
        u = kept["displacement_mm"].copy()
        u[~held] = all_of_it.array.reshape(-1, 3)
        result = {
            "seconds": end - start,
            "judged_seconds": end - ready,
            "force_n": force_n(kept, u),
            "iterations": solver.getIterationNumber(),
            "residual": relative,
            "version": "PETSc " + ".".join(map(str, PETSc.Sys.getVersion())),
            "parts": {"assembly": ready - start, "set-up": set_up - ready, "solve": end - set_up},
        }
        sys.stdout.write("RESULT " + json.dumps(result) + "\n")


main(sys.argv[1])
