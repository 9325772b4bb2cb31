"""One lesion in one vertebra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume

LesionType = Literal["lytic", "blastic", "mixed"]
Side = Literal["left", "right"]
"""The patient's."""


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
    cortex_breached_share: float | None = None
    """Share of the vertebra's surface whose wall has gone over the lesion, 0 to 1."""
    endplate_breached_share: float | None = None
    """The same of the surface of both endplates."""
    posterior_wall_breached: bool | None = None
    pedicles_touched: tuple[Side, ...] = ()
    facets_touched: tuple[Side, ...] = ()
    costovertebral_touched: tuple[Side, ...] | None = None
    """None where the vertebra bears no ribs."""
    canal_mm3: float | None = None
    soft_tissue_mm3: float | None = None
    """How much of the mask lies in the canal and in other soft tissue; None when it was not looked for (see notes)."""
