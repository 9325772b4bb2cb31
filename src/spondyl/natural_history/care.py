"""What care does: images the spine, decides which lesions to treat, and treats them.

A lesion is planned for treatment once it is seen and hurts, presses (grade 2 or a deficit: at once), or the policy
asks for silent tumour of a grade or size to be treated. Radiotherapy shrinks a lesion and controls it or not, lets
bone regain mineral, and relieves pain; the stereotactic kind weakens bone for a while. Surgery frees the cord.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spondyl.natural_history import decisions as on
from spondyl.natural_history import draws, states
from spondyl.natural_history.compiled import compiled
from spondyl.natural_history.lesion import note

_NEVER = int(states.NEVER)
_HIGH_GRADE = 4
_MOST_COURSES = 2
_COURSE_GAP_DAYS = 180
"""Own choice: a vertebra is treated at most twice, not sooner than after half a year unless function is being lost."""
_LEFT_AFTER_SURGERY = 0.3
"""Own choice: share of the tumour that a decompression leaves."""


@compiled
def image(
    seed: int,
    model: Any,
    person: Any,
    lesions: np.ndarray,
    number: int,
    day: float,
    occasion: int,
    sensitivity: float,
    events: np.ndarray,
    count: np.ndarray,
) -> int:
    """A scan of the whole spine; how many lesions were new. `occasion` numbers the scan in the person's life."""
    new = 0
    for i in range(number):
        lesion = lesions[i]
        if lesion.visible_day > day or lesion.known_day != _NEVER:
            continue
        if draws.uniform(seed, lesion.patient, on.SCAN_SEES, occasion * 32 + lesion.level) < sensitivity:
            lesion.known_day = math.floor(day)
            new += 1
            note(events, count, lesion.patient, day, states.FOUND, lesion.level, lesion.volume_mm3)
    return new


@compiled
def plan(model: Any, person: Any, lesion: Any, day: float) -> None:
    """Sets the day on which a known lesion is to be treated, if there is reason to."""
    if lesion.known_day == _NEVER or lesion.courses >= _MOST_COURSES:
        return
    urgent = lesion.grade >= _HIGH_GRADE or lesion.ais > 0
    rested = lesion.courses == 0 or day - lesion.treated_day >= _COURSE_GAP_DAYS
    if urgent and rested:
        lesion.plan_day = min(lesion.plan_day, day + model.care_urgent_days)
    elif lesion.courses == 0 and (lesion.pain == 1 or _silent_reason(model, person, lesion)):
        lesion.plan_day = min(lesion.plan_day, day + model.care_elective_days)


@compiled
def _silent_reason(model: Any, person: Any, lesion: Any) -> bool:
    """Whether the policy treats a lesion that does not hurt; in a trial only after entry, and only flagged lesions."""
    in_trial = model.silent_only_in_trial == 1.0
    if lesion.grade >= model.preemptive_grade:
        return not in_trial or person.entry_day != _NEVER
    return lesion.body_share >= model.prophylactic_share and (not in_trial or lesion.at_entry == 1)


@compiled
def treat(seed: int, model: Any, person: Any, lesion: Any, day: float, events: np.ndarray, count: np.ndarray) -> None:
    """One course: surgery for some of those that press, else radiotherapy; cement for some painful fractures."""
    patient, level = lesion.patient, lesion.level
    key = 32 * lesion.courses + level
    presses = lesion.grade >= _HIGH_GRADE or lesion.ais > 0
    operated = presses and draws.uniform(seed, patient, on.SURGERY, key) < model.care_surgery_share
    stereotactic = draws.uniform(seed, patient, on.STEREOTACTIC, key) < model.care_stereotactic_share
    stereotactic = (stereotactic and not presses) or model.all_stereotactic == 1.0
    _beam(seed, model, lesion, day, key, stereotactic)
    if operated:
        lesion.treatment = 3
        lesion.log_volume += math.log(_LEFT_AFTER_SURGERY)
        lesion.collapse = 0 if lesion.collapse == 0 else 1
        person.surgeries += 1
        note(events, count, patient, day, states.SURGERY, level, lesion.grade)
    kind = states.STEREOTACTIC if lesion.treatment == 2 else states.RADIOTHERAPY
    note(events, count, patient, day, kind, level, lesion.grade)
    person.radiotherapies += 1
    regained = model.care_walks_again_surgery if operated else model.care_walks_again_radiotherapy
    if lesion.ais >= 2 and draws.uniform(seed, patient, on.RECOVERY, key) < regained:
        lesion.ais = 1
        note(events, count, patient, day, states.DEFICIT, level, 1)
    _cement(seed, model, lesion, day, presses, events, count)
    lesion.courses += 1
    lesion.plan_day = math.inf


@compiled
def _beam(seed: int, model: Any, lesion: Any, day: float, key: int, stereotactic: bool) -> None:
    patient = lesion.patient
    lesion.treatment = 2 if stereotactic else 1
    lesion.treated_day = math.floor(day)
    control = model.care_control_stereotactic if stereotactic else model.care_control_conventional
    lesion.controlled = 1 if draws.uniform(seed, patient, on.LOCAL_CONTROL, key) < control else 0
    lesion.log_volume += math.log(model.care_shrinkage)
    if draws.uniform(seed, patient, on.PAIN_RELIEF, key) < model.care_relief:
        lesion.pain = 0


@compiled
def _cement(seed: int, model: Any, lesion: Any, day: float, presses: bool, events: np.ndarray, count: Any) -> None:
    if lesion.fracture_day == _NEVER or presses or lesion.pain_day == _NEVER or lesion.cemented:
        return
    given, helps = draws.pair(seed, lesion.patient, on.CEMENT, lesion.level)
    if given < model.care_cement_share:
        lesion.cemented = 1
        lesion.pain = 0 if helps < model.care_cement_relief else lesion.pain
        note(events, count, lesion.patient, day, states.CEMENT, lesion.level, lesion.collapse)


@compiled
def drug_ratio(seed: int, model: Any, patient: int) -> float:
    """Hazard ratio of fractures once bone metastases are known: none, zoledronate or denosumab."""
    given, which = draws.pair(seed, patient, on.DRUG, 0)
    if given >= model.care_drug_share:
        return 1.0
    ratio = model.care_drug_fracture_ratio
    return ratio * model.care_denosumab_ratio if which < model.care_denosumab_share else ratio
