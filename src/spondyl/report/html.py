"""report.html: one page, nothing outside it, made of an `Assessment` and the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spondyl.report import words
from spondyl.report.curves import curve_svg, spreads_svg, tasks_svg
from spondyl.report.figures import WINDOW_CENTRE_HU, WINDOW_WIDTH_HU
from spondyl.report.finding import Finding, finding_of
from spondyl.report.schema import Assessment
from spondyl.report.strength_parts import StrengthEstimate

SINS_TOTAL_MAX = 18
SINS_BANDS = ((0, 6), (7, 12), (13, 18))
"""Bands of the score as published with it (fisher2010); here they only scale the little bar."""


def render(assessment: Assessment, spine_svg: str, pictures: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """The page. `pictures` holds for each level's name its SVG elements with their captions."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("spondyl.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(
        w=words,
        sins_bar=sins_bar,
        strength_bar=strength_bar,
        curve_svg=curve_svg,
        spreads_svg=spreads_svg,
        tasks_svg=tasks_svg,
        finding_of=finding_of,
        marker=marker_svg,
    )
    findings = {vertebra.level: finding_of(vertebra) for vertebra in assessment.vertebrae}
    return env.get_template("report.html.j2").render(
        a=assessment,
        summary=words.summary(assessment),
        spine=Markup(spine_svg),
        pictures={level: [(Markup(svg), said) for svg, said in shown] for level, shown in pictures.items()},
        legend=[finding for finding in Finding if finding in findings.values()],
        window=(round(WINDOW_CENTRE_HU), round(WINDOW_WIDTH_HU)),
        strongest=_strongest(v.strength for v in assessment.vertebrae),
    )


def marker_svg(finding: Finding) -> Markup:
    """The finding's sign, as in the picture of the spine."""
    from spondyl.report.spine import marker

    sign = marker(finding, 8, 8)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in sign.rings[0])
    return Markup(
        f'<svg class="marker" viewBox="0 0 16 16" aria-hidden="true"><polygon points="{points}" '
        f'fill="{sign.colour}" stroke="currentColor" stroke-width="1"/></svg>'
    )


def sins_bar(low: int, high: int) -> Markup:
    """The range of a SINS total on its scale of 0 to 18."""
    unit = 100 / (SINS_TOTAL_MAX + 1)
    spans = [(first * unit, (last + 1 - first) * unit - 0.6) for first, last in SINS_BANDS]
    bands = "".join(
        f'<rect class="band b{n}" x="{x:.1f}" y="5" width="{wide:.1f}" height="4"/>'
        for n, (x, wide) in enumerate(spans)
    )
    here = f'<rect class="mark" x="{low * unit:.1f}" y="2" width="{(high - low + 1) * unit:.1f}" height="10" rx="2"/>'
    return Markup(f'<svg class="bar" viewBox="0 0 100 14" aria-hidden="true">{bands}{here}</svg>')


def strength_bar(strength: StrengthEstimate, top_n: float) -> Markup:
    """Failure load as a dot on its interval, all levels on one scale."""
    if strength.failure_load_n is None or strength.failure_load_interval_n is None:
        return Markup("")
    low, high = (min(98.0, 98 * (end or 0.0) / top_n) for end in strength.failure_load_interval_n)
    at = 98 * strength.failure_load_n / top_n
    return Markup(
        f'<svg class="bar" viewBox="0 0 100 14" aria-hidden="true"><line class="axis" x1="0" x2="100" y1="7" y2="7"/>'
        f'<line class="mark" x1="{low:.1f}" x2="{high:.1f}" y1="7" y2="7"/>'
        f'<circle class="dot" cx="{at:.1f}" cy="7" r="3.2"/></svg>'
    )


def _strongest(strengths: Iterable[StrengthEstimate | None]) -> float:
    """Upper end of the strength bars' common scale, N."""
    ends: list[Any] = [1.0]
    for strength in strengths:
        if strength is not None:
            ends += [strength.failure_load_n, *(strength.failure_load_interval_n or ())]
    return max(float(end) for end in ends if end is not None)
