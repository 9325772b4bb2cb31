"""`spondyl classify`: what kind of spinal tumour it is, and how far it has spread through the vertebra."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from spondyl.cli.score import print_json
from spondyl.cli.words import closing, console, heading, listed, paragraph, sources, table
from spondyl.clinical.answers import read_answers
from spondyl.clinical.evidence import fact
from spondyl.clinical.kinds import Kind, KindResult, classify, schema

NOTICE = "Research software, not a medical device: it does not diagnose. What kind a tumour is takes tissue."
_FACTS = ("metastases_share", "extradural_share_metastases", "extradural_share_all")


def run_classify(file: Path | None, *, as_json: bool, schema_only: bool) -> None:
    """Print the kinds that agree with a file of answers; without a file all of them."""
    if schema_only:
        print_json(schema())
        return
    kind = read_answers(file, Kind) if file else Kind()
    result = classify(kind)
    if as_json:
        print_json({"spondyl_classify": 1, "result": asdict(result), "notice": NOTICE})
        return
    out = console()
    _kinds(out, result)
    if result.zones is not None or result.layers:
        _extent(out, result)
    if result.missing:
        heading(out, "Not answered")
        paragraph(out, ", ".join(result.missing))
    sources(out, result.citations)
    closing(out, NOTICE)


def _kinds(out: Console, result: KindResult) -> None:
    heading(out, "Kinds that agree with the answers")
    if len(result.missing) == 3 + 8:
        paragraph(out, "Not enough to say: no answer was given, so these are all the kinds there are.")
    rows = table("origin", "compartment", "behaviour", "entities")
    for row in result.rows:
        mark = "" if row.verified else " [unverified list]"
        words = row.compartment.replace("_", " ")
        rows.add_row(row.origin, words, row.behaviour, f"{', '.join(row.entities)}{mark}")
    out.print(rows)
    out.print()
    listed(out, [*result.notes, *(fact(id).statement for id in _FACTS)])


def _extent(out: Console, result: KindResult) -> None:
    heading(out, "Weinstein-Boriani-Biagini [zones of the parts unverified]")
    zones = "not answered" if result.zones is None else ", ".join(map(str, result.zones)) or "none"
    paragraph(out, f"Zones {zones}, counted {result.zone_convention}.")
    open_layers = f"; not answered: {', '.join(result.layers_open)}" if result.layers_open else ""
    paragraph(out, f"Layers {', '.join(result.layers) or 'none'}{open_layers}.")
    heading(out, "Tomita's surgical type [unverified]")
    listed(
        out,
        [f"{name}: {words}" for name, words in zip(result.surgical_types, result.surgical_meanings, strict=True)],
    )
    if result.surgical_group:
        paragraph(out, result.surgical_group[0].upper() + result.surgical_group[1:] + ".")
