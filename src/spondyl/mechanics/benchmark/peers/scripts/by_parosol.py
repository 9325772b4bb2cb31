"""Solve a kept model with parosol-py on two MPI ranks. Run by an interpreter that has parosol-py; knows no Spondyl."""
# mypy: ignore-errors
# Not part of the package: it sees the libraries of another interpreter.

import json
import sys
import time
from importlib.metadata import version

import h5py
import numpy as np
from parosol_py import solve

RANKS = 2


def main(path):
    with np.load(path) as kept:
        modulus, spacing = kept["modulus_mpa"], kept["spacing_mm"]
        moved = np.where(kept["held"], kept["displacement_mm"], 0)
        ratio = float(kept["poisson_ratio"])
    shortening = -moved[2].min()
    start = time.perf_counter()
    # Both end faces bonded, the upper one moved along z: its own axial case, the same supports as the model's.
    answer = solve(
        material=modulus,
        array_order="xyz",
        material_unit="MPa",
        spacing=tuple(spacing),
        poisson_ratio=ratio,
        strain=-shortening / (modulus.shape[2] * spacing[2]),
        tolerance=1e-6,
        mpi_processes=RANKS,
        outputs=(),
        work_dir="parosol",
    )
    seconds = time.perf_counter() - start
    with h5py.File(answer.input_file) as file:
        height, force = file["Mesh/Coordinates"][:, 2], file["Solution/force"][:, 2]
    result = {
        "seconds": seconds,
        "judged_seconds": answer.summary.run.overall_time_seconds,
        "force_n": abs(float(force[height == height.max()].sum())),
        "iterations": answer.summary.run.iterations,
        "version": f"parosol-py {version('parosol-py')}",
        "parts": {"program": answer.summary.run.overall_time_seconds},
    }
    sys.stdout.write("RESULT " + json.dumps(result) + "\n")


main(sys.argv[1])
