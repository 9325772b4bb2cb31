"""What the gate says of each vertebra."""

from __future__ import annotations

from dataclasses import dataclass

from spondyl.anatomy.levels import Level


@dataclass(frozen=True)
class LevelQuality:
    """`assessed` is False when the vertebra can't be judged; `reasons` then say why, in plain words."""

    level: Level
    assessed: bool
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """What limits an assessed vertebra: arch cut by the scan, metal nearby, thick voxels for mechanics."""
    cut_by_border: bool = False
    """Some of its voxels lie on the outermost slice of the scan."""
    metal_mm3: float = 0.0


@dataclass(frozen=True)
class QualityReport:
    levels: tuple[LevelQuality, ...]
    """From the head down."""
    notes: tuple[str, ...] = ()
    """What concerns the whole row: skipped or doubled names, order along the spine."""

    def of(self, level: Level) -> LevelQuality:
        return next(entry for entry in self.levels if entry.level == level)
