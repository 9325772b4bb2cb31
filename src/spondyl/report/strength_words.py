"""Strength in words: each criterion, what lesions cost."""

from __future__ import annotations

from spondyl.report.phrases import interval, number, percent
from spondyl.report.strength_parts import LesionCost, StrengthEstimate
from spondyl.values.strength import LoadCase

LOAD_CASES = {case.value: case.words for case in LoadCase}


def rows_of_strength(found: StrengthEstimate) -> list[tuple[str, str]]:
    """Label and value of the failure load by each criterion, and of the model's stiffness."""
    torsion = found.failure_load_n is None
    unit, factor, digits = ("N m", 1e-3, 1) if torsion else ("N", 1.0, -1)

    def load(value: float | None, otherwise: str) -> str:
        return otherwise if value is None else number(factor * value, unit, digits)

    value = found.failure_moment_nmm if torsion else found.failure_load_n
    ends = found.failure_moment_interval_nmm if torsion else found.failure_load_interval_n
    stiffness = (
        number((found.torsional_stiffness_nmm_per_rad or 0.0) / 1e3, "N m/rad")
        if torsion
        else number(found.stiffness_n_per_mm, "N/mm")
    )
    rows = [
        ("Failure", f"{load(value, 'not known')} ({interval(ends, unit, digits, factor)})"),
        ("Peak of the curve", load(found.criteria.peak, "none: still rising where the curve ends")),
        ("At 1.9 % apparent strain", load(found.criteria.at_limit_strain, "not reached")),
        ("At 0.2 % permanent strain", load(found.criteria.offset, "not reached")),
        ("Stiffness", stiffness),
    ]
    if not torsion:
        rows.insert(4, ("Linear estimate, 0.0068 K H", load(found.criteria.linear, "not known")))
    return rows


def cost_of(cost: LesionCost) -> tuple[str, str, str]:
    """Which lesions, what they cost, what cement would give back."""
    named = ", ".join(str(n) for n in cost.lesions)
    lost = "not told" if cost.lost_share is None else _change(-cost.lost_share, cost.lost_n, -1)
    gained = "not told" if cost.cemented_share is None else _change(cost.cemented_share, cost.regained_n, 1)
    return named, lost, gained


def _change(share: float, newton: float | None, sign: int) -> str:
    text = f"{'+' if share > 0 else ''}{percent(share)}"
    return text if newton is None else f"{text} ({number(sign * newton, 'N', -1)})"
