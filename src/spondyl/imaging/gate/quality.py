"""The gate: which labelled vertebrae can be judged, and what limits the others.

Users of automatic masks complain most of silent error: neighbours mixed, levels skipped or counted twice,
vertebrae cut off by the scan. Each check (`level_checks`, `row_checks`) yields findings in plain words with
the numbers that made them; a finding either stops a level from being assessed or warns.
"""

from __future__ import annotations

from collections.abc import Sequence

from spondyl.anatomy.levels import Region
from spondyl.imaging.gate import level_checks, row_checks
from spondyl.imaging.gate.level_checks import THICK, TOO_THICK, Finding
from spondyl.imaging.gate.measuring import Measured, measure
from spondyl.imaging.gate.metal import metal_mask
from spondyl.values.level_map import LevelMap
from spondyl.values.quality import LevelQuality, QualityReport
from spondyl.values.scan import CtScan

__all__ = ["THICK", "TOO_THICK", "check_levels", "is_too_thick", "metal_mask"]

_MEASURED_REGIONS = (Region.CERVICAL, Region.THORACIC, Region.LUMBAR)
_NOT_MEASURED = "the sacrum and coccyx are not measured in this version."


def check_levels(ct: CtScan, levels: LevelMap) -> QualityReport:
    """Every level of the map, from the head down, with why it can't be assessed or what limits it.

    `levels` must lie on the grid of `ct`. Nothing is removed from the mask.
    """
    if not ct.volume.same_grid(levels.labels):
        raise ValueError("the level map must lie on the CT's grid")
    everything = {level: measure(ct.volume, levels, level) for level in levels.levels}
    row = [entry for level, entry in everything.items() if level.region in _MEASURED_REGIONS]
    thickest_mm = max(*ct.volume.spacing_mm, ct.slice_thickness_mm or 0.0)
    findings = [
        *row_checks.order(row),
        *level_checks.bone(row),
        *level_checks.pieces(row),
        *level_checks.size(row),
        *row_checks.size_in_row(row),
        *row_checks.spacing(row),
        *row_checks.mixed_neighbours(row),
        *level_checks.metal(row),
        *level_checks.thickness(row, thickest_mm),
        *(Finding(level, doubt) for level, doubt in levels.doubts),
    ]
    return QualityReport(
        tuple(_judged(entry, findings) for entry in everything.values()),
        tuple(finding.text for finding in findings if finding.level is None),
    )


def is_too_thick(quality: LevelQuality) -> bool:
    """Whether the slices are too thick for a strength estimate of this level."""
    return any(warning.startswith(TOO_THICK) for warning in quality.warnings)


def _judged(entry: Measured, findings: Sequence[Finding]) -> LevelQuality:
    reasons = [finding.text for finding in findings if finding.level == entry.level and finding.stops]
    warnings = [finding.text for finding in findings if finding.level == entry.level and not finding.stops]
    if entry.level.region not in _MEASURED_REGIONS:
        reasons.append(_NOT_MEASURED)
    elif entry.is_cut and not reasons:
        warnings.append(f"it reaches the scan's {' and '.join(entry.edges)} edge, so that some of it may be cut off.")
    return LevelQuality(entry.level, not reasons, tuple(reasons), tuple(warnings), entry.is_cut, entry.metal_mm3)
