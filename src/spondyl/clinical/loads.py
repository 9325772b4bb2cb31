"""The load on a thoracic or lumbar vertebra: by level, task and body weight.

One measured pressure for each task, in the L4-L5 disc of one man, becomes a force through that disc; it is scaled to
another body weight and carried along the spine to another level (`rules/loads.toml` has every figure and choice). The
range is wide because little is known. A load is given for no other reason than to be set against the strength of the
same vertebra; it carries no recommendation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from spondyl.anatomy.levels import Level
from spondyl.clinical import rules
from spondyl.clinical.rules import RuleSet
from spondyl.core.errors import InvalidAnswer, ModelError
from spondyl.values.load import Ratio, TaskLoad

SEXES = ("female", "male", "unknown")
_COLUMN = (*(Level[f"T{n}"] for n in range(1, 13)), *(Level[f"L{n}"] for n in range(1, 6)))
_READ_AS = {Level.T13: Level.T12, Level.L6: Level.L5}
_ANCHOR_PLACE = 15.5
"""The L4-L5 disc in vertebrae below T1; a vertebra's number is its centre."""
_WEAKEST_LAST = ("verified", "own choice", "unverified")


def task_loads(
    level: Level, *, weight_kg: float | None, height_cm: float | None = None, sex: str | None = None
) -> tuple[TaskLoad, ...]:
    """Compression of `level` in every task of `rules/loads.toml`, in its order.

    Without a body weight, and for levels above T1 and below L6, there is no force, but the reason why. T13 is read as
    T12 and L6 as L5. Sex matters little (the mass of head and arms; the mean of both where it is not known), height
    not at all: no source read says how. Raises InvalidAnswer for a weight, height or sex that can't be.
    """
    _check(weight_kg, height_cm, sex)
    table = rules.load("loads")
    names = dict.fromkeys(path.split(".")[1] for path in table.entries if path.startswith("tasks."))
    place = _place(level)
    if place is None or weight_kg is None:
        reason = (
            f"Loads on {level.name} are not covered: only T1 to L5 are."
            if place is None
            else "No body weight is given, so no load can be reckoned."
        )
        return tuple(_without(table, name, reason) for name in names)
    person = _Person(weight_kg, sex if sex in ("female", "male") else None, table)
    return tuple(_load(table, name, level, place, person) for name in names)


def load_to_strength(task: TaskLoad, failure_load_n: float, interval_n: tuple[float, float]) -> Ratio:
    """Load over failure load, from the lowest load on the strongest bone to the highest on the weakest.

    Raises ModelError for a failure load that is not positive or does not lie in its interval.
    """
    weakest, strongest = interval_n
    if not (failure_load_n > 0 and 0 <= weakest <= failure_load_n <= strongest):
        raise ModelError(
            f"a failure load of {failure_load_n} N with the interval {weakest} to {strongest} N.",
            "Give a positive failure load inside its interval.",
        )
    if task.force_n is None or task.low_n is None or task.high_n is None:
        return Ratio(None, None, None)
    return Ratio(task.force_n / failure_load_n, task.low_n / strongest, task.high_n / weakest if weakest else None)


def threshold_note() -> tuple[str, tuple[str, ...]]:
    """Why a ratio gets no verdict, in plain words, and the citation keys."""
    entry = rules.load("loads")["ratio.no_threshold"]
    return entry.value, entry.citations


@dataclass(frozen=True)
class _Person:
    weight_kg: float
    sex: str | None
    table: RuleSet

    def share_above(self, place: float) -> float:
        """Share of the body mass above a place: head, arms and the slices of trunk from T1 down to there."""
        first, last = (self.table.value(f"profile.slice_percent_{name}") for name in ("t1", "l5"))
        slope = (last - first) / (len(_COLUMN) - 1)
        top = -0.5
        trunk = (place - top) * (2 * first + slope * (place + top)) / 2
        return (self._percent("head") + self._percent("arms") + trunk) / 100

    def kg_above(self, place: float, carried_kg: float) -> float:
        return self.share_above(place) * self.weight_kg + carried_kg

    def _percent(self, part: str) -> float:
        by_sex = self.table.value(f"profile.{part}_percent")
        return by_sex[self.sex] if self.sex else (by_sex["female"] + by_sex["male"]) / 2


def _load(table: RuleSet, name: str, level: Level, place: float, person: _Person) -> TaskLoad:
    task = {field: entry.value for field, entry in table.under(f"tasks.{name}").items()}
    at_anchor = task["pressure_mpa"] * table.value("anchor.disc_area_mm2") / table.value("anchor.pressure_index")
    anchor_kg, carried_kg = table.value("anchor.weight_kg"), task["carried_kg"]
    by_weight = (person.weight_kg + carried_kg) / (anchor_kg + carried_kg)
    by_level = _by_level(table, task["profile"], place, person, carried_kg)
    error = 1 + table.value("anchor.relative_error")
    estimates = (at_anchor / error, at_anchor * error, *task["others_n"])
    relief = _rib_cage_relief(table, task["profile"], place)
    paths = _paths(table, name)
    return TaskLoad(
        name,
        task["words"],
        at_anchor * by_weight * by_level,
        min(estimates) * by_weight * by_level * (1 - relief),
        max(estimates) * by_weight * by_level,
        max((table[path].status for path in paths), key=_WEAKEST_LAST.index),
        table.cited(paths),
        f"{task['pressure_mpa']:g} MPa measured in the L4-L5 disc of one man of {anchor_kg:g} kg, {at_anchor:.0f} N "
        f"through that disc; times {by_weight:.2f} for {person.weight_kg:g} kg and {by_level:.2f} for {level.name}. "
        f"An estimate with a wide range, not a measurement.",
    )


def _by_level(table: RuleSet, profile: str, place: float, person: _Person, carried_kg: float) -> float:
    """Load at a place over that at the L4-L5 disc."""
    if profile == "upright":
        return person.kg_above(place, carried_kg) / person.kg_above(_ANCHOR_PLACE, carried_kg)
    places, forces = table.value("profile.trunk_places"), table.value(f"profile.{profile}_n")
    at_anchor = _between(places, forces, _ANCHOR_PLACE)
    if place >= places[0]:
        return _between(places, forces, place) / at_anchor
    return forces[0] * person.share_above(place) / person.share_above(places[0]) / at_anchor


def _between(places: list[float], forces: list[float], place: float) -> float:
    """Straight lines between the given places."""
    for (x, low), (y, high) in pairwise(zip(places, forces, strict=True)):
        if x <= place <= y:
            return low + (high - low) * (place - x) / (y - x)
    raise ModelError(f"a place {place} outside {places}.", "Extend 'profile.trunk_places'.")


def _rib_cage_relief(table: RuleSet, profile: str, place: float) -> float:
    last = _COLUMN.index(Level[table.value("profile.rib_cage_down_to")])
    return table.value("profile.rib_cage_relief") if profile != "upright" and place <= last else 0.0


def _without(table: RuleSet, name: str, reason: str) -> TaskLoad:
    words = table[f"tasks.{name}.words"]
    return TaskLoad(name, words.value, None, None, None, words.status, (), reason)


def _paths(table: RuleSet, name: str) -> list[str]:
    """Every entry that a task's load rests on."""
    profile = table.value(f"tasks.{name}.profile")
    bent = (f"{profile}_n", "trunk_places", "rib_cage_relief", "rib_cage_down_to")
    above = ("head_percent", "arms_percent", "slice_percent_t1", "slice_percent_l5")
    parts = (*above, *(("upright",) if profile == "upright" else bent))
    anchor = [path for path in table.entries if path.startswith(("anchor.", "scaling."))]
    task = [path for path in table.entries if path.startswith(f"tasks.{name}.")]
    return [*task, *anchor, *(f"profile.{part}" for part in parts)]


def _place(level: Level) -> int | None:
    known = _READ_AS.get(level, level)
    return _COLUMN.index(known) if known in _COLUMN else None


def _check(weight_kg: float | None, height_cm: float | None, sex: str | None) -> None:
    for name, value in (("weight in kg", weight_kg), ("height in cm", height_cm)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InvalidAnswer(f"a body {name} of {value}.", "Give a positive number, or none if it is not known.")
    if sex is not None and sex not in SEXES:
        raise InvalidAnswer(f"a sex of '{sex}'.", f"Allowed: {', '.join(SEXES)}.")
