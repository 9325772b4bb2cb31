"""A small drawing of an internal calibration: the line from HU to density, and where each tissue lies on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from spondyl.report.calibration_parts import Calibration, Tissue
from spondyl.report.chart import Scale, dot, line, rect, round_step, scale, svg, text
from spondyl.report.schema import VertebraAssessment

WIDE, LINE_HIGH, ROW = 640.0, 170.0, 20.0
LEFT, RIGHT, TOP, BOTTOM = 92.0, 96.0, 22.0, 34.0
INTERVAL_SD = 1.96
"""Standard deviations of 95 %."""


def tissue_svg(found: Calibration, marrow_hu: Sequence[float]) -> Markup:
    """Line with its 95 % band above, a row a tissue below; `marrow_hu` are the vertebrae's own means.

    Empty where no tissue was found.
    """
    known = [tissue for tissue in found.tissues if tissue.hu is not None]
    slope, intercept = found.slope_mg_cc_per_hu, found.intercept_mg_cc
    if not known or slope is None or intercept is None:
        return Markup("")
    ends = [*(tissue.hu or 0.0 for tissue in known), *marrow_hu]
    wide = max(ends) - min(ends)
    low, high = min(ends) - 0.06 * wide, max(ends) + 0.06 * wide
    bottom = slope * low + intercept - INTERVAL_SD * _sd(found, low)
    top = slope * high + intercept + INTERVAL_SD * _sd(found, high)
    x = scale(low, high, LEFT, WIDE - RIGHT)
    y = scale(bottom, top, LINE_HIGH, TOP)
    foot = LINE_HIGH + ROW * len(known) + 8
    parts = []
    if marrow_hu:
        parts.append(
            rect("normal", x(min(marrow_hu)), TOP, max(2.0, x(max(marrow_hu)) - x(min(marrow_hu))), foot - TOP)
        )
    parts += [_axes(x, y, (low, high), (bottom, top), foot), _line(found, x, y, low, high)]
    for row, tissue in enumerate(known):
        parts.append(_tissue(tissue, x, y(slope * (tissue.hu or 0.0) + intercept), LINE_HIGH + 14 + ROW * row))
    said = "; ".join(f"{tissue.tissue} {tissue.hu:.0f} HU ({_use(tissue)})" for tissue in known)
    return svg("".join(parts), WIDE, foot + BOTTOM, f"Tissues that the calibration rests on: {said}.")


def marrow_hu(vertebrae: Sequence[VertebraAssessment]) -> list[float]:
    """Mean CT numbers of the trabecular cores."""
    return [v.density.trabecular_hu for v in vertebrae if v.density and v.density.trabecular_hu is not None]


def _tissue(tissue: Tissue, x: Scale, on_line: float, row: float) -> str:
    """Its name, its peak with its scatter, and a thread up to the line."""
    at, scatter = tissue.hu or 0.0, tissue.hu_sd or 0.0
    kind = "dot" if tissue.used else "dot hollow"
    return "".join(
        [
            line("thread", x(at), on_line, x(at), row),
            line("mark", x(at - scatter), row, x(at + scatter), row),
            dot(kind, x(at), on_line, 3.2),
            dot(kind, x(at), row, 3.2),
            text(0, row + 4, tissue.tissue),
            text(WIDE, row + 4, f"{at:.0f} HU, {_use(tissue)}".replace("-", "−"), "end"),
        ]
    )


def _use(tissue: Tissue) -> str:
    return "used" if tissue.used else "left out"


def _line(found: Calibration, x: Scale, y: Scale, low: float, high: float) -> str:
    slope, intercept = found.slope_mg_cc_per_hu or 0.0, found.intercept_mg_cc or 0.0
    places = [low + (high - low) * n / 24 for n in range(25)]
    upper = [(hu, slope * hu + intercept + INTERVAL_SD * _sd(found, hu)) for hu in places]
    lower = [(hu, slope * hu + intercept - INTERVAL_SD * _sd(found, hu)) for hu in reversed(places)]
    ring = " ".join(f"{x(hu):.1f},{y(value):.1f}" for hu, value in (*upper, *lower))
    band = f'<polygon class="reach" points="{ring}"/>'
    return band + line("curve", x(low), y(slope * low + intercept), x(high), y(slope * high + intercept))


def _sd(found: Calibration, hu: float) -> float:
    """As `values.density.Calibration.sd_mg_cc`, of the line as it is written."""
    slope_sd, intercept_sd = found.slope_sd_mg_cc_per_hu or 0.0, found.intercept_sd_mg_cc or 0.0
    return math.sqrt(max((slope_sd * hu) ** 2 + intercept_sd**2 + 2 * hu * (found.covariance or 0.0), 0.0))


def _axes(x: Scale, y: Scale, across: tuple[float, float], up: tuple[float, float], foot: float) -> str:
    parts = [line("axis", LEFT, foot, WIDE - RIGHT, foot), line("axis", LEFT, LINE_HIGH, LEFT, TOP)]
    step = round_step(across[1] - across[0])
    for n in range(math.ceil(across[0] / step), math.floor(across[1] / step) + 1):
        parts.append(text(x(n * step), foot + 14, f"{n * step:g}".replace("-", "−"), "middle"))
    step = round_step(up[1] - up[0])
    for n in range(math.ceil(up[0] / step), math.floor(up[1] / step) + 1):
        parts.append(text(LEFT - 5, y(n * step) + 4, f"{n * step:g}".replace("-", "−"), "end"))
    parts.append(text((LEFT + WIDE - RIGHT) / 2, foot + 30, "HU", "middle"))
    return "".join([*parts, text(LEFT - 5, TOP - 9, "mg/cc", "end")])
