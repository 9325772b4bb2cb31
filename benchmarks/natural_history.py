"""People a second of the natural history: wall time and peak memory by number of people, tables written.

    python benchmarks/natural_history.py                       # 125 000 to 1 000 000 people over ten years, two workers
    python benchmarks/natural_history.py --parameters article

Each size runs in a process of its own, after one that compiles. The table goes to results/natural_history.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "natural_history.json"
SIZES = (125_000, 250_000, 500_000, 1_000_000)
SEED = 2001


def one(people: int, parameters: str, workers: int) -> dict[str, float]:
    """In this process: seconds of the simulation with its tables, and the peak memory."""
    from spondyl.natural_history.chunk import simulate_chunk
    from spondyl.natural_history.model import model
    from spondyl.natural_history.run import Run, simulate
    from spondyl.natural_history.scenario import Scenario

    scenario = Scenario(parameters=parameters)
    simulate_chunk(model(scenario.parameter_set(), scenario), SEED, 0, 10)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        simulate(Run(scenario, people, SEED), Path(folder) / "run", workers=workers)
        seconds = time.perf_counter() - began
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.parquet"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"people": people, "seconds": round(seconds, 2), "peak_mib": round(peak)}
    return told | {"tables_mib": round(size / 2**20, 1)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parameters", default="literature")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--one", type=int, help="Only so many people, in this process.")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.parameters, given.workers)))
        return
    rows = []
    for people in SIZES:
        command = [sys.executable, __file__, "--one", str(people), "--parameters", given.parameters]
        done = subprocess.run([*command, "--workers", str(given.workers)], capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    told = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    load = round(os.getloadavg()[0], 1)
    told[given.parameters] = {"years": 10, "workers": given.workers, "machine_load_at_the_end": load, "rows": rows}
    RESULT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
