"""Writes a case into a folder: assessment.json, report.html, figures/ and masks/."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from spondyl.core.errors import OutputError
from spondyl.core.progress import silent
from spondyl.report.figures import labels_of, outlines_of, vertebra_pictures
from spondyl.report.finding import finding_of
from spondyl.report.html import render
from spondyl.report.masks import write_masks
from spondyl.report.picture import row_to_png, to_png, to_svg
from spondyl.report.schema import from_case
from spondyl.report.spine import spine_picture
from spondyl.values.case import CaseResult, VertebraResult

STAGE = "report"
OUTPUTS = frozenset({"assessment.json", "report.html", "masks", "figures"})
"""Everything a result folder holds, at its top."""


def write_report(
    case: CaseResult, out: Path, *, progress: Callable[[str, int, int], None] | None = None, workers: int = 1
) -> None:
    """Fills an existing, empty folder. The same case gives the same bytes, whatever `workers` is.

    `workers` threads draw the pictures (numpy and Pillow leave Python's lock while they work). Raises OutputError
    when `out` is no empty folder, RuleError when a cited key has no reference.
    """
    if not out.is_dir() or any(out.iterdir()):
        raise OutputError("the report needs an existing, empty folder.", "Name a new folder.")
    tell = progress or silent
    assessment = from_case(case)
    (out / "figures").mkdir()
    (out / "masks").mkdir()
    shown = zip(case.vertebrae, assessment.vertebrae, strict=True)
    findings = {result.level: finding_of(vertebra) for result, vertebra in shown}
    total = len(case.vertebrae) + 3
    labels = labels_of(case)

    def draw(result: VertebraResult) -> list[tuple[str, str]]:
        pictures = vertebra_pictures(result, case.scan.volume, labels)
        if pictures:
            (out / "figures" / f"{result.level.name}.png").write_bytes(row_to_png(pictures.values()))
        return [(to_svg(picture), picture.caption) for picture in pictures.values()]

    with ThreadPoolExecutor(max(1, workers)) as pool:
        masks: Future[None] = pool.submit(write_masks, case, out / "masks")
        drawn = {result.level: pool.submit(draw, result) for result in case.vertebrae}
        spine = spine_picture(case, findings)
        (out / "figures" / "spine.png").write_bytes(to_png(spine))
        tell(STAGE, 1, total)
        pictures: dict[str, list[tuple[str, str]]] = {}
        for done, (level, future) in enumerate(drawn.items(), 2):
            pictures[level.name] = future.result()
            tell(STAGE, done, total)
        masks.result()
        tell(STAGE, total - 1, total)
    (out / "report.html").write_text(render(assessment, to_svg(spine), pictures, outlines_of(case)), encoding="utf-8")
    (out / "assessment.json").write_text(assessment.to_json(), encoding="utf-8")
    tell(STAGE, total, total)
