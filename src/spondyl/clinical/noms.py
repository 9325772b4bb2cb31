"""NOMS, the decision frame for spinal metastases: neurologic, oncologic, mechanical, systemic (Laufer 2013).

What each consideration decides is read in its authors' abstracts; the published table of rows could not be read. So
the frame gives what radiation and what stabilisation are possible under the answers, with the reasons, and what is
known from memory only is shown as such and settles nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.clinical import rules
from spondyl.clinical.case import Case
from spondyl.clinical.case_scores import escc_of, sins_of
from spondyl.core.errors import InvalidAnswer


@dataclass(frozen=True)
class Consideration:
    name: str
    """'neurologic', 'oncologic', 'mechanical' or 'systemic'."""
    about: str
    possible: tuple[str, ...]
    """Its answers that are possible; one when it is known."""
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class NomsResult:
    considerations: tuple[Consideration, ...]
    radiation: tuple[str, ...]
    """Radiation, and operation to free the cord, under the answers that are possible."""
    stability: tuple[str, ...]
    """Stabilisation under the answers that are possible; a question of its own."""
    missing: tuple[str, ...]
    """Paths of the answers that would narrow it."""
    citations: tuple[str, ...]


def assess(case: Case) -> NomsResult:
    """The frame filled with a case. Raises InvalidAnswer when SINS and the answers on stability exclude each other."""
    table = rules.load("noms")
    frame = (_neurologic(case), _oncologic(case), _mechanical(case), _systemic(case))
    neurologic, oncologic, mechanical, systemic = (part.possible for part in frame)
    radiation = dict.fromkeys(
        _radiation(onco, neuro, fit) for onco in oncologic for neuro in neurologic for fit in systemic
    )
    stability = dict.fromkeys(_stability(state, fit) for state in mechanical for fit in systemic)
    return NomsResult(
        considerations=frame,
        radiation=tuple(_said(f"radiation.{row}") for row in radiation),
        stability=tuple(_said(f"stability.{row}") for row in stability),
        missing=_missing(frame, settled=len(radiation) == 1 and len(stability) == 1),
        citations=table.cited(table.entries),
    )


def _radiation(oncologic: str, neurologic: str, systemic: str) -> str:
    if oncologic == "sensitive":
        return "sensitive"
    if neurologic == "low":
        return "resistant_low"
    return "resistant_high" if systemic == "tolerates surgery" else "resistant_high_unfit"


def _stability(mechanical: str, systemic: str) -> str:
    return mechanical if mechanical == "stable" or systemic == "tolerates surgery" else "unfit"


def _said(path: str) -> str:
    entry = rules.load("noms")[path]
    return f"{entry.value} [unverified]" if entry.status == "unverified" else str(entry.value)


def _about(name: str) -> str:
    return str(rules.load("noms").value(f"considerations.{name}"))


def _neurologic(case: Case) -> Consideration:
    table, found = rules.load("noms"), escc_of(case)
    possible = tuple(side for side in ("low", "high") if set(found.grades) & set(table.value(f"neurologic.{side}")))
    grades = f"ESCC {found.grades[0]}" if len(found.grades) == 1 else f"ESCC one of {', '.join(found.grades)}"
    disputed = ("grade 1c is disputed; NOMS counts it low",) if found.grades == ("1c",) else ()
    signs = {"yes": "signs of myelopathy", "no": "no signs of myelopathy", "unknown": "myelopathy not answered"}
    return Consideration(
        "neurologic", _about("neurologic"), possible, (grades, *disputed, signs[case.neurology.myelopathy])
    )


def _oncologic(case: Case) -> Consideration:
    """By the answer, or by the primary site where a source that was read names it; the two may not contradict."""
    table, site, given = rules.load("noms"), case.cancer.primary, case.noms.radiosensitive
    answered = {"yes": "sensitive", "no": "resistant"}.get(given)
    listed = next((row for row, entry in table.under("oncologic").items() if site in entry.value), None)
    if answered and listed and answered != listed:
        raise InvalidAnswer(
            f"'noms.radiosensitive' contradicts 'cancer.primary': {site} is listed as {listed}.",
            "Correct one, or leave it out.",
        )
    if settled := answered or listed:
        reason = f"radiosensitive: {given}" if answered else f"primary: {site}"
        return Consideration("oncologic", _about("oncologic"), (settled,), (reason,))
    held = [row for row, entry in table.under("oncologic_unverified").items() if site in entry.value]
    reason = f"primary: {site or 'not answered'}"
    if held:
        reason += f", held to be {held[0]} [unverified, settles nothing]"
    return Consideration("oncologic", _about("oncologic"), ("sensitive", "resistant"), (reason,))


def _mechanical(case: Case) -> Consideration:
    """Stable, pain under load, or grossly unstable: by the answers, and by SINS where its band is certain."""
    gross, pain = case.noms.gross_instability, case.noms.axial_load_pain
    score = sins_of(case)
    by_answers = {"yes": {"gross"}, "no": {"stable", "axial_load_pain"}}.get(
        gross, {"gross", "stable", "axial_load_pain"}
    )
    if pain != "unknown":
        by_answers -= {"stable"} if pain == "yes" else {"axial_load_pain"}
    by_score = {"stable": {"stable", "axial_load_pain"}, "unstable": {"gross", "axial_load_pain"}}.get(score.category)
    possible = by_answers if by_score is None else by_answers & by_score
    if not possible:
        raise InvalidAnswer(
            f"'noms' contradicts 'sins': SINS is {score.total_min} to {score.total_max} ({score.category}), "
            f"gross instability '{gross}', pain under load '{pain}'.",
            "Correct one, or leave it out.",
        )
    total = str(score.total_min) if score.total_min == score.total_max else f"{score.total_min} to {score.total_max}"
    order = tuple(word for word in ("stable", "axial_load_pain", "gross") if word in possible)
    reasons = (f"SINS {total}: {score.category}", f"gross instability: {gross}", f"pain under load: {pain}")
    return Consideration("mechanical", _about("mechanical"), order, reasons)


def _systemic(case: Case) -> Consideration:
    answer = case.condition.tolerates_surgery
    both = ("tolerates surgery", "does not tolerate surgery")
    possible = both if answer == "unknown" else (both[0],) if answer == "yes" else (both[1],)
    return Consideration("systemic", _about("systemic"), possible, (f"operation tolerated: {answer}",))


_ASK = {
    "neurologic": ("escc.grade",),
    "oncologic": ("noms.radiosensitive",),
    "mechanical": ("noms.gross_instability", "noms.axial_load_pain"),
    "systemic": ("condition.tolerates_surgery",),
}


def _missing(frame: tuple[Consideration, ...], settled: bool) -> tuple[str, ...]:
    if settled:
        return ()
    return tuple(path for part in frame if len(part.possible) > 1 for path in _ASK[part.name])
