"""What every small drawing of the page needs: scales, round steps, marks, and the SVG element with its words."""

from __future__ import annotations

import math
from collections.abc import Callable

from markupsafe import Markup, escape

Scale = Callable[[float], float]


def scale(low: float, high: float, start: float, stop: float) -> Scale:
    """Values from `low` to `high` onto pixels from `start` to `stop`."""
    return lambda value: start + (value - low) / (high - low) * (stop - start)


def round_step(highest: float) -> float:
    """A round step that goes three to six times into the highest value."""
    power = 10.0 ** math.floor(math.log10(highest / 3))
    return float(max(step for step in (1, 2, 5) if step * power <= highest / 3) * power)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def dot(kind: str, x: float, y: float, radius: float = 3.0) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'


def text(x: float, y: float, said: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def svg(inside: str, wide: float, high: float, said: str) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 0 {wide:.0f} {high:.0f}" role="img" aria-label="{escape(said)}">{inside}</svg>'
    )
