"""All measurements in one go, each in a fresh process, each kept as it finishes; a run cut off goes on where it was."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spondyl.core.progress import Progress, silent
from spondyl.mechanics.benchmark.machine import description, memory_bytes
from spondyl.mechanics.benchmark.process import CommandFailed, run_measured

Result = dict[str, Any]

SIZES_MM = (1.0, 0.5, 0.3)
FAST_SIZES_MM = (1.0, 0.5)
PEER_SIZES_MM, FAST_PEER_SIZES_MM = (1.0, 0.5), (1.0,)
"""At 0.3 mm other programs take minutes to an hour each, and some more memory than most machines have."""
CURVE_MM, FAST_CURVE_MM = 0.5, 1.0
THREADS = (1, 2)
REPETITIONS, FAST_REPETITIONS = 7, 3
PEER_REPETITIONS, PEER_ENOUGH_S = 3, 60.0
"""A peer is run again until it was run so often or so long."""
LIMIT_S = 1800.0
USABLE_MEMORY = 0.8
"""Share of the machine's memory that a peer may want. Own choice."""
HELP_REPETITIONS = 5
PARTS = "parts"


@dataclass(frozen=True)
class Measurement:
    name: str
    about: Result
    """What it is of: kind, problem, peer, threads ..."""
    take: Callable[[Path], Result]
    """Given an empty folder to work in."""


def run(
    out: Path,
    *,
    peers: bool = False,
    fast: bool = False,
    again: bool = False,
    further: Mapping[str, Path] | None = None,
    progress: Progress = silent,
) -> Path:
    """Measure, and write mechanics.json, mechanics.md and mechanics.png into `out`; returns the .md file.

    What stands in `out`/parts from an earlier run is taken as it is, unless `again`. `fast`: no 0.3 mm, fewer
    repetitions, the curve and the peers at 1.0 mm. `further`: more models by name (files of `problem.save`), solved
    without peers.
    """
    from spondyl.mechanics.benchmark.figure import draw
    from spondyl.mechanics.benchmark.summary import markdown

    kept = out / PARTS
    if again:
        shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="spondyl-benchmark-") as scratch:
        wanted = list(measurements(Path(scratch), peers=peers, fast=fast, further=further or {}))
        results = []
        for measurement in wanted:
            progress(measurement.name, 0, 1)
            results.append(_taken_or_kept(measurement, kept, Path(scratch)))
            progress(measurement.name, 1, 1)
    (out / "mechanics.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    draw(results, out / "mechanics.png")
    table = out / "mechanics.md"
    table.write_text(markdown(results), encoding="utf-8")
    return table


def measurements(scratch: Path, *, peers: bool, fast: bool, further: Mapping[str, Path]) -> Iterator[Measurement]:
    """Everything to measure, in order; ours right before the peers on the same mesh."""
    sizes = FAST_SIZES_MM if fast else SIZES_MM
    repetitions = FAST_REPETITIONS if fast else REPETITIONS
    yield Measurement("machine", {"kind": "machine"}, lambda folder: description())
    yield _ours("triad", {"kind": "triad", "threads": 2}, "triad", "2")
    yield Measurement("help", {"kind": "help"}, _help)
    yield Measurement("cold start", {"kind": "cold start"}, _cold_start)
    for spacing_mm in sizes:
        model = _study_file(scratch, spacing_mm)
        yield from _linear(_problem(spacing_mm), model, repetitions)
        for dtype in ("float32", "float64"):
            about = {"kind": "throughput", "problem": _problem(spacing_mm), "dtype": dtype, "threads": 2}
            yield _ours(f"operator {dtype}, {_problem(spacing_mm)}", about, "throughput", model, dtype, "2", "20")
        if peers and spacing_mm in (FAST_PEER_SIZES_MM if fast else PEER_SIZES_MM):
            yield from _peers(spacing_mm, model, _mesh_file(scratch, spacing_mm, model))
    curve_mm = FAST_CURVE_MM if fast else CURVE_MM
    about = {"kind": "curve", "problem": _problem(curve_mm), "threads": 2}
    yield _ours(f"curve, {_problem(curve_mm)}", about, "curve", _study_file(scratch, curve_mm), "2", "3")
    for name, path in further.items():
        yield from _linear(name, lambda path=path: path, repetitions)  # type: ignore[misc]


def _problem(spacing_mm: float) -> str:
    return f"cylinder {spacing_mm} mm"


def _linear(problem: str, model: Callable[[], Path], repetitions: int) -> Iterator[Measurement]:
    for threads in THREADS:
        about = {"kind": "linear", "problem": problem, "threads": threads}
        yield _ours(f"linear, {problem}, {threads} thread(s)", about, "linear", model, str(threads), str(repetitions))


def _study_file(scratch: Path, spacing_mm: float) -> Callable[[], Path]:
    """The timed cylinder on disk, made when first asked for.

    Not in this process: a child's peak memory counts from its parent's, so the parent stays small.
    """
    return _made(scratch / f"model-{spacing_mm}.npz", lambda: ("keep-model", str(spacing_mm)))


def _mesh_file(scratch: Path, spacing_mm: float, model: Callable[[], Path]) -> Callable[[], Path]:
    return _made(scratch / f"mesh-{spacing_mm}.npz", lambda: ("keep-mesh", str(model())))


def _made(file: Path, command: Callable[[], tuple[str, str]]) -> Callable[[], Path]:
    def path() -> Path:
        if not file.exists():
            _own_process(file.parent, *command(), str(file))
        return file

    return path


def _ours(name: str, about: Result, task: str, *arguments: str | Callable[[], Path]) -> Measurement:
    def take(folder: Path) -> Result:
        given = [argument if isinstance(argument, str) else str(argument()) for argument in arguments]
        return _own_process(folder, task, *given)

    return Measurement(name, about, take)


def _own_process(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Result:
    from spondyl.mechanics.benchmark.peers.outcome import result_of

    command = [sys.executable, "-m", "spondyl.mechanics.benchmark.ours", *arguments]
    ran = run_measured(command, folder, limit_s=LIMIT_S, environment=environment)
    return {"peak_mb": ran.peak_mb, "process_seconds": ran.seconds, **result_of(ran)}


def _cold_start(folder: Path) -> Result:
    """The first solve with no compiled code kept, and with it."""
    kept = {"NUMBA_CACHE_DIR": str(folder / "compiled")}
    cold = _own_process(folder, "first-call", environment=kept)
    warm = _own_process(folder, "first-call", environment=kept)
    return {"cold_seconds": cold["seconds"], "warm_seconds": warm["seconds"], "warm_process": warm["process_seconds"]}


def _help(folder: Path) -> Result:
    """Wall seconds of `spondyl --help`."""
    command = [sys.executable, "-c", "from spondyl.cli.main import main; main()", "--help"]
    seconds = []
    for _ in range(HELP_REPETITIONS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


def _peers(spacing_mm: float, model: Callable[[], Path], mesh: Callable[[], Path]) -> Iterator[Measurement]:
    from spondyl.mechanics.benchmark.peers.table import PEERS

    for peer in PEERS:
        about = {"kind": "peer", "problem": _problem(spacing_mm), "peer": peer.name, "threads": 2}
        yield Measurement(f"{peer.name}, {_problem(spacing_mm)}", about, _peer_task(peer, model, mesh))


def _peer_task(peer: Any, model: Callable[[], Path], mesh: Callable[[], Path]) -> Callable[[Path], Result]:
    from spondyl.mechanics.benchmark.peers.outcome import Kept, NotInstalled
    from spondyl.mechanics.benchmark.problem import elements_of

    def take(folder: Path) -> Result:
        kept = Kept(model(), mesh())
        elements = elements_of(kept.model)
        needs = peer.bytes_per_element * elements
        if peer.largest is not None and elements > peer.largest:
            return {"left_out": f"not asked for more than {peer.largest} elements"}
        if needs > USABLE_MEMORY * memory_bytes():
            return {"left_out": f"wants about {needs / 1e9:.0f} GB of memory"}
        outcomes: list[Any] = []
        while len(outcomes) < PEER_REPETITIONS and sum(o.seconds for o in outcomes) < PEER_ENOUGH_S:
            room = folder / str(len(outcomes))
            room.mkdir()
            try:
                outcomes.append(peer.solve(kept, room))
            except NotInstalled as missing:
                return {"not_installed": str(missing)}
            shutil.rmtree(room)
        best = min(outcomes, key=lambda outcome: outcome.judged_seconds)
        return {"elements": elements, "repetitions": len(outcomes), **asdict(best)}

    return take


def _taken_or_kept(measurement: Measurement, kept: Path, scratch: Path) -> Result:
    """Successes are kept; what failed, was left out or is not installed is tried again by the next run."""
    file = kept / (re.sub(r"[^a-z0-9.]+", "-", measurement.name.lower()).strip("-") + ".json")
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    about = {"name": measurement.name, **measurement.about, "when": datetime.now(UTC).isoformat(timespec="seconds")}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        try:
            result = {**about, **measurement.take(Path(folder))}
        except (CommandFailed, OSError, ValueError, LookupError) as error:
            return {**about, "failed": f"{type(error).__name__}: {error}"}
    if not result.keys() & {"not_installed", "left_out"}:
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result
