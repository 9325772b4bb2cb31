"""Run a command and say how long it took and how much memory its largest process held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PEERS_FOLDER = "SPONDYL_PEERS"
"""Environment variable that names the virtual environment the other programs were installed into."""
DEFAULT_PEERS_FOLDER = Path("build/peers")
DEBIAN_PYTHON = Path("/usr/bin/python3")
DEBIAN_PETSC = Path("/usr/lib/petscdir")
LINES_TOLD = 15


@dataclass(frozen=True)
class Ran:
    seconds: float
    peak_mb: float
    """Largest resident set of the command or of one process it waited for, in 1e6 bytes."""
    code: int
    output: str


class CommandFailed(Exception):
    """A measurement's command failed; the text is the end of what it said."""


def run_measured(
    command: Sequence[str | Path], folder: Path, *, limit_s: float, environment: Mapping[str, str] | None = None
) -> Ran:
    """Run to the end, or to `limit_s`. Raises CommandFailed where it ends badly.

    Linux counts a child's peak memory from its parent's: call this from a process that has never been large.
    """
    log = folder / "output.txt"
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that what it starts can be ended with it
        )
        stopper = threading.Timer(limit_s, os.killpg, (process.pid, signal.SIGTERM))
        stopper.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
        finally:
            stopper.cancel()
        seconds = time.perf_counter() - start
    process.returncode = code = os.waitstatus_to_exitcode(status)
    told = log.read_text(errors="replace")
    if code != 0:
        late = f" (stopped after {limit_s:.0f} s)" if seconds >= limit_s else ""
        raise CommandFailed(f"exit {code}{late}: " + "\n".join(told.strip().splitlines()[-LINES_TOLD:]))
    return Ran(seconds, used.ru_maxrss * 1024 / 1e6, code, told)


def peers_python() -> Path:
    """The interpreter of the virtual environment that holds the other programs."""
    folder = Path(os.environ.get(PEERS_FOLDER, DEFAULT_PEERS_FOLDER))
    return folder.absolute() / "bin" / "python"


@cache
def python_with(module: str) -> tuple[Path, dict[str, str]] | None:
    """An interpreter that can import `module`, and the environment it needs: the peers', this one, or Debian's."""
    places: list[tuple[Path, dict[str, str]]] = [(peers_python(), {}), (Path(sys.executable), {}), (DEBIAN_PYTHON, {})]
    places += [
        (DEBIAN_PYTHON, {"PYTHONPATH": str(packages)})
        for packages in sorted(DEBIAN_PETSC.glob("*/*-real/lib/python3/dist-packages"))
    ]
    for python, environment in places:
        if python.exists() and _imports(python, module, environment):
            return python, environment
    return None


def _imports(python: Path, module: str, environment: dict[str, str]) -> bool:
    command = [str(python), "-c", f"import {module}"]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True).returncode == 0
