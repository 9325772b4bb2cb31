"""The spinal canal at one level."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spondyl.core.volume import Volume


@dataclass(frozen=True, eq=False)
class CanalMeasure:
    """None is 'could not be measured', said why in `notes`."""

    positions_mm: NDArray[np.float64]
    """Along the vertebra's z, (n,)."""
    areas_mm2: NDArray[np.float64]
    """Bony canal cross-section at each position; nan where the ring is open (disc and foramen level)."""
    min_area_mm2: float | None
    ap_diameter_mm: float | None
    transverse_diameter_mm: float | None
    expected_area_mm2: float | None
    """What the neighbours lead one to expect."""
    area_loss: float | None
    """1 - measured over expected at the narrowest place; 0.2 is 20 %."""
    lesion_encroachment: float | None
    """Share of the canal's cross-section held by a given or detected lesion at the worst place; None if unseen."""
    cord_area_mm2: float | None
    escc_grade: str | None
    escc_reason: str
    """Why that grade, or why none can be given (bone alone on CT: MRI is needed)."""
    notes: tuple[str, ...] = ()
    lumen: Volume | None = field(default=None, repr=False)
    """Boolean, on the grid of the vertebra's `parts`; only where the ring is closed."""
