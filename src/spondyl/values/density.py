"""Calibration from HU to bone mineral density, what it rests on, and what it gives for one vertebra."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Tissue(StrEnum):
    """What a calibration can be taken from when no phantom lies on the table."""

    AIR = "air"
    FAT = "fat"
    MUSCLE = "muscle"
    BLOOD = "blood"
    BONE = "cortical bone"


@dataclass(frozen=True)
class TissueSample:
    """One of the patient's own tissues as the scan shows it."""

    tissue: Tissue
    hu: float
    """Centre of the peak that the tissue's voxels make in the histogram; nan where none were found."""
    hu_sd: float
    """Scatter of the voxels about that peak."""
    volume_mm3: float
    centre_mm: tuple[float, float, float] | None
    """Middle of the sample, LPS."""
    used: bool
    reason: str
    """Where it lies and why it was accepted, or why it was left out."""


@dataclass(frozen=True)
class ContrastFinding:
    """Whether intravenous contrast medium is in the scan, seen in the blood or said by the header."""

    present: bool | None
    """None when neither the image nor the header tells."""
    blood_hu: float | None
    rise_hu: float | None
    """Blood above what it has without contrast medium."""
    reason: str


@dataclass(frozen=True)
class Calibration:
    """density [mg/cc K2HPO4] = slope * HU + intercept."""

    slope_mg_cc_per_hu: float
    intercept_mg_cc: float
    slope_sd: float
    """Standard deviation of the slope (same unit), carried into the strength's interval."""
    intercept_sd: float
    method: str
    """'given line', 'phantom rods', 'internal', 'generic 120 kVp', ..."""
    citations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    covariance: float = 0.0
    """Of slope and intercept; negative where the line is well known at some HU between its supports."""
    effective_energy_kev: float | None = None
    tissues: tuple[TissueSample, ...] = ()
    """What an internal calibration found in the patient, used or not."""
    contrast: ContrastFinding | None = None

    def density_mg_cc(self, hu: Any) -> Any:
        """HU (number or array) to mg/cc K2HPO4; the line may fall below zero in fat."""
        return self.slope_mg_cc_per_hu * hu + self.intercept_mg_cc

    def sd_mg_cc(self, hu: float) -> float:
        """Standard deviation of the density that the line gives at this HU."""
        variance = (self.slope_sd * hu) ** 2 + self.intercept_sd**2 + 2 * hu * self.covariance
        return math.sqrt(max(variance, 0.0))


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
    unusable_share: float = 0.0
    """Share of the core left out for metal and its streaks."""
