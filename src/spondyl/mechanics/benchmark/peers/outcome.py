"""What a peer is given and gives back, and how a peer that is a Python package is run in an interpreter of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spondyl.mechanics.benchmark.process import Ran, python_with, run_measured

THREADS = 2
LIMIT_S = 3600.0
MARK = "RESULT "
"""A script prints its result as JSON on a line that starts so."""
SCRIPTS = Path(__file__).parent / "scripts"


class NotInstalled(Exception):
    """The program is not on this machine; the text says how to get it."""


@dataclass(frozen=True)
class Kept:
    """One problem on disk, for programs that know no Spondyl."""

    model: Path
    """Voxels and supports, `problem.save`."""
    mesh: Path
    """Nodes, elements, the element's stiffness for 1 MPa, supports: `problem.save_mesh`."""


@dataclass(frozen=True)
class Outcome:
    seconds: float
    """From the voxels, the element list or (CalculiX) its input file to the answer."""
    judged_seconds: float
    """The part of it that is compared: without assembling and writing files where these can be told apart."""
    force_n: float
    peak_mb: float
    """Of its largest process, in 1e6 bytes."""
    version: str
    iterations: int | None = None
    residual: float | None = None
    """Relative, computed from its answer and the assembled matrix."""
    parts: dict[str, float] = field(default_factory=dict)
    """Seconds of the steps it can tell apart."""


def run_script(
    name: str, module: str, install: str, kept: Path, folder: Path, launcher: Sequence[str | Path] = ()
) -> Outcome:
    """Run one of `scripts` in an interpreter that has `module`; `launcher` (mpirun and the like) goes before it."""
    found = python_with(module)
    if found is None:
        raise NotInstalled(install)
    python, environment = found
    # Ranks of a launcher share the cores; a process by itself may use both.
    threads = "1" if launcher else str(THREADS)
    limits = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    return run_python([*launcher, python, SCRIPTS / name, kept], folder, {**environment, **limits})


def run_python(command: Sequence[str | Path], folder: Path, environment: dict[str, str]) -> Outcome:
    """Run a command that prints its result after `MARK`."""
    ran = run_measured(command, folder, limit_s=LIMIT_S, environment=environment)
    return Outcome(**{"peak_mb": ran.peak_mb, **result_of(ran)})


def result_of(ran: Ran) -> dict[str, Any]:
    """What a command printed after `MARK`."""
    told = [line for line in ran.output.splitlines() if line.startswith(MARK)]
    return dict(json.loads(told[-1].removeprefix(MARK)))
