"""One life of the simulation as a value that can be drawn."""

from __future__ import annotations

import math

import numpy as np

from spondyl.core.errors import InvalidAnswer
from spondyl.natural_history import states
from spondyl.natural_history.chunk import Life, simulate_chunk, simulate_life
from spondyl.natural_history.life import RECORDED, STEP_DAYS
from spondyl.natural_history.model import model
from spondyl.natural_history.parameters import ParameterSet
from spondyl.natural_history.scenario import Scenario
from spondyl.values.trajectory import LevelShape, LevelTrack, Trajectory

_SEARCHED, _AT_A_TIME = 200_000, 2_000


def trajectory(scenario: Scenario, seed: int, patient: int | None = None) -> Trajectory:
    """The life of a patient of a seed; without a number, of the first whose spine shows several lesions and a sign.

    Raises InvalidAnswer when there is no such person.
    """
    parameters = scenario.parameter_set()
    record = model(parameters, scenario)
    number = _first_with_a_story(record, seed) if patient is None else patient
    life = simulate_life(record, seed, number)
    return _drawn(life, seed, number, scenario, parameters)


def _first_with_a_story(record: np.void, seed: int) -> int:
    for first in range(0, _SEARCHED, _AT_A_TIME):
        people = simulate_chunk(record, seed, first, _AT_A_TIME).people
        found = (people["levels"] > 1) & (people["epidural_day"] != states.NEVER) & (people["pain_day"] != states.NEVER)
        if found.any():
            return int(people["patient"][found][0])
    raise InvalidAnswer(f"none of the first {_SEARCHED} people has a spine to draw.", "Name one with --patient.")


def _drawn(life: Life, seed: int, patient: int, scenario: Scenario, parameters: ParameterSet) -> Trajectory:
    person = life.person
    column = {name: n for n, name in enumerate(RECORDED)}
    tracks = []
    for lesion in life.lesions:
        level = int(lesion["level"])
        kept = life.record[:, level]
        whole = {name: kept[:, column[name]].astype(np.int64) for name in ("grade", "ais", "fractured", "treated")}
        tracks.append(
            LevelTrack(
                states.LEVELS[level],
                states.COMPARTMENTS[lesion["compartment"]],
                states.BONE_TYPES[lesion["bone_type"]],
                kept[:, column["volume_mm3"]],
                kept[:, column["body_share"]],
                kept[:, column["strength_left"]],
                kept[:, column["used"]],
                whole["grade"],
                whole["ais"],
                kept[:, column["pain"]] > 0,
                whole["fractured"],
                kept[:, column["known"]] > 0,
                whole["treated"],
            )
        )
    return Trajectory(
        seed=seed,
        patient=patient,
        scenario=scenario.name,
        primary=states.PRIMARIES[person["primary"]],
        sex="male" if person["male"] else "female",
        age_years=float(person["age_years"]),
        days=np.arange(len(life.record), dtype=np.float64) * STEP_DAYS,
        tracks=tuple(tracks),
        shapes=tuple(_shape(parameters, n) for n in range(len(states.LEVELS))),
        events=tuple(
            (
                int(e["day"]),
                states.EVENTS[e["kind"]],
                states.LEVELS[e["level"]] if e["level"] >= 0 else "",
                float(e["value"]),
            )
            for e in life.events
        ),
        end_day=int(person["end_day"]),
        died=bool(person["died"]),
    )


def _shape(parameters: ParameterSet, level: int) -> LevelShape:
    depth = float(parameters["body.depth_mm"][level])
    # width is taken as 1.3 of the depth, as lumbar and thoracic bodies have it
    height = float(parameters["body.volume_mm3"][level]) / (math.pi / 4 * 1.3 * depth * depth)
    return LevelShape(
        states.LEVELS[level],
        depth,
        height,
        float(parameters["canal.depth_mm"][level]),
        float(parameters["canal.width_mm"][level]),
        float(parameters["canal.neural_mm2"][level]),
        float(parameters["canal.area_mm2"][level]),
    )
