"""The line from HU to density as it stands in the files, and the tissues that an internal one rests on."""

from __future__ import annotations

from pydantic import Field

from spondyl.report.parts import Fine, Hu, Measured, Mm, Mm3, Part, Unit, taken
from spondyl.values.density import Calibration as CalibrationLine


class Tissue(Part):
    """One of the patient's own tissues as the scan shows it."""

    tissue: str
    hu: Hu = Field(description="centre of the peak that its voxels make; null where none were found")
    hu_sd: Hu
    volume_mm3: Mm3
    centre_mm: tuple[Mm, Mm, Mm] | None = Field(description="LPS")
    used: bool
    reason: str = Field(description="where it lies and why it was accepted, or why it was left out")


class Contrast(Part):
    """Whether intravenous contrast medium is in the scan."""

    present: bool | None
    blood_hu: Hu
    rise_hu: Hu = Field(description="blood above what it has without contrast medium")
    reason: str


class Calibration(Measured):
    """density [mg/cc K2HPO4] = slope_mg_cc_per_hu * HU + intercept_mg_cc."""

    slope_mg_cc_per_hu: Fine
    intercept_mg_cc: Fine
    slope_sd_mg_cc_per_hu: Fine
    intercept_sd_mg_cc: Fine
    covariance: Fine = Field(description="of slope and intercept")
    method: str
    effective_energy_kev: Unit = Field(description="of an internal calibration")
    tissues: tuple[Tissue, ...] = Field(description="what an internal calibration found in the patient")
    contrast: Contrast | None
    citations: tuple[str, ...]


def calibration_part(line: CalibrationLine) -> Calibration:
    return taken(
        Calibration,
        line,
        slope_sd_mg_cc_per_hu=line.slope_sd,
        intercept_sd_mg_cc=line.intercept_sd,
        tissues=tuple(taken(Tissue, tissue) for tissue in line.tissues),
        contrast=taken(Contrast, line.contrast) if line.contrast else None,
    )
