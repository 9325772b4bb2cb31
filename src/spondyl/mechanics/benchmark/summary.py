"""The tables of mechanics.md: what was measured, beside other programs, and against the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Result = dict[str, Any]

MEDIUM, LARGE = "cylinder 0.5 mm", "cylinder 0.3 mm"
OUR_THREADS = 2


@dataclass(frozen=True)
class Target:
    work: str
    value: Callable[[Sequence[Result]], float | None]
    reach: float
    stretch: float | None
    unit: str
    more_is_better: bool = False


def find(results: Iterable[Result], **about: Any) -> Result | None:
    """The one result of this description that holds a measurement."""
    for result in results:
        if all(result.get(key) == value for key, value in about.items()) and not failure(result):
            return result
    return None


def failure(result: Result) -> str:
    """Why there is no number, in words; empty where there is one."""
    if "not_installed" in result:
        return f"not installed: {result['not_installed']}"
    if "left_out" in result:
        return f"left out: {result['left_out']}"
    if "failed" in result:
        return "failed: " + str(result["failed"]).splitlines()[0]
    return ""


def _linear_seconds(problem: str) -> Callable[[Sequence[Result]], float | None]:
    return lambda results: _median_seconds(find(results, kind="linear", problem=problem, threads=OUR_THREADS))


def _median_seconds(result: Result | None) -> float | None:
    return median(result["seconds"]) if result else None


def _peak_gb(results: Sequence[Result]) -> float | None:
    result = find(results, kind="linear", problem=LARGE, threads=OUR_THREADS)
    return result["peak_mb"] / 1e3 if result else None


def _times_faster(peer: str) -> Callable[[Sequence[Result]], float | None]:
    def value(results: Sequence[Result]) -> float | None:
        return ratio(results, find(results, kind="peer", problem=MEDIUM, peer=peer))

    return value


def ratio(results: Sequence[Result], peer: Result | None) -> float | None:
    """A peer's best judged time over the median of ours on the same mesh."""
    ours = None if peer is None else find(results, kind="linear", problem=peer["problem"], threads=OUR_THREADS)
    if peer is None or ours is None or failure(peer):
        return None
    return float(peer["judged_seconds"] / median(ours["seconds"]))


def _most_iterations(results: Sequence[Result]) -> float | None:
    return max(
        (result["iterations"] for result in results if result["kind"] == "linear" and not failure(result)), default=None
    )


def _curve_seconds(results: Sequence[Result]) -> float | None:
    return _median_seconds(find(results, kind="curve", problem=MEDIUM))


def _share(results: Sequence[Result]) -> float | None:
    return bandwidth_share(results, find(results, kind="throughput", problem=LARGE, dtype="float32"))


def bandwidth_share(results: Sequence[Result], throughput: Result | None) -> float | None:
    """Of the triad measured in the same run, in %."""
    triad = find(results, kind="triad")
    return 100 * throughput["bytes_per_s"] / triad["bytes_per_s"] if triad and throughput else None


def _help_seconds(results: Sequence[Result]) -> float | None:
    return _median_seconds(find(results, kind="help"))


TARGETS = (
    Target("303,520 elements linear, 1e-6", _linear_seconds(MEDIUM), 0.2, 0.12, "s"),
    Target("1.4 million elements linear, 1e-6", _linear_seconds(LARGE), 1.0, 0.6, "s"),
    Target("1.4 million elements, peak memory of the process", _peak_gb, 1.0, None, "GB"),
    Target("times faster than CalculiX iterative, 303,520", _times_faster("CalculiX iterative"), 120, 200, "×", True),
    Target("times faster than ciclope, 303,520", _times_faster("ciclope + CalculiX"), 120, 200, "×", True),
    Target("times faster than parosol-py, 303,520", _times_faster("parosol-py"), 50, 80, "×", True),
    Target("times faster than PETSc GAMG, 303,520", _times_faster("PETSc GAMG"), 50, 80, "×", True),
    Target("most iterations of any model here", _most_iterations, 20, 15, ""),
    Target("strength curve to 3 %, 303,520 elements", _curve_seconds, 3.4, 1.5, "s"),
    Target("a whole vertebra with interval, lesions and cement", lambda results: None, 15, 5, "s"),
    Target("operator, share of the triad, float32, 1.4 million", _share, 28, 50, "%", True),
    Target("spondyl --help", _help_seconds, 0.5, None, "s"),
)
"""As set for this work before it was done. A whole vertebra is for `spondyl strength` to time: this room knows none."""


def verdict(target: Target, value: float | None) -> str:
    """Which of a target's marks a value meets."""
    if value is None:
        return "not measured"
    if target.stretch is not None and _meets(target, value, target.stretch):
        return "**stretch met**"
    return "**reach met**" if _meets(target, value, target.reach) else "**missed**"


def _meets(target: Target, value: float, mark: float) -> bool:
    return value >= mark if target.more_is_better else value <= mark


def markdown(results: Sequence[Result]) -> str:
    """The whole of mechanics.md."""
    return (
        "\n\n".join(
            [
                "# Speed of the voxel solver\n\nWritten by `spondyl benchmark mechanics`.",
                _machine(results),
                "## Targets\n\n" + _targets(results),
                "## Spondyl, linear solve to a relative residual of 1e-6\n\n" + _linear(results),
                "## Other programs on the same mesh and supports\n\n" + _peers(results),
                "## The operator y = K u\n\n" + _throughput(results),
                "## Strength curve and first call\n\n" + _other(results),
                _failures(results),
            ]
        ).rstrip()
        + "\n"
    )


def _machine(results: Sequence[Result]) -> str:
    machine = find(results, kind="machine") or {}
    versions = ", ".join(f"{name} {number}" for name, number in machine.get("versions", {}).items() if number)
    when = sorted(result["when"] for result in results)
    return (
        f"{machine.get('processor')}, {machine.get('cores')} cores, {machine.get('memory_gb')} GB; "
        f"{machine.get('system')}, Python {machine.get('python')}, {versions}. Load before the start: "
        f"{machine.get('load_before')}. Measured from {when[0]} to {when[-1]}.\n\n"
        "The problem: an elliptic cylinder of 48 × 36 × 28 mm, core 100 to 1000 MPa, 0.8 mm shell up to 12 GPa, a hole "
        "of 8 mm radius at 5 MPa, moduli rounded to three digits, ends bonded, shortened by 1 %. Every measurement "
        "runs in a process of its own. Spondyl's time is from the voxel model to displacements and reactions, all "
        "set-up included, compiled code at hand; targets are judged by its median over the repetitions."
    )


def _targets(results: Sequence[Result]) -> str:
    rows = []
    for target in TARGETS:
        value = target.value(results)
        marks = [_with_unit(mark, target.unit) for mark in (target.reach, target.stretch)]
        rows.append([target.work, *marks, _with_unit(value, target.unit), verdict(target, value)])
    return table(["work", "reach", "stretch", "measured", "verdict"], rows)


def _linear(results: Sequence[Result]) -> str:
    rows = [
        [
            result["problem"],
            f"{result['elements']:,}",
            str(result["threads"]),
            f"{min(result['seconds']):.3f}",
            f"{median(result['seconds']):.3f}",
            str(len(result["seconds"])),
            str(result["iterations"]),
            f"{result['peak_mb']:.0f}",
            f"{result['before_mb']:.0f}",
            f"{result['force_n']:.4f}",
        ]
        for result in _of_kind(results, "linear")
    ]
    head = ["problem", "elements", "threads", "min s", "median s", "repetitions", "iterations", "peak MB", "before MB"]
    return table([*head, "force N"], rows) + (
        "\n\nPeak: largest resident memory of the process, with Python, Numba and the model; before: the same when the "
        "first solve began."
    )


def _peers(results: Sequence[Result]) -> str:
    rows = []
    for result in results:
        if result["kind"] != "peer":
            continue
        if failure(result):
            rows.append([result["problem"], result["peer"], failure(result), *[""] * 6])
            continue
        ours = find(results, kind="linear", problem=result["problem"], threads=OUR_THREADS)
        apart = f"{result['force_n'] / ours['force_n'] - 1:+.1e}" if ours else ""
        parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in result["parts"].items())
        faster = ratio(results, result)
        rows.append(
            [
                result["problem"],
                f"{result['peer']} ({result['version']})",
                f"{result['judged_seconds']:.2f}",
                "" if faster is None else f"{faster:.0f}×",
                f"{result['seconds']:.2f}" + (f" ({parts})" if parts else ""),
                str(result["iterations"] or ""),
                f"{result['peak_mb']:.0f}",
                apart,
                "" if result["residual"] is None else f"{result['residual']:.1e}",
            ]
        )
    if not rows:
        return "Not asked for (`--peers`)."
    head = [
        "problem",
        "program",
        "judged s",
        "Spondyl faster",
        "all s (parts)",
        "iterations",
        "peak MB",
        "force against Spondyl",
    ]
    return table([*head, "residual"], rows) + (
        "\n\nBest of up to three runs, two threads or ranks. Judged seconds leave out what Spondyl does not do and the "
        "program can tell apart: assembling (PETSc, PyAMG), writing and reading files (parosol-py); CalculiX's own "
        "time holds reading its input but not our writing it, ciclope's holds making the mesh and input. PETSc, "
        "PyAMG, SciPy and parosol-py were asked for a relative residual of 1e-6; CalculiX's iterative solver has a "
        "looser tolerance of its own. Equal residuals are not equal errors: the last columns say what came of it. "
        "Peak: the largest single process."
    )


def _throughput(results: Sequence[Result]) -> str:
    rows = []
    for result in _of_kind(results, "throughput"):
        share = bandwidth_share(results, result)
        rows.append(
            [
                result["problem"],
                result["dtype"],
                f"{result['elements_per_s'] / 1e6:.0f}",
                f"{result['bytes_per_s'] / 1e9:.1f}",
                "" if share is None else f"{share:.0f} %",
            ]
        )
    triad = find(results, kind="triad")
    told = f"{triad['bytes_per_s'] / 1e9:.1f} GB/s" if triad else "not measured"
    return table(["problem", "numbers", "million elements/s", "least traffic GB/s", "share of triad"], rows) + (
        f"\n\nTriad a = b + s c in float64 on two threads in the same run: {told} (24 bytes an entry). Least traffic "
        "of y = K u: 3 values of u read and 3 of y written a node and 1 modulus read an element, each once; like the "
        "triad's count it leaves out that a line to be written is read first. Fastest of 20 on two threads."
    )


def _other(results: Sequence[Result]) -> str:
    lines = []
    for result in _of_kind(results, "curve"):
        lines.append(
            f"- Strength curve, {result['problem']}, {result['elements']:,} elements, perfect plasticity from 0.85 % "
            f"strain, {result['steps']} steps to 3 %: min {min(result['seconds']):.2f} s, median "
            f"{median(result['seconds']):.2f} s, {result['cycles']} multigrid cycles, {result['yielded_share']:.0%} of "
            f"the elements yielded, last force {result['force_n']:.1f} N, {result['status']}."
        )
    cold = find(results, kind="cold start")
    if cold:
        lines.append(
            f"- First solve on a machine without compiled code: {cold['cold_seconds']:.1f} s; in a later process: "
            f"{cold['warm_seconds']:.2f} s, {cold['warm_process']:.1f} s with starting Python and the imports."
        )
    told = find(results, kind="help")
    if told:
        lines.append(f"- `spondyl --help`: min {min(told['seconds']):.2f} s, median {median(told['seconds']):.2f} s.")
    return "\n".join(lines)


def _failures(results: Sequence[Result]) -> str:
    failed = [f"- {result['name']}: {result['failed']}" for result in results if "failed" in result]
    return "## What failed\n\n" + "\n".join(failed) if failed else ""


def _of_kind(results: Sequence[Result], kind: str) -> list[Result]:
    return [result for result in results if result["kind"] == kind and not failure(result)]


def _with_unit(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:.3g} {unit}".strip()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
