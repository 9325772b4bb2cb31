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
    rows = table("figure", "fact", "status", "source")
    rows.columns[0].max_width, rows.columns[3].max_width = 14, 20
    for known in found:
        lines = [known.statement, f"counts: {known.counts}"]
        lines += [f"elsewhere: {fact(id).figure} ({fact(id).counts})" for id in known.disagrees_with]
        lines += [known.note] if known.note else []
        status = "verified" if known.verified else "unverified"
        rows.add_row(known.figure, "\n".join(lines), status, "\n".join(known.citations))
        rows.add_row()
    out.print(rows)


def _entries(out: Console, rule: str, found: list[RuleEntry]) -> None:
    heading(out, f"{rule} (clinical/rules/{found[0].file})")
    rows = table("entry", "value", "status", "source")
    rows.columns[0].max_width, rows.columns[3].max_width = 34, 26
    for entry in found:
        rows.add_row(entry.path, _value(entry), entry.status, "\n".join(entry.citations) or entry.why)
    out.print(rows)


def _value(entry: RuleEntry) -> str:
    """The value with its unit as a person writes it."""
    value, unit = entry.value, entry.unit
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        if unit == "points":
            return f"{value[0]} to {value[1]} points"
        return f"{', '.join(map(str, value))} ({unit})"
    if isinstance(value, dict):
        return f"{', '.join(f'{name} {part}' for name, part in value.items())} ({unit})"
    if value == 1 and unit == "points":
        return "1 point"
    return str(value) if unit in ("text", "cohort") else f"{value} {unit}"
