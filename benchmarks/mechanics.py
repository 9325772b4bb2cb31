"""`spondyl benchmark mechanics` with the published vertebra among the models where its files are.

    python benchmarks/mechanics.py [--peers] [--fast] [--again] [--out DIR]
    python benchmarks/mechanics.py --published     that vertebra by our solver and SciPy's, from nothing (minutes)

DIR is build/benchmark; mechanics.json, .md and .png of a run worth keeping go to benchmarks/results.
The vertebra needs the files of bonelab_spinefe (VerSe 004, L2), see tests/data.py.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# In place of this folder, whose mechanics.py would hide the tests' folder of that name.
sys.path[0] = str(HERE.parent / "tests")

import pytest  # noqa: E402

from mechanics.models import published_vertebra  # noqa: E402
from spondyl.mechanics.benchmark.problem import force_n, save  # noqa: E402
from spondyl.mechanics.benchmark.run import run  # noqa: E402
from spondyl.mechanics.reference import solve_assembled  # noqa: E402
from spondyl.mechanics.solve import solve  # noqa: E402
from spondyl.values.voxel_model import VoxelModel  # noqa: E402

PUBLISHED = "published L2, 1 mm"


def published() -> VoxelModel | None:
    try:
        return published_vertebra()
    except pytest.skip.Exception as absent:
        print(f"{PUBLISHED}: {absent}", file=sys.stderr)
        return None


def compare(model: VoxelModel) -> None:
    """The published vertebra by both solvers."""
    solve(model)
    for name, task in (("Spondyl", solve), ("SciPy assembled", solve_assembled)):
        start = time.perf_counter()
        solution = task(model, tolerance=1e-6)
        seconds = time.perf_counter() - start
        force = force_n(model, solution.reaction_n)
        print(f"{name:16s} {seconds:8.3f} s {solution.report.iterations:5d} iterations {force:10.2f} N", flush=True)


def told(stage: str, done: int, total: int) -> None:
    print(f"{time.strftime('%H:%M:%S')} {stage}: {'done' if done == total else '...'}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="other programs too (benchmarks/install_peers.sh)")
    parser.add_argument("--fast", action="store_true", help="without 0.3 mm, fewer repetitions")
    parser.add_argument("--again", action="store_true", help="measure anew what an earlier run left")
    parser.add_argument("--published", action="store_true", help="only the published vertebra, by SciPy too")
    parser.add_argument("--out", type=Path, default=HERE.parent / "build" / "benchmark")
    chosen = parser.parse_args()
    model = published()
    if chosen.published:
        if model is not None:
            compare(model)
        return
    with tempfile.TemporaryDirectory() as folder:
        further = {}
        if model is not None:
            further[PUBLISHED] = Path(folder) / "published.npz"
            save(model, further[PUBLISHED])
        table = run(
            chosen.out, peers=chosen.peers, fast=chosen.fast, again=chosen.again, further=further, progress=told
        )
    print(table.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
