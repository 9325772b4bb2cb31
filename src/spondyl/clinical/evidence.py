"""The registry of facts: what is known of spinal metastases, each figure with what it counts and its source.

Facts stand in `rules/facts.toml`, one table each:

    [thoracic_share]
    statement = "Of symptomatic spinal metastases about 70 % lie in the thoracic spine."
    plain = "About 7 in 10 of the tumours that cause symptoms lie in the middle of the back."
    value = 70
    unit = "%"
    counts = "symptomatic lesions"
    citations = ["medscape1157987", "orthclin2009"]
    status = "verified"

A fact without a known source does not load, nor one called verified none of whose sources is. Facts that
disagree name each other: neither may be shown without the other.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from spondyl.clinical import rules
from spondyl.core.citations import cite
from spondyl.core.errors import RuleError

_REQUIRED = {"statement", "value", "unit", "counts", "citations", "status"}
_OPTIONAL = {"plain", "qualifier", "high", "note", "disagrees_with"}
_QUALIFIERS = ("", "about", "more than", "less than", "up to")


@dataclass(frozen=True)
class Fact:
    id: str
    statement: str
    """In a clinician's words."""
    plain: str
    """In a patient's words; empty where the fact is not for patients."""
    value: float | str
    """The figure, the lower end of a range, or words where the fact is no number."""
    high: float | None
    """Upper end of a range; None where `value` stands alone."""
    unit: str
    counts: str
    """Of what it is the share, number or time."""
    citations: tuple[str, ...]
    verified: bool
    """The figure was read in a source text; only then may advice rest on it."""
    note: str = ""
    disagrees_with: tuple[str, ...] = ()
    """Ids of facts that give another figure, or count something else under the same name."""
    qualifier: str = ""
    """How the source puts the figure: 'about', 'more than', 'less than', 'up to', or as it stands."""

    @property
    def figure(self) -> str:
        """The value as said: '70 %', '68 to 80 %', 'more than 90 %', or the words."""
        if isinstance(self.value, str):
            return self.value
        number = f"{self.value:g}" if self.high is None else f"{self.value:g} to {self.high:g}"
        return f"{self.qualifier} {number} {self.unit}".strip()


@cache
def facts() -> tuple[Fact, ...]:
    """All facts, in the file's order. Raises RuleError naming the fact that is not fit to load."""
    source = files("spondyl.clinical").joinpath("rules", "facts.toml")
    return parse(source.read_text(encoding="utf-8"))


def fact(id: str) -> Fact:
    """The fact of this id. Raises RuleError when there is none."""
    for known in facts():
        if known.id == id:
            return known
    raise RuleError(f"rules/facts.toml has no fact '{id}'.", "Add it with its source.")


def parse(text: str) -> tuple[Fact, ...]:
    """Facts from the text of a file. Raises RuleError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"rules/facts.toml is no TOML: {error}.", "Mend the line named.") from error
    found = tuple(_fact(id, fields) for id, fields in content.items())
    by_id = {known.id: known for known in found}
    for known in found:
        for other in known.disagrees_with:
            if other not in by_id or known.id not in by_id[other].disagrees_with:
                raise RuleError(
                    f"rules/facts.toml: '{known.id}' disagrees with '{other}', which does not say so of it.",
                    "Name each in the other's disagrees_with.",
                )
    return found


def _fact(id: str, fields: Any) -> Fact:
    where = f"rules/facts.toml: '{id}'"
    if not isinstance(fields, dict):
        raise RuleError(f"{where} is a bare value.", "Make it a table with its source.")
    if missing := sorted(_REQUIRED - fields.keys()):
        raise RuleError(f"{where} has no {', '.join(missing)}.", "Every fact has these.")
    if unknown := sorted(fields.keys() - _REQUIRED - _OPTIONAL):
        raise RuleError(f"{where} has unknown fields {', '.join(unknown)}.", "See clinical/evidence.py.")
    if fields["status"] not in ("verified", "unverified"):
        raise RuleError(f"{where} has status '{fields['status']}'.", "Known: verified, unverified.")
    if fields.get("qualifier", "") not in _QUALIFIERS:
        raise RuleError(f"{where} has qualifier '{fields['qualifier']}'.", f"Known: {', '.join(_QUALIFIERS[1:])}.")
    citations = tuple(fields["citations"])
    if not citations:
        raise RuleError(f"{where} has no source.", "Name one or more keys of core/references in 'citations'.")
    try:
        references = cite(citations)
    except RuleError as error:
        raise RuleError(f"{where}: {error.what}", error.remedy) from error
    verified = fields["status"] == "verified"
    if verified and not any(reference.verified for reference in references):
        raise RuleError(f"{where} is called verified, but none of its sources is.", "Set status to 'unverified'.")
    value = fields["value"]
    return Fact(
        id=id,
        statement=fields["statement"],
        plain=fields.get("plain", ""),
        value=value if isinstance(value, str) else float(value),
        high=None if fields.get("high") is None else float(fields["high"]),
        unit=fields["unit"],
        counts=fields["counts"],
        citations=citations,
        verified=verified,
        note=fields.get("note", ""),
        disagrees_with=tuple(fields.get("disagrees_with", ())),
        qualifier=fields.get("qualifier", ""),
    )


@dataclass(frozen=True)
class RuleEntry:
    """A point, threshold, band or sentence of a rule file, as `rules.Entry` holds it, with the rule it belongs to."""

    rule: str
    file: str
    path: str
    value: Any
    unit: str
    citations: tuple[str, ...]
    status: str
    why: str


@cache
def entries() -> tuple[RuleEntry, ...]:
    """All entries of all rule files but the facts, in order of the files' names. Raises RuleError."""
    folder = files("spondyl.clinical").joinpath("rules")
    names = sorted(source.name.removesuffix(".toml") for source in folder.iterdir() if source.name.endswith(".toml"))
    return tuple(
        RuleEntry(
            table.title,
            f"{name}.toml",
            entry.path,
            entry.value,
            entry.unit,
            entry.citations,
            entry.status,
            entry.why,
        )
        for name in names
        if name != "facts"
        for table in (rules.load(name),)
        for entry in table.entries.values()
    )


def search(term: str) -> tuple[tuple[Fact, ...], tuple[RuleEntry, ...]]:
    """Facts and entries in which every word of the term occurs, in any letter case; all of them for an empty term.

    A fact brings those that disagree with it, whether the term occurs in them or not.
    """
    words = term.lower().replace("_", " ").split()

    def speaks_of(known: Fact | RuleEntry) -> bool:
        text = _text(known)
        return all(word in text for word in words)

    named = {known.id for known in filter(speaks_of, facts())}
    others = {other for id in named for other in fact(id).disagrees_with}
    return tuple(known for known in facts() if known.id in named | others), tuple(filter(speaks_of, entries()))


def sources_of(found: Iterable[Fact | RuleEntry]) -> tuple[str, ...]:
    """Citation keys of facts and entries, each once, sorted."""
    return tuple(sorted({key for known in found for key in known.citations}))


def _text(known: Fact | RuleEntry) -> str:
    """What is searched: what it says, and the keys and texts of its sources."""
    if isinstance(known, Fact):
        said: tuple[Any, ...] = (known.id, known.statement, known.plain, known.counts, known.figure)
        status = "verified" if known.verified else "unverified"
    else:
        said = (known.rule, known.path, known.value, known.unit)
        status = known.status
    names = [f"{reference.key} {reference.text}" for reference in cite(known.citations)]
    return " ".join(map(str, (*said, f"status:{status}", *names))).lower().replace("_", " ")
