"""`spondyl strength`: how much load vertebrae, or a calibrated block of bone, can bear."""

from __future__ import annotations

import re
from collections.abc import Set
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from spondyl.anatomy.levels import Level, along_spine
from spondyl.cli.assess import parse_rod
from spondyl.cli.progress import terminal_progress
from spondyl.core.errors import InputError
from spondyl.core.output import check_replaceable, whole_folder
from spondyl.core.progress import Stopwatch
from spondyl.pipeline.request import Request
from spondyl.pipeline.strength import BlockRequest, estimate, estimate_block
from spondyl.report.strength_page import OUTPUTS, write_strength
from spondyl.values.case import StrengthCase, StrengthEntry
from spondyl.values.strength import LoadCase, Strength

LOADS = {
    "axial": (LoadCase.AXIAL,),
    "flexion": (LoadCase.FLEXION,),
    "side": (LoadCase.SIDE_LEFT, LoadCase.SIDE_RIGHT),
    "torsion": (LoadCase.TORSION,),
}
COLUMNS = ("level", "load", "failure", "interval", "peak", "at 1.9 %", "0.2 % offset", "0.0068 K H", "by lesions")
OF_CT = (
    "vertebrae",
    "levels",
    "voxel_mm",
    "lesions",
    "subregions",
    "history",
    "scheme",
    "series",
    "calibration",
    "rod",
    "rod_mask",
    "generic",
    "kvp",
)
OF_BLOCK = ("bone_labels", "cap_labels", "density_sd")
"""Options that say something of a CT only, and of a block only."""


def run_strength(
    out: Path, *, request: Request | None, block: BlockRequest | None, levels: str | None, loads: tuple[str, ...]
) -> None:
    """Estimate and report; either a request for a CT's vertebrae or one for a block."""
    check_replaceable(out, OUTPUTS)  # before the work, not after it
    cases = tuple(dict.fromkeys(case for load in loads for case in LOADS[_known(load)]))
    chosen = None if levels is None else parse_levels(levels)
    clock = Stopwatch()
    with whole_folder(out, OUTPUTS) as folder, terminal_progress() as progress:
        if request is not None:
            case = estimate(request, levels=chosen, cases=cases, progress=progress)
        else:
            assert block is not None
            case = estimate_block(block, cases=cases, progress=progress)
        with clock.stage("report"):
            write_strength(case, folder)
    _tell(case, {**case.stage_seconds, **clock.seconds}, out)


def ct_request(*, ct: Path | None, rods: tuple[str, ...], **asked: object) -> Request:
    """`asked` are the other fields of `Request`. Raises InputError without a CT."""
    if ct is None:
        raise InputError("no CT is given.", "Name one, or give --density and --labels of a calibrated block.")
    return Request(ct=ct, rods=tuple(parse_rod(text) for text in rods), **asked)  # type: ignore[arg-type]


def block_request(
    density: Path | None,
    labels: Path | None,
    numbers: tuple[str, str],
    *,
    density_sd: float,
    law: str,
    workers: int,
    no_ct: bool,
) -> BlockRequest | None:
    """A request for a block, or None where a CT is asked about; `numbers` are those of bone and caps, as typed.

    Raises InputError where it is half of each.
    """
    if density is None and labels is None:
        return None
    if density is None or labels is None or not no_ct:
        raise InputError(
            "--density and --labels go together, and without a CT.", "Give both of them, or a CT and --vertebrae."
        )
    bone, caps = _numbers("--bone-labels", numbers[0]), _numbers("--cap-labels", numbers[1])
    return BlockRequest(density, labels, bone, caps, relative_density_sd=density_sd, law=law, workers=workers)


def check_options(typed: Set[str], *, block: bool) -> None:
    """Raise InputError where options that were typed say nothing of what is asked about."""
    if idle := [name for name in (OF_CT if block else OF_BLOCK) if name in typed]:
        named = ", ".join("--" + name.replace("_", "-") for name in idle)
        raise InputError(
            f"{named}: of no use {'with --density and --labels' if block else 'with a CT'}.",
            "Leave it out." if len(idle) == 1 else "Leave them out.",
        )


def _numbers(option: str, text: str) -> tuple[int, ...]:
    parts = text.replace(" ", "").split(",")
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"{option} {text} is no list of label numbers.", "Write them as 1,2,3,4.")
    return tuple(int(part) for part in parts)


def parse_levels(text: str) -> tuple[Level, ...]:
    """'L1-L5', 'T12,L2' to levels from the head down. Raises InputError."""
    chosen: list[Level] = []
    for part in text.replace(" ", "").split(","):
        ends = [_level(name, text) for name in re.split("[-–]", part, maxsplit=1)]
        upper, lower = ends[0], ends[-1]
        if lower.order < upper.order:
            raise InputError(f"--levels {text}: {part} runs upward.", "Write the upper level first: L1-L5.")
        chosen += [level for level in Level if upper.order <= level.order <= lower.order and _usual(level, ends)]
    return along_spine(dict.fromkeys(chosen))


def _usual(level: Level, ends: list[Level]) -> bool:
    """T13 and L6 are in a range only where they are named."""
    return level in ends or level.name not in ("T13", "L6")


def _level(name: str, text: str) -> Level:
    if name.upper() not in Level.__members__:
        raise InputError(f"--levels {text}: '{name}' is no vertebral level.", "Write L1-L5, or T12,L2.")
    return Level[name.upper()]


def _known(load: str) -> str:
    if load not in LOADS:
        raise InputError(f"--load {load} is not known.", f"Known: {', '.join(LOADS)}.")
    return load


def _tell(case: StrengthCase, seconds: dict[str, float], out: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("level", "load") else "right", no_wrap=True)
    for entry in case.entries:
        for found in entry.strengths:
            table.add_row(*_row(entry, found))
        if entry.reason:
            console.print(f"{entry.name}: no strength: {entry.reason}")
    # A number cut off at the terminal's edge would be a wrong number: the table is as wide as it needs to be.
    console.width = max(console.width, console.measure(table, options=console.options.update(max_width=400)).maximum)
    console.print(table)
    spent = ", ".join(f"{name} {taken:.1f}" for name, taken in seconds.items())
    console.print(f"{sum(seconds.values()):.1f} s ({spent})")
    console.print("Research software, not a medical device: it does not diagnose.")
    console.print(f"Report: {out / 'strength.html'}")


def _row(entry: StrengthEntry, found: Strength) -> tuple[str, ...]:
    torsion = found.load_case is LoadCase.TORSION
    load, interval = (
        (found.failure_moment_nmm, found.failure_moment_interval_nmm)
        if torsion
        else (found.failure_load_n, found.failure_load_interval_n)
    )
    assert load is not None
    factor, unit = (1e-3, "N m") if torsion else (1.0, "N")
    digits = 1 if torsion else 0
    marks = found.criteria.peak, found.criteria.at_limit_strain, found.criteria.offset, found.criteria.linear
    cost = found.lesions[-1].lost_share if found.lesions else None
    return (
        entry.name,
        str(found.load_case),
        f"{factor * load:.{digits}f} {unit}",
        "not known" if interval is None else f"{factor * interval[0]:.{digits}f}–{factor * interval[1]:.{digits}f}",
        *("–" if mark is None else f"{factor * mark:.{digits}f}" for mark in marks),
        "none found" if not found.lesions else "–" if cost is None else f"{-cost:+.0%}",
    )
