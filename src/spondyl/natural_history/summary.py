"""What a run says, in sums over its chunks: figures, cumulative incidences, and where in the spine things happen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from spondyl.natural_history.chunk import Chunk
from spondyl.natural_history.figures import Tally, tally, wilson
from spondyl.natural_history.states import LEVELS, NEVER, PRIMARIES, SPINAL_PRIMARY
from spondyl.natural_history.targets import Verdict

MONTH_DAYS = 30.4375
INCIDENCES = {
    "overt_day": "any overt metastasis",
    "bone_overt_day": "overt bone metastasis",
    "spine_visible_day": "visible spinal metastasis",
    "known_day": "known spinal metastasis",
    "pain_day": "pain from the spine",
    "fracture_day": "fracture of a vertebra with tumour",
    "epidural_day": "epidural tumour (ESCC 1a or more)",
    "compression_day": "compression (ESCC 2 or 3)",
    "deficit_day": "neurological deficit",
    "nonambulatory_day": "loss of walking (AIS C or worse)",
}
_MAPS = {
    "visible": "lesions that became visible",
    "painful": "lesions that hurt",
    "fractured": "lesions whose vertebra broke",
    "compressing": "lesions that reached ESCC 2 or 3",
    "with_deficit": "lesions with a neurological deficit",
}
_DAYS = {
    "painful": "pain_day",
    "fractured": "fracture_day",
    "compressing": "compression_day",
    "with_deficit": "deficit_day",
}


class Sums:
    """Adds up chunks; holds a few hundred numbers whatever the number of people."""

    def __init__(self, years: float) -> None:
        self.months = int(np.ceil(years * 365.25 / MONTH_DAYS)) + 1
        self.people = 0
        self.with_cancer = 0
        self.counts = {name: np.zeros(self.months) for name in INCIDENCES}
        self.alive = np.zeros(self.months)
        self.maps = {name: np.zeros(len(LEVELS)) for name in _MAPS}
        self.primaries = {name: np.zeros(len(PRIMARIES)) for name in ("people", *INCIDENCES)}
        self.care = dict.fromkeys(("scans", "radiotherapies", "surgeries"), 0.0)
        self.quality_days = 0.0
        self.lesions = 0

    def add(self, chunk: Chunk) -> None:
        people, lesions = chunk.people, chunk.lesions
        cancer = people["primary"] != SPINAL_PRIMARY
        self.people += len(people)
        self.with_cancer += int(cancer.sum())
        self.lesions += len(lesions)
        self.primaries["people"] += np.bincount(people["primary"], minlength=len(PRIMARIES))
        for name in INCIDENCES:
            seen = people[name] != NEVER
            self.primaries[name] += np.bincount(people["primary"][seen], minlength=len(PRIMARIES))
            self.counts[name] += self._by_month(people[name][seen & cancer])
        self.alive += len(people) - np.cumsum(self._by_month(people["end_day"][people["died"] == 1]))
        for name in _MAPS:
            here = lesions if name == "visible" else lesions[lesions[_DAYS[name]] != NEVER]
            self.maps[name] += np.bincount(here["level"], minlength=len(LEVELS))
        for name in self.care:
            self.care[name] += float(people[name].sum())
        self.quality_days += float(people["quality_days"].sum())

    def _by_month(self, days: np.ndarray) -> np.ndarray:
        months = np.minimum((np.maximum(days, 0) / MONTH_DAYS).astype(int), self.months - 1)
        return np.bincount(months, minlength=self.months).astype(float)

    def told(self) -> dict[str, Any]:
        """Plain numbers for summary.json and the page."""
        incidence = {
            name: {
                "words": INCIDENCES[name],
                "share": [round(value, 6) for value in np.cumsum(counts) / max(self.with_cancer, 1)],
                "interval": wilson(float(counts.sum()), self.with_cancer),
            }
            for name, counts in self.counts.items()
        }
        return {
            "people": self.people,
            "people_with_cancer": self.with_cancer,
            "lesions": self.lesions,
            "month_days": MONTH_DAYS,
            "cumulative_incidence": incidence,
            "alive": [round(value, 6) for value in self.alive / max(self.people, 1)],
            "by_level": {
                name: {"words": _MAPS[name], "count": dict(zip(LEVELS, counts.astype(int).tolist(), strict=True))}
                for name, counts in self.maps.items()
            },
            "by_primary": {
                primary: {name: int(counts[n]) for name, counts in self.primaries.items()}
                for n, primary in enumerate(PRIMARIES)
            },
            "care_per_1000_people": {name: 1000 * value / max(self.people, 1) for name, value in self.care.items()},
            "quality_adjusted_days_per_person": self.quality_days / max(self.people, 1),
        }


def summarise(chunks: Iterable[Chunk], years: float) -> tuple[dict[str, Any], Tally]:
    """Sums and figures in one pass over the chunks."""
    sums = Sums(years)

    def passing() -> Iterable[Chunk]:
        for chunk in chunks:
            sums.add(chunk)
            yield chunk

    counted = tally(passing())
    return sums.told(), counted


def figures_told(rows: Iterable[Verdict]) -> list[dict[str, Any]]:
    return [row.model_dump(mode="json") for row in rows]
