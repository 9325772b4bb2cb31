"""Trials held out of every fit: what the model predicts for them, with an interval, and whether it agrees.

Each arm is a scenario; both arms hold the same people. Verdict: the trial's own 95 % interval and the prediction's
overlap ("agrees") or not ("differs").
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from spondyl.core.progress import Progress, silent
from spondyl.natural_history.chunk import Chunk, simulate_chunk
from spondyl.natural_history.figures import Share, wilson
from spondyl.natural_history.model import model
from spondyl.natural_history.scenario import Scenario
from spondyl.natural_history.states import NEVER

_YEAR = 365.25


@dataclass(frozen=True)
class Prediction:
    trial: str
    statement: str
    citations: tuple[str, ...]
    observed: float
    observed_low: float
    observed_high: float
    predicted: float
    low: float
    high: float
    counted: int
    verdict: str


def predictions(
    parameters: str, *, patients: int = 100_000, seed: int = 2001, progress: Progress = silent
) -> list[Prediction]:
    """All held-out trials under a parameter set."""
    text = files("spondyl.natural_history").joinpath("data", "trials.toml").read_text(encoding="utf-8")
    rows: list[Prediction] = []
    trials = tomllib.loads(text)["trial"]
    for done, trial in enumerate(trials):
        progress("trials", done, len(trials))
        arms = {
            name: _arm(Scenario.model_validate({**raw, "parameters": parameters}), patients, seed)
            for name, raw in trial["arms"].items()
        }
        rows += [_predicted(trial, outcome, arms) for outcome in trial["outcome"]]
    progress("trials", len(trials), len(trials))
    return rows


def _arm(scenario: Scenario, patients: int, seed: int) -> Chunk:
    return simulate_chunk(model(scenario.parameter_set(), scenario), seed, 0, patients)


def _predicted(trial: dict[str, Any], outcome: dict[str, Any], arms: dict[str, Chunk]) -> Prediction:
    part, whole = OUTCOMES[outcome["measure"]](arms[outcome["arm"]], float(outcome.get("days", 0)))
    low, high = wilson(part, whole)
    events, observed_of = outcome["events"], outcome["of"]
    seen_low, seen_high = wilson(events, observed_of)
    value = part / whole if whole else float("nan")
    verdict = "can't be told" if not whole else "agrees" if low <= seen_high and high >= seen_low else "differs"
    return Prediction(
        trial["name"], outcome["statement"], tuple(trial["citations"]), events / observed_of, seen_low, seen_high,
        value, low, high, int(whole), verdict,
    )  # fmt: skip


def _entered_with_deficit(chunk: Chunk, days: float) -> Share:
    """Of those who entered: a neurological deficit within some days."""
    people = chunk.people[chunk.people["entry_day"] != NEVER]
    waited = people["deficit_day"].astype(float) - people["entry_day"]
    return float(np.sum((people["deficit_day"] != NEVER) & (waited <= days))), float(len(people))


def _epidural_at_entry(chunk: Chunk, days: float) -> Share:
    people = chunk.people[chunk.people["entry_day"] != NEVER]
    return float(np.sum(people["entry_grade"] > 0)), float(len(people))


def _broken_after_stereotactic(chunk: Chunk, days: float) -> Share:
    """Of lesions treated stereotactically and first: a new fracture within some days."""
    lesions = _stereotactic(chunk)
    waited = lesions["fracture_day"].astype(float) - lesions["treated_day"]
    return float(np.sum((lesions["fracture_day"] != NEVER) & (waited <= days))), float(len(lesions))


def _early_of_broken(chunk: Chunk, days: float) -> Share:
    """Of new fractures after stereotactic treatment: within some days."""
    lesions = _stereotactic(chunk)
    broken = lesions[lesions["fracture_day"] != NEVER]
    waited = broken["fracture_day"].astype(float) - broken["treated_day"]
    return float(np.sum(waited <= days)), float(len(broken))


def _stereotactic(chunk: Chunk) -> np.ndarray:
    lesions = chunk.lesions[chunk.lesions["treatment"] == 2]
    return lesions[lesions["fracture_day"] > lesions["treated_day"]]


def _events_of_flagged(chunk: Chunk, days: float) -> Share:
    """Of silent high-risk lesions at entry: fracture, deficit, or treatment because of pain, within some days."""
    lesions = chunk.lesions[chunk.lesions["at_entry"] == 1]
    first = int(chunk.people["patient"][0])
    entry = chunk.people["entry_day"][lesions["patient"] - first].astype(float)
    event = np.zeros(len(lesions), bool)
    for name in ("fracture_day", "deficit_day"):
        event |= (lesions[name] != NEVER) & (lesions[name] - entry <= days)
    hurts = (lesions["pain_day"] != NEVER) & (lesions["treated_day"] != NEVER)
    late = np.maximum(lesions["pain_day"], lesions["treated_day"]).astype(float) - entry
    event |= hurts & (lesions["treated_day"] >= lesions["pain_day"]) & (late <= days)
    return float(event.sum()), float(len(lesions))


OUTCOMES: dict[str, Callable[[Chunk, float], Share]] = {
    "deficit after entry": _entered_with_deficit,
    "epidural tumour at entry": _epidural_at_entry,
    "fracture after stereotactic": _broken_after_stereotactic,
    "early of those fractures": _early_of_broken,
    "skeletal events of flagged lesions": _events_of_flagged,
}
