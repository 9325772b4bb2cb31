"""Calibration from HU to bone mineral density, and what it gives for one vertebra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Calibration:
    """density [mg/cc K2HPO4] = slope * HU + intercept."""

    slope_mg_cc_per_hu: float
    intercept_mg_cc: float
    slope_sd: float
    """Standard deviation of the slope (same unit), carried into the strength's interval."""
    intercept_sd: float
    method: str
    """'given line', 'phantom rods', 'generic 120 kVp', ..."""
    citations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def density_mg_cc(self, hu: Any) -> Any:
        """HU (number or array) to mg/cc K2HPO4; the generic line may fall below zero in fat."""
        return self.slope_mg_cc_per_hu * hu + self.intercept_mg_cc


@dataclass(frozen=True)
class DensityMeasure:
    """The trabecular core of one body."""

    trabecular_hu: float
    trabecular_hu_sd: float
    trabecular_mg_cc: float
    trabecular_mg_cc_interval: tuple[float, float]
    """95 % from the calibration's uncertainty."""
    core_volume_mm3: float
    notes: tuple[str, ...] = ()
