"""report.html: one page, nothing outside it, made of an `Assessment` and the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spondyl.report import canal_curves, overview, words
from spondyl.report.figures import WINDOW_CENTRE_HU, WINDOW_WIDTH_HU
from spondyl.report.finding import Finding, finding_of
from spondyl.report.fracture_parts import PlaceLoss
from spondyl.report.schema import Assessment
from spondyl.report.strength_parts import StrengthEstimate
from spondyl.report.templating import environment

LOSS_BANDS = ((0.0, 0.20), (0.20, 0.25), (0.25, 0.40), (0.40, 0.80))
"""Losses of height that make grades 0 to 3 (genant1993), up to the bar's end; here they only scale the little bar."""
SINS_TOTAL_MAX = 18
SINS_BANDS = ((0, 6), (7, 12), (13, 18))
"""Bands of the score as published with it (fisher2010); here they only scale the little bar."""


def render(
    assessment: Assessment,
    spine_svg: str,
    pictures: Mapping[str, Sequence[tuple[str, str]]],
    outlines: Mapping[str, str],
) -> str:
    """The page. `pictures`: for each level's name its SVG elements with captions; `outlines`: colours by title."""
    env = environment()
    env.globals.update(
        sins_bar=sins_bar,
        loss_bar=loss_bar,
        strength_bar=strength_bar,
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
        outlines=outlines,
        along=canal_curves.spine_svg([v for v in assessment.vertebrae if v.status == "assessed"]),
        columns=overview.columns(assessment.vertebrae),
        source_numbers={citation.key: n for n, citation in enumerate(assessment.citations, 1)},
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


def loss_bar(loss: PlaceLoss) -> Markup:
    """A loss of height as a dot on its interval, over the bands of the grades."""
    if loss.loss is None:
        return Markup("")
    end = LOSS_BANDS[-1][1]
    bands = "".join(
        f'<rect class="band b{n}" x="{100 * low / end:.1f}" y="4" width="{100 * (high - low) / end - 0.6:.1f}" '
        'height="6"/>'
        for n, (low, high) in enumerate(LOSS_BANDS)
    )
    low, at, high = (
        min(98.0, max(2.0, 100 * (value or 0.0) / end))
        for value in (
            loss.loss_interval[0],
            loss.loss,
            loss.loss_interval[1],
        )
    )
    return Markup(
        f'<svg class="bar" viewBox="0 0 100 14" aria-hidden="true">{bands}<line class="reached" x1="{low:.1f}" '
        f'x2="{high:.1f}" y1="7" y2="7"/><circle class="dot" cx="{at:.1f}" cy="7" r="3.2"/></svg>'
    )


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
