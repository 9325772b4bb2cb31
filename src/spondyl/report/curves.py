"""Small drawings of a strength, as SVG in the page's own type and colours: the curve, the interval's sources, tasks.

Every drawing carries its numbers as text too, for those who can't see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from spondyl.report.chart import Scale, round_step, scale, svg
from spondyl.report.strength_parts import StrengthEstimate, TaskRatio, Uncertainty
from spondyl.values.strength import LoadCase

WIDE, HIGH = 420.0, 240.0
TASKS_WIDE, NAMES, VALUES = 640.0, 300.0, 116.0
"""Width of the tasks' drawing, and of the columns of names and of values in it."""
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 24.0, 34.0


def curve_svg(estimate: StrengthEstimate) -> Markup:
    """Load against apparent strain, with the criteria marked."""
    torsion = estimate.load_case == LoadCase.TORSION
    unit, factor = ("N m", 1e-3) if torsion else ("N", 1.0)
    failure = estimate.failure_moment_nmm if torsion else estimate.failure_load_n
    ends = estimate.failure_moment_interval_nmm if torsion else estimate.failure_load_interval_n
    band = tuple(factor * end for end in ends or () if end is not None)
    strain, load = estimate.curve.strain, tuple(factor * value for value in estimate.curve.load)
    if len(strain) < 2 or max(load) <= 0:
        return Markup("")
    right, step = float(strain[-1] or 1.0), round_step(max(*load, *band))
    top = step * math.ceil(1.02 * max(*load, *band) / step)
    x = scale(0, right, LEFT, WIDE - RIGHT)
    y = scale(0, top, HIGH - BOTTOM, TOP)
    points = " ".join(f"{x(s or 0.0):.1f},{y(f):.1f}" for s, f in zip(strain, load, strict=True))
    parts = [_axes(x, y, right, top, step, unit, torsion=torsion)]
    if len(band) == 2:
        low, high = (y(end) for end in band)
        parts.append(
            f'<rect class="reach" x="{LEFT}" y="{high:.1f}" width="{WIDE - LEFT - RIGHT}" height="{low - high:.1f}"/>'
        )
    if failure is not None:
        at = y(factor * failure)
        parts.append(f'<line class="level" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
    parts.append(f'<polyline class="curve" points="{points}"/>')
    parts += [
        f'<circle class="dot" cx="{x(s or 0.0):.1f}" cy="{y(f):.1f}" r="2.2"/>'
        for s, f in zip(strain, load, strict=True)
    ]
    said = f"Load against strain: highest {max(load):.{0 if max(load) >= 100 else 1}f} {unit}."
    return svg("".join(parts), WIDE, HIGH, said)


def spreads_svg(spreads: Sequence[Uncertainty]) -> Markup:
    """A bar a source, from its unfavourable to its favourable end, widest first."""
    if not spreads:
        return Markup("")
    ordered = sorted(spreads, key=lambda entry: (entry.low_share or 0.0) - (entry.high_share or 0.0))
    reach = max(0.1, *(max(-(entry.low_share or 0.0), entry.high_share or 0.0) for entry in ordered))
    high = 22.0 * len(ordered) + 24
    x = scale(-reach, reach, 90, WIDE - 110)
    parts = [f'<line class="axis" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="4" y2="{high - 18:.1f}"/>']
    for row, entry in enumerate(ordered):
        top = 6 + 22 * row
        low, upper = entry.low_share or 0.0, entry.high_share or 0.0
        wide = max(1.0, x(upper) - x(low))
        parts.append(f'<rect class="mark" x="{x(low):.1f}" y="{top}" width="{wide:.1f}" height="13" rx="2"/>')
        parts.append(f'<text x="0" y="{top + 10}">{escape(entry.source)}</text>')
        parts.append(f'<text x="{WIDE}" y="{top + 10}" text-anchor="end">{_signed(low)} / {_signed(upper)}</text>')
    parts.append(f'<text x="{x(0):.1f}" y="{high - 4:.1f}" text-anchor="middle">change of the failure load</text>')
    said = "; ".join(f"{e.source} {_signed(e.low_share or 0.0)} to {_signed(e.high_share or 0.0)}" for e in ordered)
    return svg("".join(parts), WIDE, high, f"What the failure load is uncertain by: {said}.")


def tasks_svg(tasks: Sequence[TaskRatio]) -> Markup:
    """Load over strength by task, a dot on its interval; the line at 1 is where both are alike."""
    known = [task for task in tasks if task.load_to_strength is not None]
    if not known:
        return Markup("")
    ends = [end for task in known for end in (task.load_to_strength, *(task.load_to_strength_range or ()))]
    top = max(1.25, min(4.0, max(float(end) for end in ends if end is not None)))
    high = 22.0 * len(known) + 24
    x = scale(0, top, NAMES, TASKS_WIDE - VALUES)
    parts = [f'<line class="axis" x1="{x(0):.1f}" x2="{x(top):.1f}" y1="{high - 20:.1f}" y2="{high - 20:.1f}"/>']
    parts.append(f'<line class="level" x1="{x(1):.1f}" x2="{x(1):.1f}" y1="2" y2="{high - 20:.1f}"/>')
    for tick in range(int(top) + 1):
        parts.append(f'<text x="{x(tick):.1f}" y="{high - 6:.1f}" text-anchor="middle">{tick}</text>')
    for row, task in enumerate(known):
        at = 12 + 22 * row
        if task.load_to_strength_range and None not in task.load_to_strength_range:
            low, upper = (x(min(float(end or 0.0), top)) for end in task.load_to_strength_range)
            parts.append(f'<line class="mark" x1="{low:.1f}" x2="{upper:.1f}" y1="{at}" y2="{at}"/>')
        if (task.load_to_strength or 0.0) <= top:
            parts.append(f'<circle class="dot" cx="{x(task.load_to_strength or 0.0):.1f}" cy="{at}" r="3.2"/>')
        parts.append(f'<text x="{TASKS_WIDE}" y="{at + 4}" text-anchor="end">{_ratio(task)}</text>')
        parts.append(f'<text x="0" y="{at + 4}">{escape(task.words)}</text>')
    said = "; ".join(f"{task.words} {_ratio(task)}" for task in known)
    return svg("".join(parts), TASKS_WIDE, high, f"Load over strength by task: {said}.")


def _ratio(task: TaskRatio) -> str:
    """'0.42 (0.12 to 1.6)': a range may reach past the drawing's end."""
    text = f"{task.load_to_strength:.2f}"
    if not task.load_to_strength_range or None in task.load_to_strength_range:
        return text
    low, high = (f"{end:.2g}" if end else "0" for end in task.load_to_strength_range)
    return f"{text} ({low} to {high})"


def _axes(x: Scale, y: Scale, right: float, top: float, up: float, unit: str, *, torsion: bool) -> str:
    lines = (
        f'<line class="axis" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y(0):.1f}" y2="{y(0):.1f}"/>'
        f'<line class="axis" x1="{LEFT}" x2="{LEFT}" y1="{y(0):.1f}" y2="{y(top):.1f}"/>'
    )
    step = 0.005 if right <= 0.04 else right / 4
    ticks = [n * step for n in range(int(right / step + 1e-9) + 1)]
    below = "".join(
        f'<text x="{x(tick):.1f}" y="{HIGH - BOTTOM + 14}" text-anchor="middle">{100 * tick:.1f}</text>'
        for tick in ticks
    )
    beside = "".join(
        f'<text x="{LEFT - 5}" y="{y(part * up) + 4:.1f}" text-anchor="end">{part * up:g}</text>'
        for part in range(round(top / up) + 1)
    )
    named = "shear strain of the outermost bone, %" if torsion else "apparent strain, %"
    middle = (LEFT + WIDE - RIGHT) / 2
    return (
        f'{lines}{below}{beside}<text x="{middle}" y="{HIGH - 4}" text-anchor="middle">{named}</text>'
        f'<text x="{LEFT - 5}" y="{TOP - 9}" text-anchor="end">{unit}</text>'
    )


def _signed(share: float) -> str:
    told = round(100 * share)
    return f"{'+' if told > 0 else '−' if told < 0 else '±'}{abs(told)} %"
