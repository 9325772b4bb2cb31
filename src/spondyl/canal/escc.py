"""Grades of epidural spinal cord compression (ESCC) from the geometry of one cross-section, by canal/escc.toml.

The grades 0, 1a, 1b, 1c, 2 and 3 tell how tumour, thecal sac and cord lie to each other on axial T2-weighted MRI
(Bilsky 2010). Each question (tumour? sac deformed? cord abutted? compressed? fluid left?) is a measure against a
threshold and answered yes, no, or 'within a voxel'; the grade is the answer of all, and every combination that a
voxel allows is told as well. A CT of bone answers none of them, so that not even grade 0 is given from it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any

from spondyl.anatomy.levels import Level
from spondyl.core.citations import cite
from spondyl.core.errors import RuleError

CITATIONS = ("bilsky2010",)
GRADES = ("0", "1a", "1b", "1c", "2", "3")
STATUS = ("verified", "unverified", "own choice")
Answer = bool | None


@dataclass(frozen=True)
class Known:
    """A measure and what it may be wrong by, in its own unit."""

    value: float
    tolerance: float


@dataclass(frozen=True)
class Section:
    """What one cross-section shows; None is 'can't be seen'."""

    epidural_area_mm2: Known | None
    sac_loss: Known | None
    cord_gap_mm: Known | None
    cord_area_share: Known | None
    cord_shape_share: Known | None
    cord_shift_mm: Known | None
    fluid_arc_share: Known | None


@dataclass(frozen=True)
class Verdict:
    grade: str | None
    """By the measures as they are; None where one that decides is missing."""
    possible: tuple[str, ...]
    """All grades that fit within the tolerances, from the lowest."""


@dataclass(frozen=True)
class Rules:
    thresholds: dict[str, float]
    definitions: dict[str, str]
    highest_conus: Level
    lowest_conus: Level
    taper_mm: float
    least_cord_mm2: float


def grade(section: Section) -> Verdict:
    """The grade of one cross-section and every grade possible within the tolerances."""
    limits = rules().thresholds
    cord = [
        (section.cord_area_share, limits["cord_area_share"], False),
        (section.cord_shape_share, limits["cord_shape_share"], False),
        (section.cord_shift_mm, limits["cord_shift_mm"], True),
    ]
    questions = [
        _asked(section.epidural_area_mm2, limits["epidural_area_mm2"], above=True),
        _asked(section.sac_loss, limits["sac_loss"], above=True),
        _asked(section.cord_gap_mm, limits["cord_gap_mm"], above=False),
        _any_of([_asked(known, limit, above=above) for known, limit, above in cord]),
        _asked(section.fluid_arc_share, limits["fluid_arc_share"], above=True),
    ]
    within = [[True, False] if sure is None else [sure] for _, sure in questions]
    possible = {_decide(*answers) for answers in product(*within)}
    nominal = [[True, False] if answer is None else [answer] for answer, _ in questions]
    decided = {_decide(*answers) for answers in product(*nominal)}
    return Verdict(decided.pop() if len(decided) == 1 else None, in_order(possible | decided))


def in_order(grades: Iterable[str]) -> tuple[str, ...]:
    """From the lowest, each once."""
    return tuple(sorted(set(grades), key=GRADES.index))


def _decide(tumour: bool, deformed: bool, abutted: bool, cord_changed: bool, fluid: bool) -> str:
    """A cord is compressed by what touches it: one that is thin elsewhere has another reason."""
    if not tumour:
        return "0"
    if abutted and cord_changed:
        return "2" if fluid else "3"
    if not deformed:
        return "1a"
    return "1c" if abutted else "1b"


def _asked(known: Known | None, limit: float, *, above: bool) -> tuple[Answer, Answer]:
    """(answer by the value as it is, answer that no tolerance changes); None where there is none."""
    if known is None:
        return None, None
    answer = known.value >= limit if above else known.value <= limit
    return answer, answer if abs(known.value - limit) > known.tolerance else None


def _any_of(answers: list[tuple[Answer, Answer]]) -> tuple[Answer, Answer]:
    """Yes when one says yes; no when all that can be asked say no; unknown when none can be asked."""
    nominal = [answer for answer, _ in answers if answer is not None]
    asked = [sure for answer, sure in answers if answer is not None]
    if not nominal:
        return None, None
    if any(sure is True for sure in asked):
        return True, True
    return any(nominal), None if None in asked else False


def without_labels(*, cord_given: bool, encroachment: float | None) -> str:
    """Why there is no grade where neither sac nor epidural tumour is labelled, and what can be said."""
    parts = ["No ESCC grade: the grades are read on MRI from thecal sac, cord and epidural tumour, and"]
    if cord_given:
        parts.append("CT with a cord mask shows neither the sac nor tumour around it.")
    else:
        parts.append("CT with masks of bone shows none of them.")
    if encroachment is not None and encroachment > 0:
        parts.append(f"The given lesion mask holds up to {encroachment:.0%} of the bony canal here.")
    parts.append("The width of the bony canal neither proves nor excludes compression: grade 0 is not claimed either;")
    parts.append("only MRI can tell (of the whole spine where metastases are suspected).")
    return " ".join(parts)


@cache
def rules() -> Rules:
    """The rules file. Raises RuleError on an entry without value, unit, citations, status or date."""
    table = tomllib.loads(files("spondyl.canal").joinpath("escc.toml").read_text(encoding="utf-8"))
    for section in ("grades", "thresholds", "conus"):
        for name, entry in table[section].items():
            _checked(f"{section}.{name}", entry)
    if tuple(table["grades"]) != GRADES:
        raise RuleError(f"canal/escc.toml defines the grades {', '.join(table['grades'])}.", "Define all six in order.")
    conus = table["conus"]
    return Rules(
        thresholds={name: float(entry["value"]) for name, entry in table["thresholds"].items()},
        definitions={name: entry["value"] for name, entry in table["grades"].items()},
        highest_conus=Level.parse(conus["highest"]["value"]),
        lowest_conus=Level.parse(conus["lowest"]["value"]),
        taper_mm=float(conus["taper_mm"]["value"]),
        least_cord_mm2=float(conus["least_cord_mm2"]["value"]),
    )


def _checked(name: str, entry: dict[str, Any]) -> None:
    missing = [key for key in ("value", "unit", "citations", "status", "checked") if key not in entry]
    if missing:
        raise RuleError(f"canal/escc.toml, {name}: no {', '.join(missing)}.", "Every entry needs them.")
    if entry["status"] not in STATUS:
        raise RuleError(f"canal/escc.toml, {name}: status '{entry['status']}'.", f"One of {', '.join(STATUS)}.")
    if entry["status"] == "own choice" and not entry.get("why"):
        raise RuleError(f"canal/escc.toml, {name}: an own choice without 'why'.", "Say why.")
    if entry["status"] != "own choice" and not entry["citations"]:
        raise RuleError(f"canal/escc.toml, {name}: no citation.", "Name the source.")
    cite(entry["citations"])
