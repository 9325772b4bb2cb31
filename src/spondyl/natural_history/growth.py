"""Gompertz growth: dV/dt = a V ln(K/V), so ln K - ln V shrinks by exp(-a t), and time to a volume is a closed form.

The specific growth rate a ln(K/V) is drawn at a reference volume, normal and cut below [mehrara2007]; a follows.
"""

from __future__ import annotations

import math
from typing import Any

from spondyl.natural_history.compiled import compiled


@compiled
def specific_rate(mean_doubling_days: float, person_sd: float, lesion_sd: float, z: tuple, slowest: float) -> float:
    """Per day at the reference volume; `z` are two standard normals, of the person and of the lesion."""
    spread = (1.0 + person_sd * z[0]) * (1.0 + lesion_sd * z[1])
    return math.log(2.0) / mean_doubling_days * max(spread, slowest)


@compiled
def gompertz_rate(rate: float, reference_mm3: float, log_capacity: float) -> float:
    """a from the specific growth rate at a reference volume, taken as half the capacity where it is above that."""
    reference = min(math.log(reference_mm3), log_capacity - math.log(2.0))
    return rate / (log_capacity - reference)


@compiled
def log_volume_after(log_volume: float, log_capacity: float, a: float, days: float) -> float:
    """ln V after some days, exact for any step."""
    return log_capacity - (log_capacity - log_volume) * math.exp(-a * days)


@compiled
def days_to(log_from: float, log_to: float, log_capacity: float, a: float) -> float:
    """Days from one volume to another; infinite when the other is at or above the capacity."""
    if log_to >= log_capacity:
        return math.inf
    return math.log((log_capacity - log_from) / (log_capacity - log_to)) / a


@compiled
def organ_days_to_overt(model: Any, rate: float) -> float:
    """From one cell to overt, outside the spine."""
    capacity = math.log(model.growth_organ_capacity_mm3)
    a = gompertz_rate(rate, model.growth_reference_mm3, capacity)
    return days_to(math.log(model.growth_cell_mm3), math.log(model.growth_overt_mm3), capacity, a)
