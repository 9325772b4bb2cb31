"""Tumour cells arrive: Poisson streams to lung, liver and bone, and within bone to a vertebra.

The rate before diagnosis (t < 0) is A/tau exp(t/tau): shedding grows with the primary tumour. After diagnosis, when
the primary is treated, a share rho of the rate at diagnosis goes on. So the expected arrivals up to t are

    Lambda(t) = A exp(t / tau)         for t < 0
    Lambda(t) = A (1 + rho t / tau)    from then on

with A the person's spread times the primary's arrivals times the organ's share. The first arrival lies where Lambda
equals a unit exponential, so that its time needs no thinning; how many more come is Poisson with what is left.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spondyl.natural_history import decisions as on
from spondyl.natural_history import draws
from spondyl.natural_history.compiled import compiled

LUNG, LIVER, BONE = range(3)


@compiled
def expected_arrivals(day: float, amount: float, model: Any) -> float:
    """Lambda(day) for a stream of `amount` arrivals before diagnosis."""
    tau = model.seeding_shedding_days
    if day < 0.0:
        return amount * math.exp(day / tau)
    return amount * (1.0 + model.seeding_shedding_after * day / tau)


@compiled
def arrival_day(expected: float, amount: float, model: Any) -> float:
    """The inverse of `expected_arrivals`; infinite when that much never comes."""
    tau = model.seeding_shedding_days
    if amount <= 0.0:
        return np.inf
    if expected < amount:
        return tau * math.log(expected / amount)
    if model.seeding_shedding_after <= 0.0:
        return np.inf
    return tau * (expected / amount - 1.0) / model.seeding_shedding_after


@compiled
def amount_to(organ: int, model: Any, person: Any) -> float:
    """Expected arrivals in an organ before diagnosis."""
    return person.spread * model.seeding_arrivals[person.primary] * model.seeding_organ_share[person.primary, organ]


@compiled
def organ_arrivals(seed: int, patient: int, model: Any, person: Any, organ: int) -> tuple[int, float]:
    """How many arrive in lung or liver by the horizon, and the day of the first."""
    amount = amount_to(organ, model, person)
    due = expected_arrivals(model.horizon_days, amount, model)
    first = draws.exponential(seed, patient, on.ARRIVAL_LUNG + organ, 0)
    if first > due:
        return 0, np.inf
    return 1 + draws.poisson(due - first, seed, patient, on.MORE_ARRIVALS + organ), arrival_day(first, amount, model)


@compiled
def bone_arrivals(
    seed: int, patient: int, model: Any, person: Any, first_at: np.ndarray, compartment_at: np.ndarray
) -> tuple[int, int, float]:
    """Arrivals in bone, those of them in the spine, and the day of the first elsewhere in bone.

    A Poisson stream splits into independent ones, a level each and one for the rest of bone: the first arrival of each
    is drawn, and how many more come at once for all. Fills, by level (25,), the day of the first arrival and its
    compartment; a second arrival in a vertebra grows into the tumour that is there already and is only counted.
    """
    whole = amount_to(BONE, model, person)
    spine, more, before = 0, 0.0, 0.0
    for level in range(len(first_at)):
        share = model.level_cumulative[person.primary, level] - before
        before = model.level_cumulative[person.primary, level]
        amount = whole * model.seeding_spine_of_bone * share
        due = expected_arrivals(model.horizon_days, amount, model)
        first = draws.exponential(seed, patient, on.LEVEL, level)
        if first <= due:
            first_at[level] = arrival_day(first, amount, model)
            compartment_at[level] = _compartment(draws.uniform(seed, patient, on.COMPARTMENT, level), model)
            spine += 1
            more += due - first
    spine += draws.poisson(more, seed, patient, on.MORE_ARRIVALS + BONE)
    amount = whole * (1.0 - model.seeding_spine_of_bone)
    due = expected_arrivals(model.horizon_days, amount, model)
    first = draws.exponential(seed, patient, on.ARRIVAL_BONE, 0)
    if first > due:
        return spine, spine, np.inf
    rest = 1 + draws.poisson(due - first, seed, patient, on.BONE_SITE)
    return spine + rest, spine, arrival_day(first, amount, model)


@compiled
def spinal_primary(seed: int, patient: int, model: Any, first_at: np.ndarray, compartment_at: np.ndarray) -> None:
    """A tumour that begins in the spine: one, at a level by size of the canal, before it is diagnosed."""
    place, what = draws.pair(seed, patient, on.SPINAL_PRIMARY, 0)
    level = draws.choice(model.spinal_level_cumulative, place)
    first_at[level] = -model.seeding_shedding_days * (1.0 + 4.0 * draws.uniform(seed, patient, on.STAGE, 0))
    compartment_at[level] = draws.choice(model.compartment_cumulative, what)


@compiled
def _compartment(u: float, model: Any) -> int:
    if u < model.seeding_intramedullary_share:
        return 2
    return 1 if u < model.seeding_intramedullary_share + model.seeding_intradural_share else 0
