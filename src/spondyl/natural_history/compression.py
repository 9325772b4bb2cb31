"""Tumour in the canal: how much of the room beside cord or roots it takes, the ESCC grade, and what is lost.

An extradural lesion is a ball about a point some depth in front of the posterior wall. Once it is able to pass and its
radius r exceeds that depth d (and the wall), a cap of height r - d and chord 2 sqrt(r^2 - d^2), no wider than the
canal, stands in the canal: area 2/3 chord times height. Intradural tumour takes its own cross-section. What a
fracture pushes back is added. Grades begin at shares of the room; deficits follow the grade by region [uei2018].
"""

from __future__ import annotations

import math
from typing import Any

from spondyl.natural_history.compiled import compiled
from spondyl.natural_history.states import NEURAL_REGION_OF, REGION_OF

_LEAST_ROOM_MM2 = 10.0


@compiled
def room_mm2(model: Any, level: int, z: float) -> float:
    """Area beside cord or roots that can be taken before all of it is gone, times what the region bears."""
    area = model.canal_area_mm2[level] * max(1.0 + model.canal_size_sd * z, 0.5)
    free = max(area - model.canal_neural_mm2[level], _LEAST_ROOM_MM2)
    return free * model.compression_tolerance[REGION_OF[level]]


@compiled
def cap_mm2(volume_mm3: float, depth_mm: float, wide_mm: float, deep_mm: float) -> float:
    """Area in the canal of a ball whose centre lies `depth_mm` in front of it."""
    radius = (0.75 * volume_mm3 / math.pi) ** (1.0 / 3.0)
    if radius <= depth_mm:
        return 0.0
    chord = min(2.0 * math.sqrt(radius * radius - depth_mm * depth_mm), wide_mm)
    return 2.0 / 3.0 * chord * min(radius - depth_mm, deep_mm)


@compiled
def cross_section_mm2(volume_mm3: float) -> float:
    """Area of a ball through its centre."""
    return math.pi * (0.75 * volume_mm3 / math.pi) ** (2.0 / 3.0)


@compiled
def grade(model: Any, used: float) -> int:
    """ESCC grade 0 to 5 (0, 1a, 1b, 1c, 2, 3) from the share of the room that is taken."""
    found = 0
    for begins in model.compression_escc_use:
        if used >= begins:
            found += 1
    return found


@compiled
def deficit(model: Any, level: int, grade_now: int, u: float) -> int:
    """AIS 0 to 3 (E, D, C, B or A) of a lesion; one `u` a lesion, so that a higher grade never means less."""
    region = NEURAL_REGION_OF[level]
    if u < model.compression_deficit_b[grade_now]:
        return 3
    if u < model.compression_deficit_c[region, grade_now]:
        return 2
    return 1 if u < model.compression_deficit_d[region, grade_now] else 0
