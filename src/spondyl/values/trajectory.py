"""One simulated life, week by week, as it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LevelTrack:
    """One vertebra with tumour; arrays (weeks,)."""

    level: str
    compartment: str
    bone_type: str
    volume_mm3: NDArray[np.float64]
    body_share: NDArray[np.float64]
    strength_left: NDArray[np.float64]
    room_used: NDArray[np.float64]
    """Share of the room beside cord or roots."""
    escc: NDArray[np.int64]
    """0 to 5 for the grades 0, 1a, 1b, 1c, 2, 3."""
    ais: NDArray[np.int64]
    """0 to 3 for AIS E, D, C, B or A."""
    pain: NDArray[np.bool_]
    collapse: NDArray[np.int64]
    """0, or the grade 1 to 3 of a fracture."""
    known: NDArray[np.bool_]
    treatment: NDArray[np.int64]
    """0 none, 1 radiotherapy, 2 stereotactic, 3 surgery."""


@dataclass(frozen=True)
class LevelShape:
    """What a level is drawn like, in mm."""

    level: str
    body_depth_mm: float
    body_height_mm: float
    canal_depth_mm: float
    canal_width_mm: float
    neural_mm2: float
    canal_mm2: float


@dataclass(frozen=True)
class Trajectory:
    """Days count from the diagnosis of the cancer; `days` (weeks,) are those of the tracks."""

    seed: int
    patient: int
    scenario: str
    primary: str
    sex: str
    age_years: float
    days: NDArray[np.float64]
    tracks: tuple[LevelTrack, ...]
    shapes: tuple[LevelShape, ...]
    events: tuple[tuple[int, str, str, float], ...]
    """(day, what, level or '', value)"""
    end_day: int
    died: bool
