"""One life: from the arrival of cells to its end, in steps of a week once a lesion is about to be seen.

Between events nothing is computed: a person without a lesion costs a few draws. Within a step growth is exact, and the
day of a fracture is found inside the week. Days count from the diagnosis of the cancer.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spondyl.natural_history import care, draws, growth, people, seeding, states
from spondyl.natural_history import decisions as on
from spondyl.natural_history import lesion as lesions_
from spondyl.natural_history.compiled import compiled
from spondyl.natural_history.lesion import note

STEP_DAYS = 7.0
MOST_LESIONS = len(states.LEVELS)
MOST_EVENTS = 4096
_LEVELS = len(states.LEVELS)
_NEVER = int(states.NEVER)
_SPINAL = states.SPINAL_PRIMARY
_COMPRESSING = 4
_STAGING, _CONSULTATION, _ENTRY = 0, 1000, 2000
"""Numbers of scans in the key of a draw: surveillance counts from 3000."""
_SURVEILLANCE = 3000
_TOO_LATE = 1e12
RECORDED = (
    "volume_mm3",
    "body_share",
    "strength_left",
    "used",
    "grade",
    "ais",
    "pain",
    "fractured",
    "known",
    "treated",
)
"""What is kept of each lesion and week when one life is drawn."""


@compiled
def live(
    seed: int,
    patient: int,
    model: Any,
    person: Any,
    lesions: np.ndarray,
    events: np.ndarray,
    count: np.ndarray,
    record: np.ndarray,
) -> int:
    """Fills the person's row, their lesions (25,) of dtype STATE and events; gives the number of lesions.

    `record` (weeks, 25, len(RECORDED)) is filled where it has room; give it no weeks to leave it out.
    """
    count[0] = 0
    people.draw_person(seed, patient, model, person)
    number, overt = _seed(seed, patient, model, person, lesions)
    _ends(seed, patient, model, person, overt, lesions, number, events, count)
    _follow(seed, model, person, lesions, number, events, count, record)
    _close(model, person, lesions, number, events, count)
    return number


@compiled
def _seed(seed: int, patient: int, model: Any, person: Any, lesions: np.ndarray) -> tuple[int, float]:
    """Arrivals, and the day on which the first metastasis is overt."""
    first_at = np.full(_LEVELS, np.inf)
    kind_at = np.zeros(_LEVELS, np.int64)
    overt, bone_overt = np.inf, np.inf
    person.arrivals_lung = person.arrivals_liver = person.arrivals_bone = person.arrivals_spine = 0
    if person.primary == _SPINAL:
        seeding.spinal_primary(seed, patient, model, first_at, kind_at)
    else:
        z = (draws.normal(seed, patient, on.GROWTH_OF_PERSON, 0), 0.0)
        rate = growth.specific_rate(
            model.growth_doubling_days[person.primary], model.growth_between_people, 0.0, z, model.growth_slowest
        )
        wait = growth.organ_days_to_overt(model, rate)
        person.arrivals_lung, lung = seeding.organ_arrivals(seed, patient, model, person, seeding.LUNG)
        person.arrivals_liver, liver = seeding.organ_arrivals(seed, patient, model, person, seeding.LIVER)
        person.arrivals_bone, person.arrivals_spine, bone = seeding.bone_arrivals(
            seed, patient, model, person, first_at, kind_at
        )
        overt, bone_overt = min(lung, liver, bone) + wait, bone + wait
    number = 0
    cell, seen = math.log(model.growth_cell_mm3), math.log(model.growth_overt_mm3)
    for level in range(_LEVELS):
        if first_at[level] == np.inf:
            continue
        lesion = lesions[number]
        lesions_.begin(seed, patient, model, person, level, first_at[level], kind_at[level], lesion)
        day = first_at[level] + growth.days_to(cell, seen, lesion.log_capacity, lesion.rate)
        bone_overt = min(bone_overt, day)
        number += 1
    overt = min(overt, bone_overt)
    person.overt_day = _day(overt)
    person.bone_overt_day = _day(bone_overt)
    return number, overt


@compiled
def _day(day: float) -> int:
    """The whole day, not before the diagnosis; never when it does not come."""
    return _NEVER if day > 1e9 else max(math.floor(day), 0)


@compiled
def _ends(
    seed: int,
    patient: int,
    model: Any,
    person: Any,
    overt: float,
    lesions: np.ndarray,
    number: int,
    events: np.ndarray,
    count: np.ndarray,
) -> None:
    """The day of death, had it not been for loss of walking, and what is not yet."""
    death = people.background_death_day(seed, patient, model, person)
    if overt < 1e9:
        begins = max(overt, 0.0)
        death = min(death, begins + people.metastatic_survival_days(seed, patient, model, person.primary))
    person.death_day = math.floor(min(death, 1e8))
    end = min(death, model.horizon_days)
    if overt < end:
        note(events, count, patient, max(overt, 0.0), states.OVERT, -1, 0.0)
    if person.bone_overt_day < end:
        note(events, count, patient, person.bone_overt_day, states.BONE_OVERT, -1, 0.0)
    if person.overt_day >= end:
        person.overt_day = _NEVER
    if person.bone_overt_day >= end:
        person.bone_overt_day = _NEVER
    person.spine_visible_day = person.pain_day = person.fracture_day = person.epidural_day = _NEVER
    person.compression_day = person.deficit_day = person.nonambulatory_day = person.known_day = _NEVER
    person.drug_day = person.entry_day = _NEVER
    person.levels = person.worst_ais = person.found_by = person.scans = 0
    person.radiotherapies = person.surgeries = 0
    person.deficit_level = person.entry_grade = -1
    person.quality_days = 0.0


@compiled
def _follow(
    seed: int,
    model: Any,
    person: Any,
    lesions: np.ndarray,
    number: int,
    events: np.ndarray,
    count: np.ndarray,
    record: np.ndarray,
) -> None:
    """Weeks from the first that matters to the end."""
    patient = person.patient
    start = np.inf
    for i in range(number):
        start = min(start, lesions[i].start_day)
    end = min(float(person.death_day), model.horizon_days)
    week = max(math.ceil(max(start, 0.0) / STEP_DAYS), 0) if start < end else 1_000_000
    person.quality_days = model.symptoms_utility[0] * min(week * STEP_DAYS, end)
    consult, staged, scans_from = np.inf, model.staging == 0.0, _first_scan(model)
    visits = _visits_before(model, week * STEP_DAYS, end, scans_from)
    person.scans += visits
    ratio, entry = 1.0, np.inf
    while week * STEP_DAYS < end:
        day = week * STEP_DAYS
        worse, hurts = _step(seed, model, person, lesions, number, day, ratio, events, count)
        if worse:
            wait = model.symptoms_consultation_days_deficit * draws.exponential(seed, patient, on.CONSULTATION, week)
            consult = min(consult, day + wait)
        elif hurts:
            wait = model.symptoms_consultation_days_pain * draws.exponential(seed, patient, on.CONSULTATION, week)
            consult = min(consult, day + wait)
        new = 0
        if not staged and day >= person.overt_day:
            staged = True
            new += _scan(
                seed, model, person, lesions, number, day, _STAGING, model.care_mri_sensitivity, 2, events, count
            )
        if day >= consult:
            consult = np.inf
            note(events, count, patient, day, states.CONSULTATION, -1, 0.0)
            occasion = _CONSULTATION + week
            new += _scan(
                seed, model, person, lesions, number, day, occasion, model.care_mri_sensitivity, 1, events, count
            )
        if person.known_day != _NEVER and entry == np.inf:
            entry = person.known_day + model.trial_delay_days * draws.exponential(seed, patient, on.PRIOR_IMAGING, 0)
            if model.scan_start == 1:
                scans_from = person.known_day + model.scan_delay_days
            ratio = care.drug_ratio(seed, model, patient)
            if ratio < 1.0:
                person.drug_day = int(day)
                note(events, count, patient, day, states.DRUG, -1, ratio)
        if model.trial_kind > 0 and person.entry_day == _NEVER and day >= entry:
            if _enters(model, person, lesions, number, day):
                person.entry_day = int(day)
                note(events, count, patient, day, states.ENTRY, -1, person.entry_grade)
                scans_from = day + model.scan_delay_days if model.scan_start == 2 else scans_from
            elif model.trial_kind == 1:
                entry = _TOO_LATE
        if model.scan_interval_days > 0.0 and day >= scans_from + visits * model.scan_interval_days:
            if visits == 0 or model.scan_only_after_finding == 0.0 or person.entry_grade > 0:
                person.scans += 1
                sees = model.scan_sensitivity
                new += _scan(seed, model, person, lesions, number, day, _SURVEILLANCE + visits, sees, 2, events, count)
            visits += 1
        for i in range(number):
            lesion = lesions[i]
            if lesion.visible_day == _NEVER:
                continue
            care.plan(model, person, lesion, day)
            if day >= lesion.plan_day:
                care.treat(seed, model, person, lesion, day, events, count)
        state = _worst(model, lesions, number)
        if state >= 5 and person.nonambulatory_day == _NEVER:
            person.nonambulatory_day = int(day)
            person.death_day = int(day + (person.death_day - day) * model.survival_after_loss_of_walking)
            end = min(float(person.death_day), model.horizon_days)
        person.quality_days += model.symptoms_utility[state] * max(min(STEP_DAYS, end - day), 0.0)
        if week < len(record):
            _keep(lesions, number, record[week])
        week += 1
    person.end_day = math.floor(end)


@compiled
def _step(
    seed: int,
    model: Any,
    person: Any,
    lesions: np.ndarray,
    number: int,
    day: float,
    ratio: float,
    events: np.ndarray,
    count: np.ndarray,
) -> tuple[bool, bool]:
    """All lesions through one week; whether function got worse, and whether something began to hurt."""
    worse, hurts = False, False
    for i in range(number):
        lesion = lesions[i]
        if lesion.start_day > day:
            continue
        days = min(day - lesion.start_day, STEP_DAYS)
        if day == 0.0:
            days = -lesion.start_day  # all the growth before the diagnosis at once
        lesions_.grow(model, lesion, day, days, events, count)
        if lesion.visible_day == _NEVER:
            continue
        person.spine_visible_day = min(person.spine_visible_day, lesion.visible_day)
        lesions_.weaken_and_break(seed, model, lesion, day, min(days, STEP_DAYS), ratio, events, count)
        if lesions_.press(seed, model, lesion, day, events, count):
            worse = True
            if person.deficit_day == _NEVER:
                person.deficit_day, person.deficit_level = int(day), lesion.level
            person.worst_ais = max(person.worst_ais, lesion.ais)
        hurts |= lesions_.hurt(seed, model, lesion, day, events, count)
        person.pain_day = min(person.pain_day, lesion.pain_day)
        person.fracture_day = min(person.fracture_day, lesion.fracture_day)
        person.epidural_day = min(person.epidural_day, lesion.epidural_day)
        person.compression_day = min(person.compression_day, lesion.compression_day)
    return worse, hurts


@compiled
def _scan(
    seed: int,
    model: Any,
    person: Any,
    lesions: np.ndarray,
    number: int,
    day: float,
    occasion: int,
    sensitivity: float,
    found_by: int,
    events: np.ndarray,
    count: np.ndarray,
) -> int:
    new = care.image(seed, model, person, lesions, number, day, occasion, sensitivity, events, count)
    if new > 0 and person.known_day == _NEVER:
        person.known_day = int(day)
        person.found_by = found_by
    return new


@compiled
def _first_scan(model: Any) -> float:
    return model.scan_delay_days if model.scan_start == 0 else np.inf


@compiled
def _visits_before(model: Any, day: float, end: float, scans_from: float) -> int:
    """Scans of surveillance before the first week that is followed: they find nothing and are only counted."""
    until = min(day, end)
    if model.scan_interval_days <= 0.0 or until <= scans_from:
        return 0
    return math.ceil((until - scans_from) / model.scan_interval_days)


@compiled
def _enters(model: Any, person: Any, lesions: np.ndarray, number: int, day: float) -> bool:
    """Trial entry: no deficit so far and no pain now; for kind 2 also a known silent lesion of the size asked for."""
    if person.deficit_day != _NEVER:
        return False
    grade, flagged = 0, 0
    for i in range(number):
        lesion = lesions[i]
        if lesion.visible_day == _NEVER:
            continue
        if lesion.pain == 1 and model.trial_kind == 1:
            return False
        grade = max(grade, lesion.grade)
        silent = lesion.known_day != _NEVER and lesion.pain_day == _NEVER and lesion.fracture_day == _NEVER
        if model.trial_kind == 2 and silent and lesion.body_share >= model.trial_share and lesion.courses == 0:
            lesion.at_entry = 1
            flagged += 1
    if model.trial_kind == 2 and flagged == 0:
        return False
    person.entry_grade = grade
    return True


@compiled
def _worst(model: Any, lesions: np.ndarray, number: int) -> int:
    """State of the person, as `symptoms.utility` counts them: 0 without tumour in the spine to 6 with AIS B or A."""
    worst = 0
    for i in range(number):
        lesion = lesions[i]
        if lesion.visible_day == _NEVER:
            continue
        state = 1
        if lesion.pain == 1:
            state = 2 if lesion.fracture_day == _NEVER else 3
        if lesion.ais > 0:
            state = 3 + lesion.ais
        worst = max(worst, state)
    return worst


@compiled
def _keep(lesions: np.ndarray, number: int, row: np.ndarray) -> None:
    for i in range(number):
        lesion = lesions[i]
        if lesion.visible_day == _NEVER:
            continue
        cell = row[lesion.level]
        cell[0], cell[1], cell[2], cell[3] = lesion.volume_mm3, lesion.body_share, lesion.strength_left, lesion.used
        cell[4], cell[5], cell[6] = lesion.grade, lesion.ais, lesion.pain
        cell[7] = 0.0 if lesion.fracture_day == _NEVER else lesion.collapse
        cell[8] = 0.0 if lesion.known_day == _NEVER else 1.0
        cell[9] = lesion.treatment


@compiled
def _close(model: Any, person: Any, lesions: np.ndarray, number: int, events: np.ndarray, count: np.ndarray) -> None:
    """End of follow-up, and the sums over lesions."""
    end = min(float(person.death_day), model.horizon_days)
    person.end_day = math.floor(end)
    person.died = 1 if person.death_day <= model.horizon_days else 0
    for i in range(number):
        if lesions[i].visible_day != _NEVER:
            person.levels += 1
    note(events, count, person.patient, end, states.DEATH if person.died else states.END, -1, 0.0)
