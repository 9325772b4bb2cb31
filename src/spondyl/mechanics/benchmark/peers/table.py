"""The other programs, how to get each, and how large a mesh it is asked for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spondyl.mechanics.benchmark.peers import calculix
from spondyl.mechanics.benchmark.peers.outcome import Kept, NotInstalled, Outcome, run_python, run_script

BY_SCRIPT = "benchmarks/install_peers.sh"


@dataclass(frozen=True)
class Peer:
    name: str
    solve: Callable[[Kept, Path], Outcome]
    """A kept problem and an empty folder to work in; raises NotInstalled or process.CommandFailed."""
    bytes_per_element: float
    """Memory it wants, measured at 0.5 mm (the direct solver at 1.0 mm); a mesh that needs more than there is, is
    left out."""
    largest: int | None = None
    """Elements above which it is not asked, for time."""


def by_parosol(kept: Kept, folder: Path) -> Outcome:
    """ParOSol (matrix-free, geometric multigrid, MPI) through parosol-py, two ranks."""
    return run_script("by_parosol.py", "parosol_py", f"pip install parosol-py ({BY_SCRIPT})", kept.model, folder)


def by_ciclope(kept: Kept, folder: Path) -> Outcome:
    """ciclope writes the input, CalculiX solves it iteratively."""
    if shutil.which("ccx") is None:
        raise NotInstalled(calculix.INSTALL)
    install = f"pip install ciclope opencv-python-headless 'numpy<2' ({BY_SCRIPT})"
    return run_script("by_ciclope.py", "ciclope.core.voxelFE", install, kept.model, folder)


def by_petsc(kept: Kept, folder: Path) -> Outcome:
    """PETSc: assembled matrix, CG with GAMG and the rigid-body modes, two MPI ranks."""
    install = "apt-get install python3-petsc4py openmpi-bin"
    mpirun = shutil.which("mpirun")
    if mpirun is None:
        raise NotInstalled(install)
    as_root = ["--allow-run-as-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    launcher = [mpirun, *as_root, "-np", "2"]
    return run_script("by_petsc.py", "petsc4py.PETSc", install, kept.mesh, folder, launcher)


def by_pyamg(kept: Kept, folder: Path) -> Outcome:
    """PyAMG: assembled matrix, CG with smoothed aggregation and the rigid-body modes."""
    return run_script("by_pyamg.py", "pyamg", f"pip install pyamg ({BY_SCRIPT})", kept.mesh, folder)


def by_scipy(kept: Kept, folder: Path) -> Outcome:
    """SciPy: `mechanics.reference`, assembled matrix, CG over its diagonal."""
    command: list[str | Path] = [sys.executable, "-m", "spondyl.mechanics.benchmark.ours", "assembled", kept.model]
    return run_python(command, folder, {})


def by_calculix(solver: str) -> Callable[[Kept, Path], Outcome]:
    """CalculiX with one of `calculix.SOLVERS`."""
    return partial(calculix.solve, solver=solver)


PEERS = (
    Peer("CalculiX iterative", by_calculix("iterative"), 4.8e3),
    Peer("CalculiX iterative, Cholesky", by_calculix("iterative Cholesky"), 4.8e3, largest=400_000),
    Peer("CalculiX direct", by_calculix("direct"), 60e3, largest=50_000),
    Peer("ciclope + CalculiX", by_ciclope, 4.8e3),
    Peer("parosol-py", by_parosol, 4e3),
    Peer("PETSc GAMG", by_petsc, 12e3),
    Peer("PyAMG", by_pyamg, 25e3),
    Peer("SciPy assembled", by_scipy, 30e3),
)
