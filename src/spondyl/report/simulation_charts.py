"""Drawings of a simulated population, as SVG: cumulative incidences, and where in the spine things happen."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from spondyl.report.chart import line, round_step, scale, svg, text

_WIDE, _HIGH = 680.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 250.0, 12.0, 34.0
_COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#8f6fe0", "#7b7568")
_ROW, _NAME = 17.0, 46.0
_MAP_WIDE = 250.0


def incidence_svg(incidence: Mapping[str, Any], names: Sequence[str], month_days: float) -> Markup:
    """Curves of cumulative incidence, named at their right ends, which are kept apart."""
    curves = [(incidence[name]["words"], [100 * share for share in incidence[name]["share"]]) for name in names]
    months = max(len(values) for _, values in curves) - 1
    years = months * month_days / 365.25
    highest = max(max(values) for _, values in curves) or 1.0
    step = round_step(highest)
    x = scale(0, months, _LEFT, _WIDE - _RIGHT)
    y = scale(0, highest, _HIGH - _BOTTOM, _TOP)
    parts = [line("axis", _LEFT, y(0), _WIDE - _RIGHT, y(0)), line("axis", _LEFT, y(0), _LEFT, _TOP)]
    for n in range(int(highest / step) + 1):
        parts += [line("thread", _LEFT, y(n * step), _WIDE - _RIGHT, y(n * step)),
                  text(_LEFT - 5, y(n * step) + 4, f"{n * step:g} %", "end")]  # fmt: skip
    each = 1 if years <= 6 else 2
    for year in range(0, int(years + 0.05) + 1, each):
        parts.append(text(x(year * 365.25 / month_days), _HIGH - _BOTTOM + 16, f"{year}", "middle"))
    parts.append(text((_LEFT + _WIDE - _RIGHT) / 2, _HIGH - 4, "years after diagnosis", "middle"))
    ends = _apart([y(values[-1]) for _, values in curves])
    for (words, values), end, colour in zip(curves, ends, _COLOURS, strict=False):
        points = " ".join(f"{x(month):.1f},{y(value):.1f}" for month, value in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            f'<line x1="{_WIDE - _RIGHT + 2:.0f}" x2="{_WIDE - _RIGHT + 12:.0f}" y1="{y(values[-1]):.1f}" '
            f'y2="{end:.1f}" stroke="{colour}"/>'
        )
        parts.append(text(_WIDE - _RIGHT + 15, end + 4, f"{words} {values[-1]:.1f} %"))
    said = "; ".join(f"{words} {values[-1]:.1f} % at the end" for words, values in curves)
    return svg("".join(parts), _WIDE, _HIGH, f"Cumulative incidence: {said}.")


def spine_map_svg(counts: Mapping[str, int], words: str) -> Markup:
    """A bar a level, from the head down; a share of all in words at its end."""
    total, most = sum(counts.values()) or 1, max(counts.values()) or 1
    x = scale(0, most, _NAME, _MAP_WIDE - 48)
    parts = []
    for n, (level, count) in enumerate(counts.items()):
        top = 4 + n * _ROW
        colour = {"C": "#56b4e9", "T": "#0072b2", "L": "#009e73"}.get(level[0], "#7b7568")
        parts.append(text(_NAME - 6, top + 12, level, "end"))
        parts.append(
            f'<rect x="{_NAME}" y="{top:.1f}" width="{max(x(count) - _NAME, 0.5):.1f}" height="{_ROW - 4}" '
            f'fill="{colour}"/>'
        )
        parts.append(text(x(count) + 4, top + 12, f"{100 * count / total:.1f} %"))
    regions = {"cervical": "C", "thoracic": "T", "lumbar": "L", "sacral": "s"}
    said = ", ".join(
        f"{name} {100 * sum(c for level, c in counts.items() if level[0] == first) / total:.0f} %"
        for name, first in regions.items()
    )
    return svg("".join(parts), _MAP_WIDE, 8 + _ROW * len(counts), f"{escape(words)} by level: {said}.")


def difference_svg(low: float, value: float, high: float, widest: float) -> Markup:
    """A difference with its interval about zero."""
    x = scale(-widest, widest, 4, 116)
    parts = [line("axis", x(0), 1, x(0), 15), line("reached", x(low), 8, x(high), 8),
             f'<circle class="dot" cx="{x(value):.1f}" cy="8" r="3"/>']  # fmt: skip
    return Markup(
        f'<svg class="bar" viewBox="0 0 120 16" role="img" aria-label="{value:.3g}, {low:.3g} to {high:.3g}">'
        f"{''.join(parts)}</svg>"
    )


def region_shares(counts: Mapping[str, int]) -> str:
    """Shares by region in words."""
    total = sum(counts.values()) or 1
    names = {"C": "cervical", "T": "thoracic", "L": "lumbar", "s": "sacral"}
    return ", ".join(
        f"{name} {100 * sum(n for level, n in counts.items() if level[0] == first) / total:.0f} %"
        for first, name in names.items()
    )


def _apart(places: Sequence[float], least: float = 14.0) -> list[float]:
    """Heights of labels, moved so that none overlap, in the order given."""
    order = sorted(range(len(places)), key=lambda n: places[n])
    found = list(places)
    for before, after in itertools.pairwise(order):
        found[after] = max(found[after], found[before] + least)
    over = max(found, default=0.0) - (_HIGH - _BOTTOM)
    return [place - max(over, 0.0) for place in found]
