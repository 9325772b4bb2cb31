"""The page for patients and families, built from the registry of facts; with an assessment, what was found."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup, escape

from spondyl.anatomy.levels import Level
from spondyl.clinical import rules
from spondyl.clinical.evidence import Fact, fact
from spondyl.core.citations import cite
from spondyl.report import explain_pictures
from spondyl.report.phrases import listed, percent
from spondyl.report.schema import Assessment, VertebraAssessment

KINDS = {
    "lytic": "bone is missing there",
    "blastic": "the bone is too dense there",
    "mixed": "in part bone is missing and in part it is too dense there",
}
LOWER_SHARE = 0.2
"""Own choice, after the lowest grade of a fracture (wang2019): a smaller loss is not told to patients."""


@dataclass
class Told:
    """Facts as they are told on the page, numbering their sources as they come."""

    sources: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def __call__(self, id: str) -> Markup:
        """The fact in plain words, with its sources."""
        known = fact(id)
        if known not in self.facts:
            self.facts.append(known)
        doubt = "" if known.verified else ' <span class="doubt">(we could not check this figure)</span>'
        other = ' <a class="other" href="#differ">Others count differently.</a>' if known.disagrees_with else ""
        return Markup(f'<span data-fact="{escape(id)}">{escape(known.plain)}</span>{doubt}{self.marks(known)}{other}')

    def marks(self, known: Fact) -> Markup:
        """Numbers that lead to the sources."""
        return Markup("").join(self._mark(key) for key in known.citations)

    def _mark(self, key: str) -> Markup:
        if key not in self.sources:
            self.sources.append(key)
        number = self.sources.index(key) + 1
        return Markup(f'<sup><a href="#source-{number}" aria-label="source {number}">[{number}]</a></sup>')

    def differing(self) -> list[tuple[Fact, list[Fact]]]:
        """The facts told that others give otherwise, each with those."""
        return [(told, [fact(id) for id in told.disagrees_with]) for told in self.facts if told.disagrees_with]

    def bibliography(self) -> list[tuple[int, str, bool]]:
        by_key = {reference.key: reference for reference in cite(self.sources)}
        return [(n, by_key[key].text, by_key[key].verified) for n, key in enumerate(self.sources, 1)]


def explain(assessment: Assessment | None = None) -> str:
    """The page as self-contained HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("spondyl.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = [v for v in assessment.vertebrae if v.lesions] if assessment else []
    # The urgency of an assessment is that of a history, and only then is it told.
    urgency = assessment.urgency if assessment and assessment.history_given else None
    return env.get_template("explain.html.j2").render(
        told=Told(),
        urgent=rules.load("urgency").value,
        a=assessment,
        found=[_finding(v, given=bool(assessment and assessment.lesions_given)) for v in found],
        lower=[_lower(v) for v in assessment.vertebrae if _is_lower(v)] if assessment else [],
        missed=listed(v.level for v in assessment.vertebrae if v.status == "not_assessed") if assessment else "",
        urgency=urgency,
        spine=explain_pictures.spine([Level[v.level] for v in found]),
        three=explain_pictures.compartments(),
    )


def _finding(v: VertebraAssessment, *, given: bool) -> str:
    where = explain_pictures.NAMES[Level[v.level].region]
    kinds = listed(KINDS[kind] for kind in dict.fromkeys(lesion.type for lesion in v.lesions))
    spots = "one spot" if len(v.lesions) == 1 else "more than one spot"
    who = "A person marked" if given else "The computer points to"
    return f"{v.level}, a bone of the {where}. {who} {spots}: {kinds}."


def _is_lower(v: VertebraAssessment) -> bool:
    return bool(v.geometry and v.geometry.height_loss is not None and v.geometry.height_loss >= LOWER_SHARE)


def _lower(v: VertebraAssessment) -> str:
    assert v.geometry is not None
    return f"{v.level} is lower than the bones beside it, by about {percent(v.geometry.height_loss)}."
