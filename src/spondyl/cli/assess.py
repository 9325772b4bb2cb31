"""`spondyl assess`: the pipeline, then the report, into a folder that is whole or not there."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from spondyl.cli.progress import terminal_progress
from spondyl.cli.segment import as_anchors, parse_anchors
from spondyl.core.errors import InvalidAnswer
from spondyl.core.output import check_replaceable, whole_folder
from spondyl.core.progress import Stopwatch
from spondyl.pipeline.assess import assess
from spondyl.pipeline.request import Request
from spondyl.report.write import OUTPUTS, write_report
from spondyl.values.case import CaseResult, VertebraResult
from spondyl.values.strength import Strength

COLUMNS = (
    "level", "height loss", "fracture", "mg/cc", "lesions, cm³", "canal mm²", "ESCC", "failure load N", "SINS",
)  # fmt: skip
OPTIONAL = ("fracture", "ESCC", "failure load N")
SILENT = ("–", "none")

STAGES_BY_VERTEBRA = ("vertebrae", "measuring", "canal", "scoring")


def run_assess(out: Path, rods: tuple[str, ...], anchors: tuple[str, ...], **asked: object) -> None:
    """Assess and report; `asked` are the fields of `Request` but for `rods` and `anchors`, which are still texts."""
    held = as_anchors(parse_anchors(anchors))
    request = Request(rods=tuple(parse_rod(text) for text in rods), anchors=held, **asked)  # type: ignore[arg-type]
    check_replaceable(out, OUTPUTS)  # before the work, not after it
    clock = Stopwatch()
    with whole_folder(out, OUTPUTS) as folder, terminal_progress() as progress:
        case = assess(request, progress)
        with clock.stage("report"):
            write_report(case, folder, progress=progress, workers=request.workers)
    _tell(case, {**case.stage_seconds, **clock.seconds}, out)


def _tell(case: CaseResult, seconds: dict[str, float], out: Path) -> None:
    """The case in a screenful, and where the rest lies."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"CT: {case.scan.source}")
    for note in (*case.scan.notes, *case.level_map.notes, *case.quality.notes):
        console.print(f"  {note}")
    for line in _not_assessed(case):
        console.print(line)
    console.print(_summary(case))
    if case.urgency:
        console.print(f"Urgency: {case.urgency.for_patient}")
    spent = ", ".join(f"{name} {taken:.1f}" for name, taken in seconds.items())
    console.print(f"{sum(seconds.values()):.1f} s ({spent})")
    console.print(_a_vertebra(case))
    console.print("Research software, not a medical device: it does not diagnose.")
    console.print(f"Report: {out / 'report.html'}")


def _a_vertebra(case: CaseResult) -> str:
    """How long the work on the vertebrae took, shared among them: what a longer scan would take more."""
    number = sum(result.quality.assessed for result in case.vertebrae)
    taken = sum(case.stage_seconds.get(stage, 0.0) for stage in STAGES_BY_VERTEBRA)
    return f"{taken / max(number, 1):.1f} s a vertebra ({number} vertebrae)"


def parse_rod(text: str) -> tuple[float, float]:
    """'105=100' to measured HU and known mg/cc. Raises InvalidAnswer."""
    hu, equals, mg_cc = text.partition("=")
    try:
        if not equals:
            raise ValueError
        return float(hu), float(mg_cc)
    except ValueError:
        remedy = "Write a rod as measured HU=known mg/cc: --rod 105=100."
        raise InvalidAnswer(f"--rod {text} is not HU=MG_CC.", remedy) from None


def _summary(case: CaseResult) -> Table:
    """One row an assessed vertebra; a dash where nothing is known. A column that says nothing anywhere is left out."""
    rows = [_row(result) for result in case.vertebrae if result.quality.assessed]
    said = [column for column in COLUMNS if column not in OPTIONAL or any(row[column] not in SILENT for row in rows)]
    table = Table(header_style="bold")
    for column in said:
        table.add_column(column, justify="left" if column in ("level", "fracture", "lesions, cm³") else "right")
    for row in rows:
        table.add_row(*(row[column] for column in said))
    return table


def _row(result: VertebraResult) -> dict[str, str]:
    geometry = result.vertebra.geometry if result.vertebra else None
    loss = geometry.height_loss if geometry else None
    canal = result.canal.min_area_mm2 if result.canal else None
    strength, sins = result.strength, result.sins
    found = ", ".join(f"{lesion.kind} {lesion.volume_mm3 / 1000:.1f}" for lesion in result.lesions)
    cells = (
        result.level.name,
        "–" if loss is None else f"{loss:.0%}",
        _fracture(result),
        "–" if result.density is None else f"{result.density.trabecular_mg_cc:.0f}",
        found or "none found",
        "–" if canal is None else f"{canal:.0f}",
        _escc(result),
        "–" if strength is None else _with_interval(strength),
        "–" if sins is None or not sins.applies else f"{sins.total_min}–{sins.total_max}",
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _fracture(result: VertebraResult) -> str:
    """'2 wedge', '0–1', 'none': Genant's grade, or the range that the interval of the loss allows."""
    found = result.fracture
    if found is None:
        return "–"
    low, high = found.grade
    if high == 0:
        return "none"
    grade = f"{low}" if low == high else f"{low}–{high}"
    return f"{grade} {found.shape}" if found.best_grade and found.shape else grade


def _escc(result: VertebraResult) -> str:
    """'1c', or '1b/1c' where both fit within a voxel."""
    if result.canal is None:
        return "–"
    return "/".join(result.canal.escc_possible) or result.canal.escc_grade or "–"


def _with_interval(strength: Strength) -> str:
    low, high = strength.failure_load_interval_n or (0.0, 0.0)
    return f"{strength.failure_load_n:.0f} ({low:.0f}–{high:.0f})"


def _not_assessed(case: CaseResult) -> list[str]:
    """A line a level that could not be judged, with the reason."""
    left_out = [result.quality for result in case.vertebrae if not result.quality.assessed]
    return [f"{quality.level.name} not assessed: {'; '.join(quality.reasons)}" for quality in left_out]
