"""The epidural spinal cord compression scale (Bilsky 2010) from a grade, or from what was seen, sign by sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spondyl.clinical import rules

SIGNS = ("epidural_tumour", "sac_deformed", "touches_cord", "cord_compressed", "csf_visible")

# The definitions of the grades, sign by sign; whether fluid is seen parts grade 2 from 3 and is not asked below.
_SIGNS_OF = {
    "0": ("no", "no", "no", "no", None),
    "1a": ("yes", "no", "no", "no", None),
    "1b": ("yes", "yes", "no", "no", None),
    "1c": ("yes", "yes", "yes", "no", None),
    "2": ("yes", "yes", "yes", "yes", "yes"),
    "3": ("yes", "yes", "yes", "yes", "no"),
}
GRADES = tuple(_SIGNS_OF)


@dataclass(frozen=True)
class EsccResult:
    grades: tuple[str, ...]
    """The grades that are possible, lowest first; one when it is known."""
    meanings: tuple[str, ...]
    group: str
    """'low', 'disputed', 'high', or those it may be: 'low or disputed'."""
    missing: tuple[str, ...]
    """Signs that could still narrow it."""
    limits: tuple[str, ...]
    citations: tuple[str, ...]


def possible(grade: str, signs: Mapping[str, str]) -> tuple[str, ...]:
    """Grades that agree with a grade read ('unknown' if none) and with the signs answered; empty if none does."""
    return tuple(
        name
        for name, expected in _SIGNS_OF.items()
        if grade in (name, "unknown")
        and all(
            want is None or signs.get(sign, "unknown") in (want, "unknown")
            for sign, want in zip(SIGNS, expected, strict=True)
        )
    )


def assess(grade: str, signs: Mapping[str, str]) -> EsccResult:
    """Grade or range of grades. Raises ValueError when no grade agrees with what was said."""
    grades = possible(grade, signs)
    if not grades:
        raise ValueError("no grade of the scale agrees with all of these answers")
    table = rules.load("escc")
    groups = [name for name, entry in table.under("groups").items() if set(grades) & set(entry.value)]
    open_signs = tuple(
        sign
        for place, sign in enumerate(SIGNS)
        if signs.get(sign, "unknown") == "unknown" and len({_SIGNS_OF[name][place] for name in grades} - {None}) > 1
    )
    return EsccResult(
        grades=grades,
        meanings=tuple(table.value(f"grades.{name}") for name in grades),
        group=" or ".join(groups),
        missing=() if len(grades) == 1 else open_signs,
        limits=tuple(entry.value for entry in table.under("limits").values()),
        citations=table.cited(table.entries),
    )
