"""Time and iterations of the voxel solver, and how much faster it is than an assembled SciPy solve of the same model.

    python benchmarks/mechanics.py                 the elliptic cylinder at 1.0 and 0.5 mm (SciPy: minutes, 5 GB)
    python benchmarks/mechanics.py --fast          the same without SciPy
    python benchmarks/mechanics.py --published     the published vertebra by both solvers, from nothing (minutes)

The cylinder is 48 x 36 x 28 mm with a random core, a stiff shell and a lytic hole; bonded ends, pressed by 1 %.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from spondyl.mechanics.reference import solve_assembled
from spondyl.mechanics.solve import Solution, solve
from spondyl.values.voxel_model import VoxelModel

TESTS = Path(__file__).resolve().parents[1] / "tests"
REPEATS = 5


def from_tests(name: str) -> ModuleType:
    """A module of the tests' folder: the models are the very ones that are tested."""
    sys.path.insert(0, str(TESTS))
    spec = importlib.util.spec_from_file_location(Path(name).stem, TESTS / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def timed(task: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = task()
    return time.perf_counter() - start, result


def line(name: str, seconds: float, solution: Solution, ratio: str = "") -> None:
    force = -solution.reaction_n[2][..., solution.reaction_n[2].sum(axis=(0, 1)) < 0].sum()
    print(
        f"{name:34s} {solution.elements:8d} elements {seconds:8.3f} s {solution.report.iterations:5d} iterations "
        f"{force:12.2f} N  {ratio}",
        flush=True,
    )


def compare(name: str, model: VoxelModel, *, with_reference: bool) -> None:
    solve(model)
    best = np.inf
    for threads in (1, 2):
        seconds, solution = min((timed(lambda t=threads: solve(model, threads=t)) for _ in range(REPEATS)), key=first)
        line(f"{name}, {threads} thread(s)", seconds, solution)
        best = min(best, seconds)
    if with_reference:
        seconds, solution = timed(lambda: solve_assembled(model, tolerance=1e-6))
        line(f"{name}, SciPy assembled", seconds, solution, f"{seconds / best:.0f} times as long")


def first(pair: tuple[float, Any]) -> float:
    return pair[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="without the SciPy reference")
    parser.add_argument("--published", action="store_true", help="the published vertebra instead of the cylinder")
    chosen = parser.parse_args()
    models = from_tests("mechanics/models.py")
    if chosen.published:
        compare("published L2", models.published_vertebra(), with_reference=not chosen.fast)
        return
    for step in (1.0, 0.5):
        model = models.pressed(models.cylinder(step), (step,) * 3, bonded=True)
        compare(f"cylinder, {step} mm", model, with_reference=not chosen.fast)


if __name__ == "__main__":
    main()
