"""The same people under two policies: differences person by person, with intervals, and what they cost in scans."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.core.errors import InvalidAnswer
from spondyl.natural_history.chunk import Chunk
from spondyl.natural_history.states import NEVER

_EVENTS = {
    "pain_day": "pain from the spine",
    "fracture_day": "fracture",
    "compression_day": "compression (ESCC 2 or 3)",
    "deficit_day": "neurological deficit",
    "nonambulatory_day": "loss of walking",
}
_AMOUNTS = {
    "scans": "scans",
    "radiotherapies": "courses of radiotherapy",
    "surgeries": "operations",
    "end_day": "days of life within follow-up",
    "quality_days": "quality-adjusted days",
}
_Z = 1.959964


@dataclass(frozen=True)
class Difference:
    """B less A for one outcome, a mean over all people; events are counted as 0 or 1."""

    outcome: str
    is_event: bool
    a: float
    b: float
    difference: float
    low: float
    high: float
    changed: int
    """People for whom the outcome is another."""
    people_per_event_spared: float | None
    """People who must live under B for one event less; None where B does not spare any for sure."""
    scans_per_event_spared: float | None


class Paired:
    """Sums over pairs of chunks; memory does not grow with the people."""

    def __init__(self) -> None:
        self.people = 0
        names = (*_EVENTS, *_AMOUNTS)
        self.a, self.b, self.square = (dict.fromkeys(names, 0.0) for _ in range(3))
        self.changed = dict.fromkeys(names, 0)

    def add(self, a: Chunk, b: Chunk) -> None:
        """Raises InvalidAnswer when the two hold other people."""
        if not all(np.array_equal(a.people[name], b.people[name]) for name in ("patient", "primary", "age_years")):
            raise InvalidAnswer("the two scenarios do not hold the same people.", "Give both the same [people].")
        self.people += len(a.people)
        for name in self.a:
            left, right = (_value(chunk, name) for chunk in (a, b))
            change = right - left
            self.a[name] += float(left.sum())
            self.b[name] += float(right.sum())
            self.square[name] += float(change @ change)
            self.changed[name] += int(np.count_nonzero(change))

    def differences(self) -> list[Difference]:
        n = max(self.people, 1)
        scans = (self.b["scans"] - self.a["scans"]) / n
        rows = []
        for name, words in (_EVENTS | _AMOUNTS).items():
            mean = (self.b[name] - self.a[name]) / n
            spread = np.sqrt(max(self.square[name] / n - mean * mean, 0.0) / n)
            low, high = mean - _Z * spread, mean + _Z * spread
            spares = name in _EVENTS and high < 0
            rows.append(
                Difference(
                    words, name in _EVENTS, self.a[name] / n, self.b[name] / n, mean, low, high, self.changed[name],
                    -1 / mean if spares else None, scans / -mean if spares and scans > 0 else None,
                )
            )  # fmt: skip
        return rows


def compare(pairs: Iterable[tuple[Chunk, Chunk]]) -> tuple[list[Difference], int]:
    """Differences B less A over pairs of chunks of the same people, and the number of people."""
    paired = Paired()
    for a, b in pairs:
        paired.add(a, b)
    return paired.differences(), paired.people


def _value(chunk: Chunk, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    column = chunk.people[name]
    return (column != NEVER).astype(float) if name in _EVENTS else column.astype(float)
