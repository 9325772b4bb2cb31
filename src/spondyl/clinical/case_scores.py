"""SINS and ESCC of a case file: the answers handed to the scores, unknown ones as all that is possible."""

from __future__ import annotations

from dataclasses import replace

from spondyl.anatomy.levels import Level
from spondyl.clinical import escc, rules, sins
from spondyl.clinical.case import Case
from spondyl.clinical.escc import EsccResult
from spondyl.values.findings import Item, LevelFindings
from spondyl.values.score import ScoredItem, ScoreResult


def escc_of(case: Case) -> EsccResult:
    return escc.assess(case.escc.grade, {sign: getattr(case.escc, sign) for sign in escc.SIGNS})


def sins_of(case: Case) -> ScoreResult:
    """SINS of the case's level; without a level, the range over all levels."""
    if case.sins.level is not None:
        return sins.score(_findings(case, Level[case.sins.level]))
    table = rules.load("sins")
    points = {region: entry.value for region, entry in table.under("points.location").items()}
    low, high = (
        sins.score(_findings(case, Level[table.value(f"location.{region}")[0]]))
        for region in (min(points, key=points.__getitem__), max(points, key=points.__getitem__))
    )
    location = ScoredItem(
        "location",
        f"one of {', '.join(points)}",
        low.items[0].points_min,
        high.items[0].points_max,
        "not answered",
        "unknown",
    )
    bands = table.under("bands").items()
    spanned = [name for name, entry in bands if low.total_min <= entry.value[1] and high.total_max >= entry.value[0]]
    known = low.total_min == high.total_max
    return replace(
        low,
        items=(location, *low.items[1:]),
        total_max=high.total_max,
        category=" or ".join(spanned),
        advice=low.advice if known or low.advice == high.advice else _advice(low, high),
        missing=("location", *low.missing),
    )


def _advice(low: ScoreResult, high: ScoreResult) -> str:
    """Where the level decides on which side of the threshold the total lies."""
    threshold = rules.load("sins").value("advice.consult_from")
    if low.total_min >= threshold:
        return low.advice
    return f"The level is not answered; at the highest-scoring ones: {high.advice}"


def _findings(case: Case, level: Level) -> LevelFindings:
    return LevelFindings(level, **{name: _item(name, getattr(case.sins, name)) for name in sins.ITEMS})


def _item(name: str, answer: str) -> Item:
    if answer == "unknown":
        return Item(sins.words(name), "not answered", "unknown")
    return Item((answer,), "as given", "given")
