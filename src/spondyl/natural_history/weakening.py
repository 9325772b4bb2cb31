"""Bone that holds less, loads of the day, and the day it breaks.

Intact strength is that of the level and sex, falling with age, spread between people. What tumour leaves of it is
exp(-(b1 s + b2 s^2 + b3 s w)) with s the share of the body that is tumour and w whether it touches the posterior
wall; b by type of lesion, from finite-element runs. The largest load of a day is lognormal; a day breaks the bone
with the probability that its load exceeds the strength, and days are independent.
"""

from __future__ import annotations

import math
from typing import Any

from spondyl.natural_history.compiled import compiled
from spondyl.natural_history.states import REGION_OF

_LARGEST_SHARE = 0.95
_LUMBAR = 2


@compiled
def intact_strength_n(model: Any, level: int, male: int, age_years: float, z: float) -> float:
    """Strength of a vertebra without tumour; `z` is the person's standard normal."""
    mean = model.body_strength_male_kn[level] if male else model.body_strength_female_kn[level]
    part = 1 if REGION_OF[level] >= _LUMBAR else 0
    aged = model.body_strength_per_year[part, male] * (age_years - model.body_strength_age_years)
    return 1000.0 * mean * math.exp(aged + model.body_strength_sd * z)


@compiled
def strength_left(model: Any, bone_type: int, share: float, at_wall: float) -> float:
    """Share of strength that a lesion of this share of the body leaves."""
    b = model.weakening_surface[bone_type]
    return min(math.exp(-(b[0] * share + b[1] * share * share + b[2] * share * at_wall)), 1.0)


@compiled
def body_share(model: Any, level: int, volume_mm3: float) -> float:
    """Share of the vertebral body that tumour of a volume takes: all of it lies in the body until most is full."""
    return min(volume_mm3 / model.body_volume_mm3[level], _LARGEST_SHARE)


@compiled
def median_load_n(model: Any, level: int, weight_kg: float, z: float) -> float:
    """Median of a person's largest load of a day on a level."""
    by_weight = weight_kg / model.loads_weight_anchor_kg
    median = model.loads_bending_n * model.loads_daily_peak * model.loads_profile[level]
    return median * by_weight * math.exp(model.loads_between_people * z)


@compiled
def daily_hazard(strength_n: float, load_n: float, sd: float) -> float:
    """-ln of the chance to get through a day unbroken."""
    exceeds = 0.5 * math.erfc(math.log(strength_n / load_n) / (sd * math.sqrt(2.0)))
    return -math.log1p(-min(exceeds, 0.999999))
