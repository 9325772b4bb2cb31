"""Many people, chunk by chunk, each chunk written as it is done; a run cut off goes on where it was.

Memory holds a few chunks, never the people. Chunks are independent and every draw is keyed by its patient, so the
files are the same, bit by bit, for any number of workers and in whatever order chunks are done.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spondyl.core.errors import InvalidAnswer, OutputError
from spondyl.core.output import check_replaceable
from spondyl.core.progress import Progress, silent
from spondyl.natural_history import tables
from spondyl.natural_history.chunk import Chunk, simulate_chunk
from spondyl.natural_history.model import model
from spondyl.natural_history.scenario import Scenario

CHUNK = 20_000
MANIFEST = "run.json"
OUTPUTS = frozenset({*tables.TABLES, MANIFEST, "summary.json", "report.html"})


@dataclass(frozen=True)
class Run:
    """What is to be simulated. `chunk` decides only how the people are cut into files."""

    scenario: Scenario
    patients: int
    seed: int = 1
    chunk: int = CHUNK

    def __post_init__(self) -> None:
        if self.patients < 1 or self.chunk < 1 or not 0 <= self.seed < 2**63:
            raise InvalidAnswer(
                f"{self.patients} patients in chunks of {self.chunk} with seed {self.seed}.",
                "Give at least one patient, and a seed from 0 to 2^63 - 1.",
            )

    @property
    def chunks(self) -> int:
        return -(-self.patients // self.chunk)

    def bounds(self, number: int) -> tuple[int, int]:
        """First patient and how many, of a chunk."""
        first = number * self.chunk
        return first, min(self.chunk, self.patients - first)

    def manifest(self) -> dict[str, Any]:
        digest = hashlib.sha256(self.scenario.text().encode()).hexdigest()
        return {
            "scenario": self.scenario.name,
            "scenario_sha256": digest,
            "parameters": Path(self.scenario.parameters).name,
            "years": self.scenario.years,
            "patients": self.patients,
            "seed": self.seed,
            "chunk": self.chunk,
        }


Work = Callable[[Run, Path, Sequence[int], Progress], None]
"""Does the given chunks of a run into a folder: `with_threads` here, or Dask in the cohort room."""


def simulate(
    run: Run,
    out: Path,
    *,
    resume: bool = False,
    workers: int = 0,
    work: Work | None = None,
    progress: Progress = silent,
) -> None:
    """Fills `out` with patients/, lesions/, events/ (Parquet) and run.json.

    With `resume`, chunks that lie there already are kept, if they are of the same run. Raises OutputError when `out`
    holds something else, another run, or an earlier run without `resume`.
    """
    out.mkdir(parents=True, exist_ok=True)
    check_replaceable(out, OUTPUTS)
    _claim(run, out, resume)
    tables.remove_partial(out)
    waiting = [number for number in range(run.chunks) if not tables.is_done(out, number)]
    if waiting:
        (work or with_threads(workers))(run, out, waiting, progress)


def one_chunk(run: Run, out: Path, number: int, record: Any = None) -> int:
    """Simulates and writes one chunk; gives its number."""
    first, count = run.bounds(number)
    settings = record if record is not None else model(run.scenario.parameter_set(), run.scenario)
    tables.write_chunk(out, number, simulate_chunk(settings, run.seed, first, count))
    return number


def with_threads(workers: int = 0) -> Work:
    """Chunks in threads of this process: the compiled code lets go of the interpreter."""

    def work(run: Run, out: Path, waiting: Sequence[int], progress: Progress) -> None:
        record = model(run.scenario.parameter_set(), run.scenario)
        done = run.chunks - len(waiting)
        progress("chunks", done, run.chunks)
        count = workers or len(os.sched_getaffinity(0))
        left = list(waiting)
        with ThreadPoolExecutor(count) as pool:
            running: set[Future[int]] = set()
            while left or running:
                while left and len(running) < count:
                    running.add(pool.submit(one_chunk, run, out, left.pop(0), record))
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    done += 1
                    progress("chunks", done, run.chunks)

    return work


def chunks_of(out: Path) -> Iterator[Chunk]:
    """The chunks of a finished run, in order. Raises OutputError when some are missing."""
    told = read_manifest(out)
    count = -(-told["patients"] // told["chunk"])
    if missing := [number for number in range(count) if not tables.is_done(out, number)]:
        raise OutputError(f"{len(missing)} of {count} chunks are missing in {out.name}.", "Finish it with --resume.")
    for number in range(count):
        yield tables.read_chunk(out, number)


def read_manifest(out: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((out / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise OutputError(f"{out.name} holds no run.", "Name the folder that simulate wrote.") from error


def _claim(run: Run, out: Path, resume: bool) -> None:
    told = json.dumps(run.manifest(), indent=2) + "\n"
    kept = out / MANIFEST
    if kept.is_file():
        if not resume:
            raise OutputError(f"{out.name} holds a run already.", "Go on with --resume, or name a new folder.")
        if kept.read_text(encoding="utf-8") != told:
            raise OutputError(
                f"the run in {out.name} is another one.",
                "Resume with the same scenario, patients, seed and chunk, or name a new folder.",
            )
        return
    partial = out / f".{MANIFEST}"
    partial.write_text(told, encoding="utf-8")
    partial.replace(kept)
