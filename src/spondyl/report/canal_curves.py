"""Small drawings of the canal: its area at one level, along the spine, and a measure on its norm's scale.

Every drawing carries its numbers as text too, for those who can't see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from spondyl.report.canal_parts import Canal, Norm
from spondyl.report.chart import Scale, dot, line, rect, round_step, scale, svg, text
from spondyl.report.phrases import interval, number
from spondyl.report.schema import VertebraAssessment

WIDE, HIGH = 420.0, 200.0
LONG_WIDE, LONG_HIGH = 900.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 22.0, 36.0
NORM_SD = 2.0
"""Standard deviations that a norm's band reaches on each side of its mean."""
SAC = "thecal sac, area"
"""Opening of the name of the norm that the sac's areas are laid beside."""

Point = tuple[float, float, bool]
"""Position in mm, area in mm2, and whether the ring is closed there."""


def level_svg(canal: Canal) -> Markup:
    """Area against the position in one vertebra, from its lower to its upper end; empty where none is known."""
    points = _points(canal)
    if not points:
        return Markup("")
    top, up = _reach([area for _, area, _ in points], canal.expected_area_mm2)
    low, high = points[0][0], points[-1][0]
    x, y = scale(low - 1, high + 1, LEFT, WIDE - RIGHT), scale(0, top, HIGH - BOTTOM, TOP)
    parts = [_frame(x, y, top, up, WIDE, HIGH)]
    for tick in range(math.ceil(low / 5) * 5, math.floor(high / 5) * 5 + 1, 5):
        parts.append(text(x(tick), HIGH - BOTTOM + 14, f"{tick:+d}".replace("-", "−") if tick else "0", "middle"))
    middle = (LEFT + WIDE - RIGHT) / 2
    parts.append(text(middle, HIGH - 5, "mm below (−) and above (+) the body’s middle", "middle"))
    if canal.expected_area_mm2 is not None:
        parts.append(line("level", LEFT, y(canal.expected_area_mm2), WIDE - RIGHT, y(canal.expected_area_mm2)))
    parts += _trace(points, x, y)
    if canal.compression and canal.compression.epidural_area_mm2:
        at = x(canal.compression.position_mm or 0.0)
        parts.append(line("place", at, y(0), at, y(top)))
    return svg("".join(parts), WIDE, HIGH, _words(canal, points))


def spine_svg(vertebrae: Sequence[VertebraAssessment]) -> Markup:
    """Area against the place along the spine, from the head down, over all levels; empty where none is known."""
    placed = _placed(vertebrae)
    shown = [(at, v.level, v.canal, _points(v.canal)) for at, v in placed if v.canal]
    shown = [entry for entry in shown if entry[3]]
    if not shown:
        return Markup("")
    bands = {level: norm for _, level, canal, _ in shown for norm in canal.norms if norm.quantity.startswith(SAC)}
    areas = [area for *_, points in shown for _, area, _ in points]
    top, up = _reach(areas, *(norm.mean + NORM_SD * (norm.sd or 0.0) for norm in bands.values() if norm.mean))
    ends = [at - position for at, _, _, points in shown for position, _, _ in points]
    x = scale(min(ends) - 4, max(ends) + 4, LEFT, LONG_WIDE - RIGHT)
    y = scale(0, top, LONG_HIGH - BOTTOM, TOP)
    parts = [_frame(x, y, top, up, LONG_WIDE, LONG_HIGH)]
    for at, level, canal, points in shown:
        # positions run upward in the vertebra, the drawing from the head down
        moved = [(at - position, area, closed) for position, area, closed in reversed(points)]
        parts.append(text(x(at), LONG_HIGH - BOTTOM + 16, level, "middle"))
        if level in bands:
            parts.append(_band(x(at), y, bands[level]))
        if canal.expected_area_mm2 is not None:
            parts.append(
                line("level", x(moved[0][0]), y(canal.expected_area_mm2), x(moved[-1][0]), y(canal.expected_area_mm2))
            )
        parts += _trace(moved, x, y)
        if canal.sac_area_mm2 is not None:
            parts.append(dot("sac", x(at), y(canal.sac_area_mm2), 3.2))
        worst = canal.compression
        if worst and worst.epidural_area_mm2 and worst.sac_area_mm2 is not None:
            parts.append(dot("sac pressed", x(at - (worst.position_mm or 0.0)), y(worst.sac_area_mm2), 3.6))
    parts.append(text((LEFT + LONG_WIDE - RIGHT) / 2, LONG_HIGH - 5, "from the head down", "middle"))
    said = "; ".join(f"{level} {number(canal.min_area_mm2, 'mm²')}" for _, level, canal, _ in shown)
    return svg("".join(parts), LONG_WIDE, LONG_HIGH, f"Smallest area of the bony canal by level: {said}.")


def has_norms(vertebrae: Sequence[VertebraAssessment]) -> bool:
    """Whether the sac is laid beside published ones at any level."""
    return any(norm.quantity.startswith(SAC) for v in vertebrae if v.canal for norm in v.canal.norms)


def has_sac(vertebrae: Sequence[VertebraAssessment]) -> bool:
    return any(v.canal and v.canal.sac_area_mm2 is not None for v in vertebrae)


def norm_bar(norm: Norm) -> Markup:
    """The measure as a dot on the norm's band, three standard deviations wide; empty where the source gives none."""
    if norm.deviations is None:
        return Markup("")
    x = scale(-3, 3, 2, 98)
    band = f'<rect class="band b1" x="{x(-NORM_SD):.1f}" y="4" width="{x(NORM_SD) - x(-NORM_SD):.1f}" height="6"/>'
    mean = f'<line class="axis" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="2" y2="12"/>'
    at = x(max(-3.0, min(3.0, norm.deviations)))
    return Markup(
        f'<svg class="bar" viewBox="0 0 100 14" aria-hidden="true">{band}{mean}'
        f'<circle class="dot" cx="{at:.1f}" cy="7" r="3.4"/></svg>'
    )


def _points(canal: Canal) -> list[Point]:
    """Every place whose area is known, in the order of the positions."""
    open_areas = canal.open_areas_mm2 or (None,) * len(canal.areas_mm2)
    found: list[Point] = []
    for position, closed, opened in zip(canal.positions_mm, canal.areas_mm2, open_areas, strict=True):
        area = opened if closed is None else closed
        if position is not None and area is not None:
            found.append((position, area, closed is not None))
    return sorted(found)


def _placed(vertebrae: Sequence[VertebraAssessment]) -> list[tuple[float, VertebraAssessment]]:
    """Vertebrae with the distance of their bodies' middles from that of the highest, along the row, in mm."""
    placed: list[tuple[float, VertebraAssessment]] = []
    last: list[float] | None = None
    at = 0.0
    for v in vertebrae:
        if v.frame is None:
            continue
        here = [float(value or 0.0) for value in v.frame.origin_lps_mm]
        at += math.dist(last, here) if last else 0.0
        last = here
        placed.append((at, v))
    return placed


def _trace(points: Sequence[Point], x: Scale, y: Scale) -> list[str]:
    """The curve in stretches: whole where the ring is closed, broken where it is open."""
    parts: list[str] = []
    run: list[Point] = []
    for point in points:
        if run and point[2] != run[-1][2]:
            if point[2]:
                parts.append(_stretch([*run, point], x, y))
                run = [point]
                continue
            parts.append(_stretch(run, x, y))
            run = [(*run[-1][:2], False)]
        run.append(point)
    return [*parts, _stretch(run, x, y)]


def _stretch(run: Sequence[Point], x: Scale, y: Scale) -> str:
    if len(run) == 1:
        return dot("dot", x(run[0][0]), y(run[0][1]), 1.6)
    drawn = " ".join(f"{x(position):.1f},{y(area):.1f}" for position, area, _ in run)
    return f'<polyline class="curve{"" if run[0][2] else " open"}" points="{drawn}"/>'


def _band(at: float, y: Scale, norm: Norm) -> str:
    if norm.mean is None:
        return ""
    if norm.sd is None:
        return line("norm", at - 6, y(norm.mean), at + 6, y(norm.mean))
    low, high = norm.mean - NORM_SD * norm.sd, norm.mean + NORM_SD * norm.sd
    mean = line("norm", at - 6, y(norm.mean), at + 6, y(norm.mean))
    return rect("normal", at - 6, y(high), 12, y(max(0.0, low)) - y(high)) + mean


def _reach(areas: Sequence[float], *others: float | None) -> tuple[float, float]:
    """The top of the scale and its step."""
    highest = max(*areas, 1.0, *(other for other in others if other is not None))
    step = round_step(highest)
    return step * math.ceil(1.05 * highest / step), step


def _frame(x: Scale, y: Scale, top: float, up: float, wide: float, high: float) -> str:
    """Axes, and the steps of the area."""
    parts = [
        line("axis", LEFT, high - BOTTOM, wide - RIGHT, high - BOTTOM),
        line("axis", LEFT, high - BOTTOM, LEFT, TOP),
    ]
    for part in range(round(top / up) + 1):
        parts.append(text(LEFT - 5, y(part * up) + 4, f"{part * up:g}", "end"))
    return "".join([*parts, text(LEFT - 5, TOP - 10, "mm²", "end")])


def _words(canal: Canal, points: Sequence[Point]) -> str:
    areas = [area for _, area, _ in points]
    said = f"Area of the canal over the vertebra: {interval((min(areas), max(areas)), 'mm²')}"
    return f"{said}; expected from the neighbours {number(canal.expected_area_mm2, 'mm²')}."
