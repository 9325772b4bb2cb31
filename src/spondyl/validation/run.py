"""Many cases, several at a time, each kept as it finishes; a run cut off goes on where it was."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from spondyl.core.progress import Progress, silent
from spondyl.pipeline.workers import usable_cores
from spondyl.validation.cases import Case, PhantomCase, ScanCase, take
from spondyl.validation.compare import Record

PARTS = "parts"
SEED = 1000
"""Seeds below are for setting rules; those from here on are for telling how good they are."""
PHANTOMS = 200
IMPLANT_RUNS = 8
IMPLANTS_A_RUN = 6
CASES_A_PROCESS = 4
"""A fresh process now and then, so that the peak memory told of a case is its own."""


def cases_of(
    *,
    phantoms: int = PHANTOMS,
    seed: int = SEED,
    scans: Sequence[tuple[Path, Path]] = (),
    implant_runs: int = IMPLANT_RUNS,
) -> list[Case]:
    """Phantoms numbered from 0; of each scan (CT, vertebra masks) itself and then copies with lesions put in."""
    cases: list[Case] = [PhantomCase(seed, number) for number in range(phantoms)]
    for n, (ct, vertebrae) in enumerate(scans, start=1):
        cases += [ScanCase(f"scan{n}", ct, vertebrae, seed, run, IMPLANTS_A_RUN) for run in range(implant_runs + 1)]
    return cases


def run_all(
    cases: Sequence[Case],
    out: Path,
    *,
    workers: int = 0,
    progress: Progress = silent,
    step: Callable[..., Record] = take,
) -> list[Record]:
    """Records in the order of the cases. What lies in `out`/parts from an earlier run is taken as it is."""
    kept = out / PARTS
    kept.mkdir(parents=True, exist_ok=True)
    waiting = [case for case in cases if not _file(kept, case).is_file()]
    count = workers or usable_cores()
    progress("cases", len(cases) - len(waiting), len(cases))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, max_tasks_per_child=CASES_A_PROCESS) as pool:
        running: dict[Future[Record], Case] = {}
        try:
            while waiting or running:
                while waiting and len(running) < count:
                    case = waiting.pop(0)
                    running[pool.submit(step, case)] = case
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    _keep(future.result(), _file(kept, running.pop(future)))
                progress("cases", len(cases) - len(waiting) - len(running), len(cases))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [json.loads(_file(kept, case).read_text(encoding="utf-8")) for case in cases]


def _file(kept: Path, case: Case) -> Path:
    return kept / f"{case.name}.json"


def _keep(record: Record, path: Path) -> None:
    partial = path.with_suffix(f".partial-{os.getpid()}")
    partial.write_text(json.dumps(record) + "\n", encoding="utf-8")
    partial.replace(path)
