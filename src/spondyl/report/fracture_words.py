"""A loss of height in words: how much, what it may be, what speaks for which cause. Never a diagnosis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spondyl.report.fracture_parts import Fracture, LookAlike, Sign
from spondyl.report.phrases import either, listed

GRADES = ("none", "mild", "moderate", "severe")
"""Genant's own words for grades 0 to 3."""
SHAPES = {
    "wedge": "wedge: the front lost most",
    "biconcave": "biconcave: the middle lost most",
    "crush": "crush: the back was lost with the rest",
}
LOOK_ALIKES = {"Scheuermann": "Scheuermann’s disease", "cupid's bow": "Cupid’s bow", "Schmorl's node": "Schmorl’s node"}
VERDICTS = {
    "suspicious": "Seen here are signs that are more frequent where a vertebra broke through tumour",
    "benign": (
        "Seen here are signs that are more frequent where a vertebra broke without tumour; they do not exclude it"
    ),
    "cannot tell": "This scan does not tell whether tumour made it break",
}


def present(found: Fracture) -> bool:
    """Whether the interval of the loss allows a fracture at all."""
    return found.grade[1] > 0


def grade(found: Fracture) -> str:
    """'grade 2 (moderate); its interval allows 1 to 3'."""
    if not present(found):
        return "no fracture by height"
    text = f"grade {found.best_grade} ({GRADES[found.best_grade]})"
    low, high = found.grade
    return text if low == high else f"{text}; the interval allows {either(low, high)}"


def short(found: Fracture | None) -> str:
    """For a table's cell: 'grade 2 wedge', 'grade 0 or 1', 'none'."""
    if found is None:
        return "not judged"
    if not present(found):
        return "none"
    shape = found.shape if found.best_grade and found.shape else ""
    return f"grade {either(*found.grade)} {shape}".strip()


def look_alike(entry: LookAlike) -> str:
    """'Schmorl’s node, which explains what is seen: 1 narrow dent …'."""
    name = LOOK_ALIKES.get(entry.name, entry.name)
    return f"{name} ({'seen here' if entry.certain else 'stays possible'}): {entry.basis}"


def verdict(found: Fracture) -> str:
    """What the signs say of its cause, with their names."""
    if found.verdict is None:
        return found.verdict_reason
    return f"{VERDICTS[found.verdict]}: {found.verdict_reason.rstrip('.')}"


def signs(found: Fracture) -> list[Sign]:
    """Seen first, then what could not be looked for, then what was not seen."""
    order = ("seen", "not assessable", "not seen")
    return sorted(found.signs, key=lambda sign: order.index(sign.state))


def shared_basis(found: Fracture) -> str:
    """What several signs rest on alike, to be said once; empty where each has its own."""
    basis, times = Counter(sign.basis for sign in found.signs).most_common(1)[0]
    return basis if times > 1 else ""


def speaks_for(sign: Sign) -> str:
    what = "tumour" if sign.points_to == "malignant" else "no tumour"
    return f"{what}, {'strongly' if sign.strong else 'weakly'}"


def sentence(by_level: Sequence[tuple[str, Fracture]]) -> str:
    """All fractures of the case in one sentence, or that there is none."""
    broken = [(level, found) for level, found in by_level if found.best_grade > 0]
    perhaps = [level for level, found in by_level if found.best_grade == 0 and present(found)]
    said = ""
    if broken:
        told = [f"{level} ({short(found)}; {_cause(found)})" for level, found in broken]
        said = f"So much height is lost that it counts as a fracture in {listed(told)}."
    elif by_level:
        said = "None has lost so much height that it counts as a fracture."
    if perhaps:
        said += f" In {listed(perhaps)} the measurement is too uncertain to exclude one."
    return said.strip()


def _cause(found: Fracture) -> str:
    return {
        "suspicious": "signs that can mean tumour",
        "benign": "signs that are usual without tumour",
        "cannot tell": "the scan does not tell its cause",
        None: "its cause was not judged",
    }[found.verdict]
