"""Findings in plain words and numbers with their units, for the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup, escape

from spondyl.report.figures import CANAL_COLOUR, CORD_COLOUR, LESION_COLOUR, OUTLINES
from spondyl.report.finding import Finding, finding_of
from spondyl.report.schema import Assessment, Canal, Classification, Geometry, LesionFinding, Sins, VertebraAssessment
from spondyl.report.strength_parts import LesionCost, StrengthEstimate
from spondyl.values.strength import LoadCase

OUTLINE_LEGEND = {title: colour for title, (colour, _) in OUTLINES.items()} | {
    "spinal canal": CANAL_COLOUR,
    "cord or its sheath": CORD_COLOUR,
    "lesion": LESION_COLOUR,
}

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


def number(value: float | None, unit: str = "", digits: int = 0) -> str:
    """'1 230 N' (digits=-1): a thin space groups thousands, a no-break space stands before the unit."""
    if value is None:
        return "not measured"
    text = f"{round(value, digits) + 0.0:,.{max(0, digits)}f}".replace(",", "\u2009").replace("-", "\u2212")
    return f"{text}\u00a0{unit}".strip() if unit else text


def percent(share: float | None) -> str:
    return number(None if share is None else 100 * share, "%")


def interval(pair: Sequence[float | None] | None, unit: str = "", digits: int = 0, factor: float = 1.0) -> str:
    if pair is None or pair[0] is None or pair[1] is None:
        return "interval not known"
    low, high = (number(factor * end, "", digits) for end in pair if end is not None)
    return f"{low} to {high}" + (f"\u00a0{unit}" if unit else "")


def because(notes: Iterable[str], *about: str) -> Markup:
    """'not measured: reason', with the notes that speak of one of the words in `about`; with no words, all of them."""
    said = list(notes)
    fitting = [note for note in said if any(word in note.lower() for word in about)] if about else said
    reason = "; ".join(_bare(note) for note in fitting)
    reason = reason or ("see the notes" if said else "no reason was recorded")
    return Markup('<span class="unknown">not measured: {}</span>').format(reason)


def _bare(note: str) -> str:
    """A note inside a sentence: what follows 'Height loss not measured: ' or 'No height loss: ', else all of it."""
    head, _, tail = note.partition(": ")
    told = (tail if tail and (head.endswith("not measured") or head.lower().startswith("no ")) else note).rstrip(".")
    word = told.partition(" ")[0]
    return told[:1].lower() + told[1:] if word == "A" or word[1:].islower() else told


def rows_of_geometry(geometry: Geometry) -> list[tuple[str, Markup]]:
    """Label and value of each measured shape."""
    g = geometry

    def mm(value: float | None, *about: str) -> Markup:
        return because(g.notes, *about) if value is None else escape(number(value, "mm", 1))

    def deg(value: float | None, *about: str) -> Markup:
        return because(g.notes, *about) if value is None else escape(number(value, "°", 1).replace("\u00a0", ""))

    loss = because(g.notes, "height loss", "predict", "neighbour")
    if g.height_loss is not None:
        loss = escape(f"{percent(g.height_loss)} (95 %: {interval(g.height_loss_interval, '%', 0, 100)})")
    return [
        ("Height in front", mm(g.anterior_height_mm, "height", "endplate")),
        ("Height in the middle", mm(g.middle_height_mm, "height", "endplate")),
        ("Height behind", mm(g.posterior_height_mm, "height", "endplate")),
        ("Height expected from the neighbours", mm(g.predicted_height_mm, "predict", "neighbour")),
        ("Height loss", loss),
        ("Width × depth of the body", _times(mm(g.width_mm, "width"), mm(g.depth_mm, "depth"))),
        ("Wedge angle (front lower +)", deg(g.wedge_deg, "wedge", "endplate")),
        ("Angle to the level above, sagittal (kyphosis +)", deg(g.sagittal_angle_to_above_deg, "angle", "above")),
        ("Angle to the level above, coronal", deg(g.coronal_angle_to_above_deg, "angle", "above")),
        ("Level above moved backward (+) or forward", mm(g.translation_ap_mm, "translation", "above")),
        ("Level above moved to the left (+) or right", mm(g.translation_lr_mm, "translation", "above")),
    ]


def _times(width: Markup, depth: Markup) -> Markup:
    if width == depth and width.startswith("<"):
        return width  # both unknown for one reason
    return Markup("{} × {}").format(width, depth)


def rows_of_canal(canal: Canal, *, lesion_here: bool) -> list[tuple[str, Markup]]:
    """Label and value of each measure of the canal; `lesion_here` says whether the level holds a lesion."""

    def shown(value: float | None, unit: str, digits: int, *about: str, factor: float = 1.0) -> Markup:
        return because(canal.notes, *about) if value is None else escape(number(factor * value, unit, digits))

    lost = shown(canal.area_loss, "%", 0, "loss", "expect", "neighbour", factor=100)
    if canal.area_loss is not None and canal.area_loss < 0:
        lost = escape(f"none: {percent(-canal.area_loss)} more than expected")
    held = shown(canal.lesion_encroachment, "%", 0, "lesion", factor=100)
    if canal.lesion_encroachment is None and not lesion_here:
        held = escape("no lesion at this level")
    return [
        ("Smallest bony area", shown(canal.min_area_mm2, "mm²", 0, "area", "ring")),
        ("Area expected from the neighbours", shown(canal.expected_area_mm2, "mm²", 0, "expect", "neighbour")),
        ("Area lost", lost),
        ("Front to back", shown(canal.ap_diameter_mm, "mm", 1, "diameter")),
        ("Side to side", shown(canal.transverse_diameter_mm, "mm", 1, "diameter")),
        ("Share of the canal held by a lesion", held),
        ("Area of the cord", shown(canal.cord_area_mm2, "mm²", 0, "cord")),
    ]


def lesion_line(lesion: LesionFinding) -> str:
    """'lytic, 2.1 cm³, left pedicle, detected (confidence 0.62)'."""
    volume = "volume not measured" if lesion.volume_mm3 is None else number(lesion.volume_mm3 / 1000, "cm³", 1)
    where = ", ".join(lesion.parts_touched) or "place not named"
    return f"{lesion.type}, {volume}, {where}; {origin(lesion)}"


def origin(lesion: LesionFinding) -> str:
    if lesion.origin == "given":
        return "given mask"
    if lesion.confidence is None:
        return "detected, confidence not known"
    return f"detected, confidence {lesion.confidence:.2f}"


def cortex(breached: bool | None) -> str:
    if breached is None:
        return "can't be told from this scan"
    return "breached" if breached else "not seen to be breached"


def reasons(v: VertebraAssessment) -> str:
    """Why a level is not assessed, without the last full stop."""
    return "; ".join(reason.rstrip(".") for reason in v.reasons) or "no reason was recorded"


def sins(found: Sins) -> Markup:
    """Total and band, or that there is nothing to score."""
    total = f"{points(found.total_min, found.total_max)} of 18"
    if found.applies:
        return escape(f"{total}, {found.category}")
    return Markup("<span class='soft'>no lesion to score</span>")


def points(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def levels(vertebrae: Iterable[VertebraAssessment]) -> str:
    """'T8, L1 and L2'."""
    names = [vertebra.level for vertebra in vertebrae]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def summary(assessment: Assessment) -> list[str]:
    """The whole result in a few sentences."""
    done = [v for v in assessment.vertebrae if v.status == "assessed"]
    missed = [v for v in assessment.vertebrae if v.status == "not_assessed"]
    said = [f"{len(done)} of {len(assessment.vertebrae)} vertebrae named by the mask were assessed ({_span(done)})."]
    said.append(_lesions(done, assessment.lesions_given))
    said.append(_heights(done))
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
    parts = "; ".join(f"{levels(group)} ({reason})" for reason, group in by_reason.items())
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
    return f"{source} {count} {kind}{'s' if count > 1 else ''}, in {levels(hit)}."


def _heights(done: Sequence[VertebraAssessment]) -> str:
    measured = [v for v in done if v.geometry and v.geometry.height_loss is not None]
    if not measured:
        return "Height loss could not be measured in any of them."
    worst = max(measured, key=lambda v: (v.geometry.height_loss or 0.0) if v.geometry else 0.0)
    assert worst.geometry is not None
    text = f"The largest height loss is {percent(worst.geometry.height_loss)}, in {worst.level}"
    unknown = [v for v in done if v not in measured]
    return text + (f"; it could not be measured in {levels(unknown)}." if unknown else ".")


def height_loss(v: VertebraAssessment) -> Markup:
    if v.geometry is None:
        return because(())
    loss = v.geometry.height_loss
    if loss is None:
        return because(v.geometry.notes, "height loss", "predict", "neighbour")
    return Markup("{} <span class='soft interval'>({})</span>").format(
        percent(loss), interval(v.geometry.height_loss_interval, "%", 0, 100)
    )


def density(v: VertebraAssessment) -> Markup:
    if v.density is None:
        return because([v.density_reason] if v.density_reason else ())
    if v.density.trabecular_mg_cc is None:
        return because(v.density.notes)
    return Markup("{} <span class='soft interval'>({})</span>").format(
        number(v.density.trabecular_mg_cc, "mg/cc"), interval(v.density.trabecular_mg_cc_interval)
    )


def canal(v: VertebraAssessment) -> Markup:
    if v.canal is None:
        return because(())
    if v.canal.min_area_mm2 is None:
        return because(v.canal.notes, "area", "ring")
    text = number(v.canal.min_area_mm2, "mm²")
    if v.canal.lesion_encroachment is not None:
        text += f", lesion holds {percent(v.canal.lesion_encroachment)}"
    return escape(text)


def failure_load(v: VertebraAssessment) -> Markup:
    if v.strength is None:
        return because([v.strength_reason] if v.strength_reason else ())
    if v.strength.failure_load_n is None:
        return because(v.strength.notes)
    return Markup("{} <span class='soft interval'>({})</span>").format(
        number(v.strength.failure_load_n, "N", -1), interval(v.strength.failure_load_interval_n, "", -1)
    )


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
