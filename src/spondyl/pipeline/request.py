"""What the user asks to have assessed: paths and choices, as they came in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spondyl.anatomy.levels import Level
from spondyl.mechanics.laws import DEFAULT_LAW


@dataclass(frozen=True)
class Request:
    ct: Path
    vertebrae: Path | None = None
    segmenter: str = "spondyl"
    """Who finds the vertebrae where no labels are given: 'spondyl' or 'totalsegmentator'."""
    anchors: tuple[tuple[Level, float], ...] = ()
    """For Spondyl's own segmenter: levels and the z of their bodies' middle, LPS in mm."""
    subregions: Path | None = None
    lesions: Path | None = None
    cord: Path | None = None
    sac: Path | None = None
    """Mask of the thecal sac (CT myelogram, or MRI registered to the CT)."""
    epidural: Path | None = None
    """Mask of tumour in the canal; an empty one says that it was looked for and not found."""
    history: Path | None = None
    scheme: str | None = None
    series: str | None = None
    calibration: tuple[float, float] | None = None
    """Slope and intercept of the density line, mg/cc K2HPO4."""
    rods: tuple[tuple[float, float], ...] = ()
    """(HU, mg/cc) of a calibration phantom's rods; with `rod_mask` (label, mg/cc)."""
    rod_mask: Path | None = None
    """Labels of the rods, whose HU are then measured."""
    generic: bool = False
    """Where no line and no rods are given: take the general line for the voltage, not one from the patient's own
    tissues."""
    kvp: float | None = None
    """Tube voltage, when the file does not say."""
    voxel_mm: float = 1.0
    """Edge of the finite elements."""
    law: str = DEFAULT_LAW
    """From density to modulus and yield stress."""
    strength: bool = True
    """Whether strengths are computed, which takes most of the time."""
    workers: int = 1
    """Processes to use; 0 is one a core. More than one asks of a script that its work stands under
    `if __name__ == "__main__":`, as Python's own multiprocessing does."""

    def parameters(self) -> dict[str, Any]:
        """The choices that shape the numbers; no paths, and not the number of workers, which shapes none."""
        return {
            "scheme": self.scheme,
            "segmenter": None if self.vertebrae else self.segmenter,
            "anchors": {level.name: z_mm for level, z_mm in self.anchors} or None,
            "series": "chosen by the user" if self.series else "chosen by Spondyl",
            "calibration": list(self.calibration) if self.calibration else None,
            "rods": [list(rod) for rod in self.rods] or None,
            "generic": self.generic,
            "kvp": self.kvp,
            "voxel_mm": self.voxel_mm,
            "law": self.law,
            "strength": self.strength,
        }
