"""The case as a whole in plain words: the summary, and what every level is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup, escape

from spondyl.report import canal_words, fracture_words
from spondyl.report.finding import Finding, finding_of
from spondyl.report.phrases import listed, percent, points
from spondyl.report.schema import Assessment, Classification, Sins, VertebraAssessment

TIERS = {
    "immediate": "Immediate attention: an emergency",
    "call_physician": "Call a physician today",
    "routine": "Routine",
    "not_enough_to_say": "Not enough is known to say",
}

ANSWERS = {
    "none_over_half_involved": "no collapse with more than half of the body involved",
    "over_50": "collapse of more than 50 %",
    "under_50": "collapse of less than 50 %",
    "subluxation_translation": "subluxation or translation",
    "occasional_not_mechanical": "occasional, not mechanical",
}
"""Keys of the SINS rules that are no words; the others read well as they are."""


def summary(assessment: Assessment) -> list[str]:
    """The whole result in a few sentences."""
    done = [v for v in assessment.vertebrae if v.status == "assessed"]
    missed = [v for v in assessment.vertebrae if v.status == "not_assessed"]
    said = [f"{len(done)} of {len(assessment.vertebrae)} vertebrae named by the mask were assessed ({_span(done)})."]
    said.append(_lesions(done, assessment.lesions_given))
    said.append(_heights(done))
    if judged := [(v.level, v.fracture) for v in done if v.fracture]:
        said.append(fracture_words.sentence(judged))
    if canals := [(v.level, v.canal) for v in done if v.canal]:
        said.append(canal_words.sentence(canals))
    if scored := [(v.level, v.sins) for v in done if v.sins and v.sins.applies]:
        totals = [f"{level} {points(s.total_min, s.total_max)} of 18 ({s.category})" for level, s in scored]
        said.append(f"Instability score (SINS), as far as it is known: {'; '.join(totals)}.")
    if missed:
        said.append(_missed(missed))
    return said


def _missed(missed: Sequence[VertebraAssessment]) -> str:
    """Who was not assessed, by the first words of the reason."""
    by_reason: dict[str, list[VertebraAssessment]] = {}
    for v in missed:
        by_reason.setdefault(reasons(v).partition(":")[0], []).append(v)
    parts = "; ".join(f"{_levels(group)} ({reason})" for reason, group in by_reason.items())
    return f"Not assessed, so that nothing can be said of them: {parts}."


def _span(vertebrae: Sequence[VertebraAssessment]) -> str:
    if not vertebrae:
        return "none"
    return vertebrae[0].level if len(vertebrae) == 1 else f"between {vertebrae[0].level} and {vertebrae[-1].level}"


def _lesions(done: Sequence[VertebraAssessment], given: bool) -> str:
    source = "The given lesion mask shows" if given else "The automatic search shows"
    hit = [v for v in done if v.lesions]
    if not hit:
        return f"{source} no lesion in them. That rules none out: CT misses tumour that has not yet changed the bone."
    count = sum(len(v.lesions) for v in hit)
    kind = "lesion" if given else "candidate lesion"
    return f"{source} {count} {kind}{'s' if count > 1 else ''}, in {_levels(hit)}."


def _heights(done: Sequence[VertebraAssessment]) -> str:
    measured = [v for v in done if v.geometry and v.geometry.height_loss is not None]
    if not measured:
        return "Height loss could not be measured in any of them."
    worst = max(measured, key=lambda v: (v.geometry.height_loss or 0.0) if v.geometry else 0.0)
    assert worst.geometry is not None
    text = f"The largest height loss is {percent(worst.geometry.height_loss)}, in {worst.level}"
    unknown = [v for v in done if v not in measured]
    return text + (f"; it could not be measured in {_levels(unknown)}." if unknown else ".")


def _levels(vertebrae: Iterable[VertebraAssessment]) -> str:
    return listed(v.level for v in vertebrae)


def reasons(v: VertebraAssessment) -> str:
    """Why a level is not assessed, without the last full stop."""
    return "; ".join(reason.rstrip(".") for reason in v.reasons) or "no reason was recorded"


def sins(found: Sins) -> Markup:
    """Total and band, or that there is nothing to score."""
    total = f"{points(found.total_min, found.total_max)} of 18"
    if found.applies:
        return escape(f"{total}, {found.category}")
    return Markup("<span class='soft'>no lesion to score</span>")


def finding(v: VertebraAssessment) -> str:
    """The level's finding; what was found by the search alone is called a candidate."""
    return candidate(finding_of(v), any(lesion.origin == "given" for lesion in v.lesions))


def candidate(found: Finding, given: bool) -> str:
    lesion = found in (Finding.LESION, Finding.LESION_AND_HEIGHT_LOSS)
    return f"candidate {found}" if lesion and not given else str(found)


def answer(text: str) -> str:
    """An answer to a SINS item in words, where the rules have a key."""
    for key, said in ANSWERS.items():
        text = text.replace(key, said)
    return text.replace("_", " ")


def classification(found: Classification) -> str:
    said = dict.fromkeys((found.origin, found.compartment, found.behaviour, found.entity))
    return f"Class of tumour: {', '.join(said)}."


def facts(value: Any) -> str:
    """A dictionary of provenance in one line."""
    if isinstance(value, dict):
        return "; ".join(f"{key} {facts(entry)}" for key, entry in value.items() if entry not in ([], {}))
    if isinstance(value, (list, tuple)):
        return ", ".join(facts(entry) for entry in value)
    return "not given" if value is None else str(value)
