"""A CT as it came through the door: voxels in HU and what its header tells that measurement needs."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.core.volume import Volume


@dataclass(frozen=True, eq=False)
class CtScan:
    """`volume` is canonical (axes closest to left, posterior, superior) and in HU. No field names the patient."""

    volume: Volume
    kvp: float | None
    """Peak tube voltage; None when the file does not say (NIfTI never does)."""
    contrast: bool | None
    """Intravenous contrast according to the header; None when it does not say."""
    kernel: str | None
    slice_thickness_mm: float | None
    source: str
    """What was read, for people: 'DICOM series 3 of 5, 266 slices, chosen because ...'."""
    sha256: str
    notes: tuple[str, ...] = ()
    """What was handled on the way in (duplicates dropped, tilt resampled, ...), in plain words."""
