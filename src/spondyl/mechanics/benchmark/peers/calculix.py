"""CalculiX: the open finite-element program of most micro-CT work. Here as one C3D8 (eight nodes, full integration).

Printed results have seven significant digits (`1pe13.6`): 5e-7 of each number at most, and no better can be shown.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.benchmark.peers.outcome import LIMIT_S, THREADS, Kept, NotInstalled, Outcome
from spondyl.mechanics.benchmark.problem import Mesh, load, mesh_of
from spondyl.mechanics.benchmark.process import run_measured

INSTALL = "apt-get install calculix-ccx"
SOLVERS = {"direct": "SPOOLES", "iterative": "ITERATIVE SCALING", "iterative Cholesky": "ITERATIVE CHOLESKY"}
RELATIVE_STEP = 5e-7
"""Half of the last printed digit, of a number that starts with 1."""


def solve(kept: Kept, folder: Path, solver: str) -> Outcome:
    """Time and force of a kept problem; `solver` is a key of SOLVERS.

    The time is that of the program alone, from its input file on; writing that file is ours and not counted.
    """
    if shutil.which("ccx") is None:
        raise NotInstalled(INSTALL)
    # In a process of its own: a program's peak memory counts from that of the process that started it.
    command: list[str | Path] = [sys.executable, "-m", __name__, kept.model, folder / "model.inp", SOLVERS[solver]]
    run_measured(command, folder, limit_s=LIMIT_S)
    return run(folder)


def run(folder: Path) -> Outcome:
    """Solve folder/model.inp of `write_input`. Raises NotInstalled, CommandFailed."""
    ccx = shutil.which("ccx")
    if ccx is None:
        raise NotInstalled(INSTALL)
    threads = {"OMP_NUM_THREADS": str(THREADS), "CCX_NPROC_EQUATION_SOLVER": str(THREADS)}
    ran = run_measured([ccx, "-i", "model"], folder, limit_s=LIMIT_S, environment=threads)
    version = re.search(r"Version ([\d.]+\d)", ran.output)
    steps = re.findall(r"iteration=\s*(\d+)", ran.output)
    return Outcome(
        seconds=ran.seconds,
        judged_seconds=ran.seconds,
        force_n=total_force(folder / "model.dat"),
        peak_mb=ran.peak_mb,
        version=f"CalculiX {version[1] if version else ''}".strip(),
        iterations=int(steps[-1]) if steps else None,
    )


def write_input(mesh: Mesh, poisson_ratio: float, path: Path, solver: str, *, every_node: bool) -> None:
    """One linear static step. `every_node`: print the displacement and reaction of each node too."""
    with path.open("w") as out:
        out.write("*NODE, NSET=ALL\n")
        out.writelines(f"{i},{x:.12e},{y:.12e},{z:.12e}\n" for i, (x, y, z) in enumerate(mesh.node_mm, start=1))
        moduli, of_element = np.unique(mesh.modulus_mpa, return_inverse=True)
        order = np.argsort(of_element, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(of_element))[:-1])
        for material, (modulus, elements) in enumerate(zip(moduli, groups, strict=True)):
            out.write(f"*ELEMENT, TYPE=C3D8, ELSET=E{material}\n")
            out.writelines(f"{e + 1}," + ",".join(map(str, mesh.corner[e] + 1)) + "\n" for e in elements)
            out.write(f"*MATERIAL, NAME=M{material}\n*ELASTIC\n{modulus:.13e},{poisson_ratio:.12f}\n")
            out.write(f"*SOLID SECTION, ELSET=E{material}, MATERIAL=M{material}\n")
        moved = np.flatnonzero(mesh.displacement_mm.any(axis=1))
        out.write("*NSET, NSET=MOVED\n" + "".join(f"{node + 1},\n" for node in moved))
        out.write("*BOUNDARY\n")
        for node, axis in np.argwhere(mesh.held):
            out.write(f"{node + 1},{axis + 1},{axis + 1},{mesh.displacement_mm[node, axis]:.12e}\n")
        out.write(f"*STEP\n*STATIC, SOLVER={solver}\n")
        if every_node:
            out.write("*NODE PRINT, NSET=ALL\nU,RF\n")
        out.write("*NODE PRINT, NSET=MOVED, TOTALS=ONLY\nRF\n*END STEP\n")


def total_force(path: Path) -> float:
    """Length of the last total reaction printed in a .dat file, along z."""
    totals = re.findall(r"total force.*?\n\s*\n\s*(\S+)\s+(\S+)\s+(\S+)", path.read_text(), flags=re.DOTALL)
    return abs(float(totals[-1][2]))


def nodal_results(path: Path, nodes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displacements and reactions (n, 3) of a .dat file written with `every_node`."""
    tables = re.findall(
        r"^ (displacements|forces) .*?set ALL.*?\n\s*\n(.*?)(?=\n\s*\n|\Z)", path.read_text(), re.M | re.S
    )
    found = {name: np.array(rows.split(), dtype=np.float64).reshape(-1, 4) for name, rows in tables}
    for rows in found.values():
        if len(rows) != nodes:
            raise ValueError(f"{len(rows)} nodes in {path.name} instead of {nodes}")
    return found["displacements"][:, 1:], found["forces"][:, 1:]


if __name__ == "__main__":
    asked = load(Path(sys.argv[1]))
    write_input(mesh_of(asked), asked.poisson_ratio, Path(sys.argv[2]), sys.argv[3], every_node=False)
