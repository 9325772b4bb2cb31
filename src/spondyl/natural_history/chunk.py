"""A run of consecutive patients at once: rows of people, lesions and events as numpy structured arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.core.errors import ModelError
from spondyl.natural_history import life, states
from spondyl.natural_history.compiled import compiled
from spondyl.natural_history.states import EVENT, LESION, PERSON, STATE

_NEVER = int(states.NEVER)
_ROWS_A_PERSON = 4
"""Room to begin with; it doubles when it is full."""


@dataclass(frozen=True)
class Chunk:
    """`people` (n,) of dtype PERSON, `lesions` of dtype LESION, `events` of dtype EVENT, in order of patients."""

    people: np.ndarray
    lesions: np.ndarray
    events: np.ndarray


def simulate_chunk(model: Any, seed: int, first: int, count: int) -> Chunk:
    """Patients `first` to `first + count - 1` of a seed. The same patients whatever the chunk. Releases the GIL.

    Raises ModelError if one life has more events than there is room for.
    """
    people = np.zeros(count, PERSON)
    lesions, events = np.zeros(_ROWS_A_PERSON * count, STATE), np.zeros(_ROWS_A_PERSON * count, EVENT)
    scratch, noted = np.zeros(life.MOST_LESIONS, STATE), np.zeros(life.MOST_EVENTS, EVENT)
    done = lesion_rows = event_rows = 0
    while done < count:
        done, lesion_rows, event_rows = _fill(
            seed, first, model, people, done, scratch, noted, lesions, lesion_rows, events, event_rows
        )
        if done < 0:
            raise ModelError("a life has more events than expected.", "Ask for fewer scans or a shorter time.")
        if done < count:
            lesions = np.concatenate([lesions, np.zeros_like(lesions)])
            events = np.concatenate([events, np.zeros_like(events)])
    kept = np.zeros(lesion_rows, LESION)
    for name in LESION.names or ():
        kept[name] = lesions[name][:lesion_rows]
    return Chunk(people, kept, events[:event_rows].copy())


@compiled
def _fill(
    seed: int, first: int, model: Any, people: np.ndarray, start: int, scratch: np.ndarray, noted: np.ndarray,
    lesions: np.ndarray, lesion_rows: int, events: np.ndarray, event_rows: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Lives from number `start` on until all are done or a table may be full; number done and rows used."""
    count = np.zeros(1, np.int64)
    no_record = np.zeros((0, 1, 1))
    for n in range(start, len(people)):
        if lesion_rows + len(scratch) > len(lesions) or event_rows + len(noted) > len(events):
            return n, lesion_rows, event_rows
        number = life.live(seed, first + n, model, people[n], scratch, noted, count, no_record)
        if count[0] > len(noted):
            return -1, lesion_rows, event_rows
        for i in range(number):
            if scratch[i].visible_day != _NEVER:
                lesions[lesion_rows] = scratch[i]
                lesion_rows += 1
        for i in range(count[0]):
            events[event_rows] = noted[i]
            event_rows += 1
    return len(people), lesion_rows, event_rows


@dataclass(frozen=True)
class Life:
    """One person; `record` (weeks, 25 levels, states) as `life.RECORDED` names its last axis."""

    person: np.void
    lesions: np.ndarray
    events: np.ndarray
    record: np.ndarray


def simulate_life(model: Any, seed: int, patient: int) -> Life:
    """One patient of a seed, with what every lesion was like in every week."""
    weeks = int(model["horizon_days"] // life.STEP_DAYS) + 1
    people, scratch = np.zeros(1, PERSON), np.zeros(life.MOST_LESIONS, STATE)
    noted, count = np.zeros(life.MOST_EVENTS, EVENT), np.zeros(1, np.int64)
    record = np.zeros((weeks, life.MOST_LESIONS, len(life.RECORDED)))
    number = life.live(seed, patient, model, people[0], scratch, noted, count, record)
    seen = scratch[:number][scratch["visible_day"][:number] != _NEVER]
    return Life(people[0], seen, noted[: int(count[0])], record[: int(np.ceil(people["end_day"][0] / life.STEP_DAYS))])
