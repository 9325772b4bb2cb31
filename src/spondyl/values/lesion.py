"""One lesion in one vertebra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume

LesionType = Literal["lytic", "blastic", "mixed"]


@dataclass(frozen=True, eq=False)
class Lesion:
    mask: Volume
    """Boolean, on the grid of the vertebra's `parts`."""
    level: Level
    kind: LesionType
    volume_mm3: float
    longest_diameter_mm: float
    centroid_lps_mm: tuple[float, float, float]
    mean_hu: float
    body_share: float
    """Share of the vertebral body's volume that this lesion holds, 0 to 1."""
    parts_touched: tuple[SubRegion, ...]
    cortex_breached: bool | None
    """None when the scan is too coarse or the place cut off."""
    origin: Literal["given", "detected"]
    confidence: float | None
    """0 to 1 for a detected lesion; None for a given mask."""
    notes: tuple[str, ...] = ()
