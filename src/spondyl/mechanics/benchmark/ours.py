"""Spondyl's own measurements, each meant for a fresh process: `python -m spondyl.mechanics.benchmark.ours NAME ...`."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.mechanics.benchmark.problem import force_n, load, save, save_mesh, study
from spondyl.mechanics.compiled import BLOCK, kernel, workers
from spondyl.mechanics.solve import Solution, solve
from spondyl.values.voxel_model import VoxelModel

TOLERANCE = 1e-6
"""Relative residual every iterative solver is asked for."""
MARK = "RESULT "
YIELD_STRAIN = 0.0085
"""Strain at which the timed curve's voxels yield, in tension and compression. Own choice, near trabecular bone's."""
LAST_STRAIN = 0.03
CURVE_STEPS = 10
TRIAD_ENTRIES = 32_000_000
"""256 MB an array: far over any cache."""
TRIAD_REPETITIONS = 8
COARSE_MM = 2.0
"""The small cylinder of the cold start."""

Result = dict[str, Any]


def timed(task: Callable[[], Any], repetitions: int) -> tuple[list[float], Any]:
    """Seconds of each repetition, after one that does not count, and the last answer."""
    answer = task()
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        answer = task()
        seconds.append(time.perf_counter() - start)
    return seconds, answer


def linear(model_file: str, threads: str, repetitions: str) -> Result:
    """From the model to displacements and reactions, all set-up included; compiled code at hand."""
    model = load(Path(model_file))
    solve(study(COARSE_MM))
    before_mb = _peak_mb()
    seconds, solution = timed(lambda: solve(model, tolerance=TOLERANCE, threads=int(threads)), int(repetitions))
    return {"seconds": seconds, "before_mb": before_mb, **_told(model, solution)}


def assembled(model_file: str) -> Result:
    """The same by SciPy: one assembled matrix, conjugate gradients over its diagonal."""
    import scipy

    from spondyl.mechanics.reference import solve_assembled

    model = load(Path(model_file))
    start = time.perf_counter()
    solution = solve_assembled(model, tolerance=TOLERANCE)
    seconds = time.perf_counter() - start
    told = _told(model, solution)
    return {
        "seconds": seconds,
        "judged_seconds": seconds,
        "force_n": told["force_n"],
        "iterations": told["iterations"],
        "residual": told["residual"],
        "version": f"SciPy {scipy.__version__}",
    }


def curve(model_file: str, threads: str, repetitions: str) -> Result:
    """Perfect plasticity to 3 % apparent strain in equal steps, from the model to the last force."""
    from spondyl.mechanics.curve import load_curve
    from spondyl.mechanics.plasticity import Plasticity

    model = load(Path(model_file))
    model = VoxelModel(
        model.modulus_mpa,
        model.spacing_mm,
        model.poisson_ratio,
        model.held,
        model.displacement_mm * (LAST_STRAIN / _strain(model)),
    )
    yields = YIELD_STRAIN * model.modulus_mpa
    # The middle of the moved face: only the printed moments depend on it.
    about = tuple(size * step / 2 for size, step in zip(model.modulus_mpa.shape, model.spacing_mm, strict=True))

    def task() -> Any:
        return load_curve(
            model,
            Plasticity(yields, yields, 1.0, np.inf),
            steps=[step / CURVE_STEPS for step in range(1, CURVE_STEPS + 1)],
            about_mm=about,
            stop_below_peak=0.0,
            threads=int(threads),
        )

    seconds, answer = timed(task, int(repetitions))
    return {
        "seconds": seconds,
        "elements": int((model.modulus_mpa > 0).sum()),
        "steps": len(answer.load_factor) - 1,
        "cycles": int(answer.iterations),
        "force_n": float(abs(answer.force_n[-1, 2])),
        "yielded_share": float(answer.yielded_share[-1]),
        "status": str(answer.status),
    }


def throughput(model_file: str, dtype: str, threads: str, repetitions: str) -> Result:
    """Elements a second and bytes a second of y = K u by the least traffic there can be.

    Least traffic: 3 values of u read and 3 of y written a node, 1 modulus read an element, nothing twice. Like STREAM's
    own count it leaves out that a written line is read first.
    """
    from spondyl.mechanics.grid import lattice
    from spondyl.mechanics.operator import operator

    model = load(Path(model_file))
    modulus = np.ascontiguousarray(model.modulus_mpa.T)
    grid = lattice(modulus > 0)
    stiffness = operator(grid, modulus, model.spacing_mm, model.poisson_ratio, np.dtype(dtype))
    u = np.random.default_rng(0).standard_normal(3 * grid.stride).astype(dtype)
    product = np.zeros_like(u)
    with workers(int(threads)) as team:
        seconds, _ = timed(lambda: stiffness.apply(u, product, team), int(repetitions))
    traffic = (6 * grid.node_count + grid.element_count) * u.itemsize
    return {
        "seconds": seconds,
        "elements": grid.element_count,
        "elements_per_s": grid.element_count / min(seconds),
        "least_traffic_bytes": traffic,
        "bytes_per_s": traffic / min(seconds),
    }


@kernel
def _triad(begin: int, step: int, a: Any, b: Any, c: Any, factor: float) -> None:
    for block in range(begin, (len(a) + BLOCK - 1) // BLOCK, step):
        target = a[block * BLOCK : (block + 1) * BLOCK]
        left, right = b[block * BLOCK : (block + 1) * BLOCK], c[block * BLOCK : (block + 1) * BLOCK]
        for i in range(len(target)):
            target[i] = left[i] + factor * right[i]


def triad(threads: str) -> Result:
    """STREAM's triad a = b + s c in double precision: 24 bytes an entry."""
    a, b, c = (np.full(TRIAD_ENTRIES, value) for value in (0.0, 1.0, 2.0))
    with workers(int(threads)) as team:
        seconds, _ = timed(lambda: team.run(_triad, a, b, c, 3.0), TRIAD_REPETITIONS)
    return {"seconds": seconds, "bytes_per_s": 24 * TRIAD_ENTRIES / min(seconds)}


def keep_model(spacing_mm: str, file: str) -> Result:
    """Make the timed cylinder."""
    save(study(float(spacing_mm)), Path(file))
    return {}


def keep_mesh(model_file: str, file: str) -> Result:
    """Make the lists that other programs want."""
    save_mesh(load(Path(model_file)), Path(file))
    return {}


def first_call() -> Result:
    """Seconds of the first solve in a process."""
    model = study(COARSE_MM)
    start = time.perf_counter()
    solve(model)
    return {"seconds": time.perf_counter() - start}


def _strain(model: VoxelModel) -> float:
    return float(abs(model.displacement_mm).max() / (model.modulus_mpa.shape[2] * model.spacing_mm[2]))


def _told(model: VoxelModel, solution: Solution) -> Result:
    return {
        "elements": solution.elements,
        "iterations": solution.report.iterations,
        "status": str(solution.report.status),
        "residual": solution.report.residuals[-1] if solution.report.residuals else 0.0,
        "force_n": force_n(model, solution.reaction_n),
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


MEASUREMENTS: dict[str, Callable[..., Result]] = {
    "linear": linear,
    "assembled": assembled,
    "curve": curve,
    "throughput": throughput,
    "triad": triad,
    "first-call": first_call,
    "keep-model": keep_model,
    "keep-mesh": keep_mesh,
}

if __name__ == "__main__":
    sys.stdout.write(MARK + json.dumps(MEASUREMENTS[sys.argv[1]](*sys.argv[2:])) + "\n")
