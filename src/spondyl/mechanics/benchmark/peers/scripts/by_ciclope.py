"""Solve a kept model with ciclope and CalculiX. Run by an interpreter that has ciclope; knows no Spondyl.

ciclope makes the mesh and the input file (one element set a grey value), CalculiX solves it iteratively.
"""
# mypy: ignore-errors
# Not part of the package: it sees the libraries of another interpreter.

import json
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ciclope.core.voxelFE import mesh2voxelfe, vol2ugrid

MATERIAL = "*MATERIAL, NAME=MatName\n*ELASTIC\nGV, {ratio}\n*SOLID SECTION, ELSET=SetName, MATERIAL=MatName\n"
STEP = """*BOUNDARY
NODES_Z0, 1, 3, 0.0
NODES_Z1, 1, 2, 0.0
NODES_Z1, 3, 3, {down:.12e}
*STEP
*STATIC, SOLVER=ITERATIVE SCALING
*NODE PRINT, NSET=NODES_Z1, TOTALS=ONLY
RF
*END STEP
"""


def main(path):
    with np.load(path) as kept:
        modulus, spacing = kept["modulus_mpa"], [float(step) for step in kept["spacing_mm"]]
        moved = np.where(kept["held"], kept["displacement_mm"], 0)
        ratio = float(kept["poisson_ratio"])
    grey = np.rint(modulus).astype(np.int32)  # the modulus in MPa is the grey value
    assert np.array_equal(grey, modulus)
    Path("material.inp").write_text(MATERIAL.format(ratio=ratio))
    Path("step.inp").write_text(STEP.format(down=moved[2].min()))
    start = time.perf_counter()
    mesh = vol2ugrid(grey.T, spacing, locking_strategy="exact")
    mesh.cell_data = {"GV": [np.array(mesh.cell_data["GV"][0])]}
    mesh2voxelfe(
        mesh,
        "step.inp",
        "model.inp",
        matprop={"file": ["material.inp"], "range": [[1, int(grey.max())]]},
        keywords=["NSET", "PROPERTY"],
        matpropbits=16,
    )
    written = time.perf_counter()
    subprocess.run(["ccx", "-i", "model"], check=True, stdout=sys.stdout)
    end = time.perf_counter()
    totals = re.findall(r"total force.*?\n\s*\n\s*(\S+)\s+(\S+)\s+(\S+)", Path("model.dat").read_text(), re.DOTALL)
    result = {
        "seconds": end - start,
        "judged_seconds": end - start,
        "force_n": abs(float(totals[-1][2])),
        "version": f"ciclope {version('ciclope')}",
        "parts": {"mesh and input file": written - start, "program": end - written},
    }
    sys.stdout.write("\nRESULT " + json.dumps(result) + "\n")


main(sys.argv[1])
