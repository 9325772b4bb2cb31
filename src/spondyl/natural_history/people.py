"""Who they are: primary, age, sex, body, how much their tumour spreads, and when life would end without it."""

from __future__ import annotations

import math
from typing import Any

from spondyl.natural_history import decisions as on
from spondyl.natural_history import draws
from spondyl.natural_history.compiled import compiled
from spondyl.natural_history.states import SPINAL_PRIMARY

_SPINAL = SPINAL_PRIMARY
_AGES = (18.0, 95.0)
_WEIGHTS_KG = (40.0, 140.0)


@compiled
def draw_person(seed: int, patient: int, model: Any, person: Any) -> None:
    """Fills the person's own columns. Age and weight are normal by primary and sex, cut to what adults have."""
    primary = draws.choice(model.primary_cumulative, draws.uniform(seed, patient, on.PRIMARY, 0))
    male = draws.uniform(seed, patient, on.SEX, 0) < model.people_male_share[primary]
    sex = 1 if male else 0
    age = model.people_age_mean_years[primary] + model.people_age_sd_years[primary] * draws.normal(
        seed, patient, on.AGE, 0
    )
    weight = model.people_weight_kg[sex] + model.people_weight_sd_kg * draws.normal(seed, patient, on.BODY_WEIGHT, 0)
    person.patient = patient
    person.primary = primary
    person.male = sex
    person.age_years = min(max(age, _AGES[0]), _AGES[1])
    person.weight_kg = min(max(weight, _WEIGHTS_KG[0]), _WEIGHTS_KG[1])
    person.spread = 0.0
    if primary != _SPINAL:
        person.spread = draws.gamma_mean_one(model.seeding_spread_shape, seed, patient, on.SPREAD)


@compiled
def background_death_day(seed: int, patient: int, model: Any, person: Any) -> float:
    """Day of death from all else: hazard h(70) exp(b (age - 70)), inverted in closed form."""
    growth = model.survival_background_growth
    now = model.survival_background_hazard_at_70[person.male] * math.exp(growth * (person.age_years - 70.0))
    waits = draws.exponential(seed, patient, on.BACKGROUND_DEATH, 0)
    return 365.25 / growth * math.log(1.0 + growth * waits / now)


@compiled
def metastatic_survival_days(seed: int, patient: int, model: Any, primary: int) -> float:
    """Days from the first overt metastasis to death: Weibull with the primary's median."""
    shape = model.survival_metastatic_shape
    scale = model.survival_metastatic_median_months[primary] * 30.4375 / math.log(2.0) ** (1.0 / shape)
    return scale * draws.exponential(seed, patient, on.METASTATIC_SURVIVAL, 0) ** (1.0 / shape)
