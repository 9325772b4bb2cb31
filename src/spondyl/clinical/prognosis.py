"""Prognosis scores: points of each item, a total or a range, and what became of people with such a total.

Points, bands and survival stand in `rules/NAME.toml`; which answer each item has is found in `prognosis_items`.
The scores were made from groups of people, most of them before today's treatment, and disagree with each other.
They tell what happened to groups, not what will happen to one person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spondyl.clinical import rules
from spondyl.clinical.case import Case
from spondyl.clinical.prognosis_items import ITEMS_OF
from spondyl.clinical.prognosis_questions import unanswered
from spondyl.clinical.rules import Entry, RuleSet
from spondyl.values.findings import Item
from spondyl.values.score import ScoredItem

SCORES = tuple(ITEMS_OF)


@dataclass(frozen=True)
class Survival:
    """What one cohort showed of the bands that are possible."""

    cohort: str
    measure: str
    """'median', 'alive at 12 months', 'predicted', ..."""
    figures: tuple[tuple[str, str], ...]
    """(band, figure), an unverified one marked so."""


@dataclass(frozen=True)
class PrognosisResult:
    score: str
    title: str
    version: str
    items: tuple[ScoredItem, ...]
    total_min: int
    total_max: int
    lowest: int
    """The score's own lowest and highest total."""
    highest: int
    higher_is_better: bool
    bands: tuple[str, ...]
    """The bands in which the total can lie; all of them when nothing is known."""
    survival: tuple[Survival, ...]
    suggested: tuple[tuple[str, str], ...]
    """(band, what the authors suggested); empty when the total rests on anything unverified."""
    made_from: str
    missing: tuple[str, ...]
    """Paths of the questions that would narrow it: 'condition.kps'."""
    limits: tuple[str, ...]
    unverified: tuple[str, ...]
    """Entries the total or its bands rest on that could not be read in a source."""
    citations: tuple[str, ...]

    @property
    def says_nothing(self) -> bool:
        """Whether every band is still possible."""
        return (self.total_min, self.total_max) == (self.lowest, self.highest)


def score(name: str, case: Case) -> PrognosisResult:
    """One score of a case. Raises KeyError for a score that is not in SCORES."""
    table = rules.load(name)
    items = ITEMS_OF[name](case)
    scored = {item: _scored(table, item, answer) for item, answer in items.items()}
    low = _total(table, [entry.points_min for entry in scored.values()])
    high = _total(table, [entry.points_max for entry in scored.values()])
    bands = _bands(table, low, high)
    used = _used(table, items, bands)
    unverified = tuple(path for path in used if table[path].status == "unverified")
    return PrognosisResult(
        score=name,
        title=table.title,
        version=table.version,
        items=tuple(scored.values()),
        total_min=low,
        total_max=high,
        lowest=table.value("about.range")[0],
        highest=table.value("about.range")[1],
        higher_is_better=table.value("about.higher_is_better"),
        bands=bands,
        survival=_survival(table, bands),
        suggested=() if unverified else _suggested(table, bands),
        made_from=table.value("about.cohort"),
        missing=unanswered(name, case, items),
        limits=tuple(_marked(entry) for entry in table.under("limits").values()),
        unverified=unverified,
        citations=table.cited(table.entries),
    )


def _scored(table: RuleSet, name: str, item: Item) -> ScoredItem:
    points = [table.value(f"points.{name}.{word}") for word in item.possible]
    answer = item.possible[0] if item.known else f"one of {', '.join(item.possible)}"
    return ScoredItem(name, answer, min(points), max(points), item.basis, item.source)


def _total(table: RuleSet, points: list[int]) -> int:
    """The sum, held under the ceiling where the score has one."""
    cap = table.value("cap.highest") if "cap.highest" in table.entries else None
    return sum(points) if cap is None else min(sum(points), cap)


def _bands(table: RuleSet, low: int, high: int) -> tuple[str, ...]:
    strata = table.under("strata")
    return tuple(band for band, entry in strata.items() if low <= entry.value[1] and high >= entry.value[0])


def _used(table: RuleSet, items: Mapping[str, Item], bands: tuple[str, ...]) -> tuple[str, ...]:
    """Entries that the total and its bands rest on."""
    points = [f"points.{name}.{word}" for name, item in items.items() for word in item.possible]
    sites = [path for item in items.values() for path in _sites_said(table, item)]
    return (*points, *sites, *(f"strata.{band}" for band in bands))


def _sites_said(table: RuleSet, item: Item) -> list[str]:
    """The unverified row of sites that an item's basis names, if it rests on one."""
    return [path for path in table.entries if path.startswith("sites_unverified.") and f"[{path}]" in item.basis]


def _survival(table: RuleSet, bands: tuple[str, ...]) -> tuple[Survival, ...]:
    found = []
    for group in dict.fromkeys(path.rpartition(".")[0] for path in table.entries if path.startswith("survival.")):
        _, cohort, measure = group.split(".")
        shown = tuple((band, _figure(entry)) for band, entry in table.under(group).items() if band in bands)
        if shown:
            found.append(Survival(table.value(f"cohorts.{cohort}"), measure.replace("_", " "), shown))
    return tuple(found)


def _suggested(table: RuleSet, bands: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    rows = table.under("suggested").items()
    return tuple((band, entry.value) for band, entry in rows if band in bands and entry.status == "verified")


def _figure(entry: Entry) -> str:
    said = entry.value if isinstance(entry.value, str) else f"{entry.value:g} {entry.unit}"
    return said if entry.status == "verified" else f"{said} [unverified]"


def _marked(entry: Entry) -> str:
    return entry.value if entry.status == "verified" else f"{entry.value} [unverified]"
