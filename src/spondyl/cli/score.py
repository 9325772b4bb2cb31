"""`spondyl score`: SINS, ESCC, NOMS and the prognosis scores from a file of answers, each with its working."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from spondyl.cli import score_text
from spondyl.cli.words import closing, console
from spondyl.clinical import noms, prognosis
from spondyl.clinical.answers import read_answers
from spondyl.clinical.case import Case, schema
from spondyl.clinical.case_scores import escc_of, sins_of
from spondyl.core.errors import InputError

NAMES = ("sins", "escc", "noms", "tokuhashi", "tomita", "katagiri", "bauer", "nesms", "van-der-linden", "rades", "all")
NOTICE = (
    "Research software, not a medical device: it does not diagnose or decide. Prognosis scores tell what became of "
    "groups of people, most of them before today's treatment, not what will become of one person."
)


def run_score(name: str, file: Path | None, *, as_json: bool, schema_only: bool) -> None:
    """Print one score, or all of them side by side. Raises InputError for a name that is not in NAMES."""
    if schema_only:
        print_json(schema())
        return
    if name not in NAMES:
        raise InputError(f"there is no score '{name}'.", f"Known: {', '.join(NAMES)}. A file comes after the name.")
    case = read_answers(file, Case) if file else Case()
    if as_json:
        print_json({"spondyl_score": 1, "score": name, **_as_data(name, case), "notice": NOTICE})
        return
    out = console()
    if name == "sins":
        score_text.sins(out, sins_of(case))
    elif name == "escc":
        score_text.escc(out, escc_of(case))
    elif name == "noms":
        score_text.noms(out, noms.assess(case))
    elif name == "all":
        score_text.side_by_side(out, sins_of(case), escc_of(case), noms.assess(case), _prognoses(case))
    else:
        score_text.prognosis(out, prognosis.score(name.replace("-", "_"), case))
    closing(out, NOTICE)


def print_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _prognoses(case: Case) -> tuple[prognosis.PrognosisResult, ...]:
    return tuple(prognosis.score(name, case) for name in prognosis.SCORES)


def _as_data(name: str, case: Case) -> dict[str, Any]:
    if name == "sins":
        return {"result": asdict(sins_of(case))}
    if name == "escc":
        return {"result": asdict(escc_of(case))}
    if name == "noms":
        return {"result": asdict(noms.assess(case))}
    if name == "all":
        results = [asdict(result) for result in _prognoses(case)]
        shared = {"sins": asdict(sins_of(case)), "escc": asdict(escc_of(case)), "noms": asdict(noms.assess(case))}
        return {**shared, "prognosis": results}
    return {"result": asdict(prognosis.score(name.replace("-", "_"), case))}
