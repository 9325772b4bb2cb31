"""Solve a kept mesh with PyAMG: CG and smoothed aggregation with the rigid-body modes. Knows no Spondyl."""
# mypy: ignore-errors
# Not part of the package: it sees the libraries of another interpreter.

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import pyamg
from scipy import sparse


def rigid_motions(node_mm):
    x, y, z = (node_mm - node_mm.mean(axis=0)).T
    modes = np.zeros((len(node_mm), 3, 6))
    modes[:, [0, 1, 2], [0, 1, 2]] = 1
    modes[:, 0, 3], modes[:, 1, 3] = -y, x
    modes[:, 1, 4], modes[:, 2, 4] = -z, y
    modes[:, 2, 5], modes[:, 0, 5] = -x, z
    return modes.reshape(-1, 6)


def main(path):
    with np.load(path) as file:
        kept = dict(file)
    start = time.perf_counter()
    place = (3 * kept["corner"][:, :, None] + np.arange(3, dtype=np.int32)).reshape(-1, 24)
    values = kept["modulus_mpa"][:, None, None] * kept["element"]
    rows, columns = np.repeat(place, 24, axis=1).ravel(), np.tile(place, (1, 24)).ravel()
    matrix = sparse.csr_matrix((values.ravel(), (rows, columns)))
    del values, rows, columns
    u, held = kept["displacement_mm"].ravel(), kept["held"].ravel()
    free = ~held
    # Whole nodes stay together as 3 x 3 blocks: this model holds all three components of a node or none.
    assert (kept["held"].all(axis=1) == kept["held"].any(axis=1)).all()
    inner = matrix[free][:, free].tobsr((3, 3))
    right_side = -(matrix @ u)[free]
    ready = time.perf_counter()
    modes = rigid_motions(kept["node_mm"])[free]
    solver = pyamg.smoothed_aggregation_solver(inner, B=modes, symmetry="symmetric", strength="symmetric")
    set_up = time.perf_counter()
    residuals = []
    u[free] = solver.solve(right_side, tol=1e-6, accel="cg", maxiter=300, residuals=residuals)
    end = time.perf_counter()
    force = (matrix @ u)[held] @ kept["displacement_mm"].ravel()[held] / abs(kept["displacement_mm"]).max()
    result = {
        "seconds": end - start,
        "judged_seconds": end - ready,
        "force_n": abs(float(force)),
        "iterations": len(residuals) - 1,
        "residual": float(np.linalg.norm(right_side - inner @ u[free]) / np.linalg.norm(right_side)),
        "version": f"PyAMG {version('pyamg')}",
        "parts": {"assembly": ready - start, "set-up": set_up - ready, "solve": end - set_up},
    }
    sys.stdout.write("RESULT " + json.dumps(result) + "\n")


main(sys.argv[1])
