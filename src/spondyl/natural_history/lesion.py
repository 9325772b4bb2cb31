"""One vertebra with tumour through one step of time: it grows, weakens, presses and hurts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spondyl.natural_history import compression, draws, growth, states, weakening
from spondyl.natural_history import decisions as on
from spondyl.natural_history.compiled import compiled

_NEVER = int(states.NEVER)
_PAINFUL_GRADE, _COMPRESSING = 2, 4
"""Grade 1b, from which tumour in the canal hurts, and grade 2, from which the cord is compressed."""
_INTRADURAL_CAPACITY_MM3 = 4000.0
"""Own choice: about the room of two levels of canal."""
_LAST_CRUSHED = states.LEVELS.index("L5")


@compiled
def note(events: np.ndarray, count: np.ndarray, patient: int, day: float, kind: int, level: int, value: float) -> None:
    """Appends an event; past the end of the array only the count goes on, which the caller checks."""
    if count[0] < len(events):
        event = events[count[0]]
        event.patient = patient
        event.day = math.floor(day)
        event.kind = kind
        event.level = level
        event.value = value
    count[0] += 1


@compiled
def begin(seed: int, patient: int, model: Any, person: Any, level: int, arrival: float, kind: int, lesion: Any) -> None:
    """Everything about a lesion that is settled when its cell arrives."""
    primary = person.primary
    lesion.patient, lesion.level, lesion.compartment = patient, level, kind
    lesion.arrival, lesion.arrival_day = arrival, math.floor(arrival)
    u_type = draws.uniform(seed, patient, on.BONE_TYPE, level)
    lesion.bone_type = draws.choice(model.bone_type_cumulative[primary], u_type)
    capacity = model.growth_capacity * model.body_volume_mm3[level] if kind == 0 else _INTRADURAL_CAPACITY_MM3
    lesion.log_capacity = math.log(capacity)
    z = (draws.normal(seed, patient, on.GROWTH_OF_PERSON, 0), draws.normal(seed, patient, on.GROWTH_OF_LESION, level))
    rate = growth.specific_rate(
        model.growth_doubling_days[primary], model.growth_between_people, model.growth_between_lesions, z,
        model.growth_slowest,
    )  # fmt: skip
    lesion.rate = growth.gompertz_rate(rate, model.growth_reference_mm3, lesion.log_capacity)
    cell = math.log(model.growth_cell_mm3)
    half_visible = math.log(0.5 * model.growth_visible_mm3)
    lesion.start_day = arrival + growth.days_to(cell, half_visible, lesion.log_capacity, lesion.rate)
    lesion.log_volume = half_visible
    _body(seed, patient, model, person, lesion)
    _fate(seed, patient, model, lesion)
    _not_yet(lesion)


@compiled
def _body(seed: int, patient: int, model: Any, person: Any, lesion: Any) -> None:
    """Depth, strength, load and room at the lesion's level."""
    level = lesion.level
    u = draws.uniform(seed, patient, on.DEPTH, level)
    a, b = model.compression_entry[0], model.compression_entry[1]
    lesion.depth_mm = model.body_depth_mm[level] * (1.0 - (1.0 - u) ** (1.0 / b)) ** (1.0 / a)
    bone = draws.normal(seed, patient, on.BONE_STRENGTH, 0)
    lesion.strength_n = weakening.intact_strength_n(model, level, person.male, person.age_years, bone)
    active = draws.normal(seed, patient, on.ACTIVITY, 0)
    lesion.load_n = weakening.median_load_n(model, level, person.weight_kg, active)
    lesion.room_mm2 = compression.room_mm2(model, level, draws.normal(seed, patient, on.CANAL_SIZE, 0))


@compiled
def _fate(seed: int, patient: int, model: Any, lesion: Any) -> None:
    """The thresholds it will meet."""
    level = lesion.level
    breach = model.compression_breach[lesion.bone_type]
    lesion.breaches = 1 if draws.uniform(seed, patient, on.BREACH, level) < breach else 0
    lesion.hazard_limit = draws.exponential(seed, patient, on.FRACTURE, level)
    silent = draws.uniform(seed, patient, on.SILENT, level) < model.symptoms_silent
    z = draws.normal(seed, patient, on.PAIN_SIZE, level)
    lesion.hurts_from = math.inf if silent else model.symptoms_pain_share * math.exp(model.symptoms_pain_sd * z)


@compiled
def _not_yet(lesion: Any) -> None:
    lesion.visible_day = lesion.pain_day = lesion.fracture_day = lesion.epidural_day = _NEVER
    lesion.compression_day = lesion.deficit_day = lesion.known_day = lesion.treated_day = _NEVER
    lesion.strength_left, lesion.hazard, lesion.used, lesion.plan_day = 1.0, 0.0, 0.0, math.inf
    lesion.collapse = lesion.worst_grade = lesion.worst_ais = lesion.treatment = lesion.controlled = 0
    lesion.cemented = lesion.at_entry = lesion.grade = lesion.ais = lesion.pain = lesion.courses = 0


@compiled
def grow(model: Any, lesion: Any, day: float, days: float, events: np.ndarray, count: np.ndarray) -> None:
    """Volume and the share of the body it takes at `day`, which ends a step of `days`."""
    if lesion.controlled == 0:
        lesion.log_volume = growth.log_volume_after(lesion.log_volume, lesion.log_capacity, lesion.rate, days)
    lesion.volume_mm3 = math.exp(lesion.log_volume)
    lesion.body_share = weakening.body_share(model, lesion.level, lesion.volume_mm3)
    if lesion.visible_day == _NEVER and lesion.volume_mm3 >= model.growth_visible_mm3:
        lesion.visible_day = math.floor(day)
        note(events, count, lesion.patient, day, states.VISIBLE, lesion.level, lesion.volume_mm3)


@compiled
def weaken_and_break(
    seed: int, model: Any, lesion: Any, day: float, days: float, ratio: float, events: np.ndarray, count: np.ndarray
) -> None:
    """Strength now, and the hazard of the step's days; `ratio` multiplies it (drugs)."""
    if lesion.compartment != 0 or lesion.level > _LAST_CRUSHED or lesion.fracture_day != _NEVER:
        return
    at_wall = 1.0 if _radius(lesion.volume_mm3) >= lesion.depth_mm else 0.0
    left = weakening.strength_left(model, lesion.bone_type, lesion.body_share, at_wall)
    if lesion.treatment != 0:
        healed = min(max(day - lesion.treated_day, 0.0) / model.care_remineralised_days, 1.0)
        left += (1.0 - left) * model.care_remineralised * healed
        if lesion.treatment == 2:
            left *= 1.0 - model.care_weak_stereotactic * (1.0 - healed)
    lesion.strength_left = left
    hazard = ratio * weakening.daily_hazard(left * lesion.strength_n, lesion.load_n, model.loads_daily_sd)
    before = lesion.hazard
    lesion.hazard += hazard * days
    if lesion.hazard < lesion.hazard_limit:
        return
    broke = day - days + (lesion.hazard_limit - before) / hazard
    lesion.fracture_day = max(math.floor(broke), 0)
    lesion.collapse = 1 + draws.choice(
        model.collapse_cumulative, draws.uniform(seed, lesion.patient, on.COLLAPSE, lesion.level)
    )
    note(events, count, lesion.patient, max(broke, 0.0), states.FRACTURE, lesion.level, lesion.collapse)


@compiled
def press(seed: int, model: Any, lesion: Any, day: float, events: np.ndarray, count: np.ndarray) -> bool:
    """Room taken, grade and deficit; True when a deficit is new or worse."""
    level = lesion.level
    if lesion.compartment != 0:
        area = compression.cross_section_mm2(lesion.volume_mm3)
    elif lesion.breaches:
        depth = lesion.depth_mm + model.compression_barrier_mm
        area = compression.cap_mm2(lesion.volume_mm3, depth, model.canal_width_mm[level], model.canal_depth_mm[level])
    else:
        area = 0.0
    if lesion.collapse > 0:
        area += model.loads_retropulsion[lesion.collapse - 1] * model.canal_area_mm2[level]
    lesion.used = area / lesion.room_mm2
    now = compression.grade(model, lesion.used)
    if now != lesion.grade:
        note(events, count, lesion.patient, day, states.GRADE, level, now)
    lesion.grade = now
    lesion.worst_grade = max(lesion.worst_grade, now)
    today = math.floor(day)
    if now >= 1 and lesion.epidural_day == _NEVER:
        lesion.epidural_day = today
    if now >= _COMPRESSING and lesion.compression_day == _NEVER:
        lesion.compression_day = today
    u = draws.uniform(seed, lesion.patient, on.DEFICIT, level)
    ais = compression.deficit(model, level, now, u)
    if ais <= lesion.ais:
        return False
    lesion.ais = ais
    lesion.worst_ais = max(lesion.worst_ais, ais)
    if lesion.deficit_day == _NEVER:
        lesion.deficit_day = today
    note(events, count, lesion.patient, day, states.DEFICIT, level, ais)
    return True


@compiled
def hurt(seed: int, model: Any, lesion: Any, day: float, events: np.ndarray, count: np.ndarray) -> bool:
    """True on the step in which a lesion first hurts: by its size, a fracture, or tumour in the canal."""
    if lesion.pain_day != _NEVER:
        return False
    patient, level = lesion.patient, lesion.level
    hurts = lesion.body_share >= lesion.hurts_from
    if lesion.fracture_day != _NEVER:
        hurts |= draws.uniform(seed, patient, on.FRACTURE_PAIN, level) < model.symptoms_fracture_hurts
    if lesion.grade >= _PAINFUL_GRADE:
        hurts |= draws.uniform(seed, patient, on.FRACTURE_PAIN, 100 + level) < model.symptoms_epidural_hurts
    if not hurts:
        return False
    lesion.pain_day, lesion.pain = math.floor(day), 1
    note(events, count, patient, day, states.PAIN, level, lesion.body_share)
    return True


@compiled
def _radius(volume_mm3: float) -> float:
    return (0.75 * volume_mm3 / math.pi) ** (1.0 / 3.0)
