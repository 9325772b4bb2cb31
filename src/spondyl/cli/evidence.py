"""`spondyl evidence`: every fact, point and threshold of the clinical rules, with its source."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console

from spondyl.cli.score import print_json
from spondyl.cli.words import closing, console, heading, paragraph, sources, table
from spondyl.clinical.evidence import Fact, RuleEntry, fact, search, sources_of
from spondyl.core.citations import cite

NOTICE = "verified: the figure was read in a source text. unverified: it was not; it carries no recommendation."


def run_evidence(term: str, *, as_json: bool) -> None:
    """Print what the registry holds of a term; without one, all of it."""
    found_facts, found_entries = search(term)
    keys = sources_of((*found_facts, *found_entries))
    if as_json:
        print_json(
            {
                "spondyl_evidence": 1,
                "term": term,
                "facts": [{**asdict(known), "figure": known.figure} for known in found_facts],
                "entries": [asdict(entry) for entry in found_entries],
                "references": [asdict(reference) for reference in cite(keys)],
            }
        )
        return
    out = console()
    if not found_facts and not found_entries:
        paragraph(out, f"Nothing in the registry about '{term}'. Without a term everything is listed.")
        return
    if found_facts:
        _facts(out, found_facts)
    for name in dict.fromkeys(entry.rule for entry in found_entries):
        _entries(out, name, [entry for entry in found_entries if entry.rule == name])
    sources(out, keys)
    closing(out, f"{len(found_facts)} facts and {len(found_entries)} entries of rules. {NOTICE}")


def _facts(out: Console, found: tuple[Fact, ...]) -> None:
    heading(out, "Facts")
    rows = table("statement", "counts", "status", "source")
    for known in found:
        others = [f"{fact(id).figure} ({fact(id).counts})" for id in known.disagrees_with]
        elsewhere = f" Elsewhere: {'; '.join(others)}." if others else ""
        note = f" {known.note}" if known.note and not known.verified else ""
        status = "verified" if known.verified else "unverified"
        rows.add_row(f"{known.statement}{elsewhere}{note}", known.counts, status, ", ".join(known.citations))
    out.print(rows)


def _entries(out: Console, rule: str, found: list[RuleEntry]) -> None:
    heading(out, f"{rule} (clinical/rules/{found[0].file})")
    rows = table("entry", "value", "status", "source")
    for entry in found:
        unit = "" if entry.unit in ("text", "cohort", "yes or no") else f" {entry.unit}"
        rows.add_row(entry.path, f"{_value(entry.value)}{unit}", entry.status, ", ".join(entry.citations) or entry.why)
    out.print(rows)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
