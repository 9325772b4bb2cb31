"""Which voxel belongs to which vertebra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.memory import boxes_of
from spondyl.core.volume import Volume


@dataclass(frozen=True, eq=False)
class LevelMap:
    """Labels on the CT's grid; a voxel's value is the integer of its `Level`, 0 is none."""

    labels: Volume
    scheme: str
    """How the numbers were read: 'verse', 'totalsegmentator', 'dicom-seg', ..."""
    sha256: str = ""
    notes: tuple[str, ...] = ()
    doubts: tuple[tuple[Level | None, str], ...] = ()
    """What whoever made the labels says against single levels, or (None) against the whole row."""

    @cached_property
    def _boxes(self) -> dict[Level, tuple[slice, slice, slice]]:
        return {Level(n + 1): box for n, box in enumerate(boxes_of(self.labels.array)) if box is not None}

    @property
    def levels(self) -> tuple[Level, ...]:
        """Levels that own at least one voxel, from the head down."""
        return along_spine(self._boxes)

    def box(self, level: Level, margin_mm: float = 0.0) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Half-open index box around a level (start, stop), widened by a margin and clipped to the grid."""
        extra = [int(np.ceil(margin_mm / step)) for step in self.labels.spacing_mm]
        box = self._boxes[level]
        start = tuple(max(0, s.start - e) for s, e in zip(box, extra, strict=True))
        stop = tuple(min(n, s.stop + e) for s, e, n in zip(box, extra, self.labels.shape, strict=True))
        return start, stop

    def mask(self, level: Level, margin_mm: float = 0.0) -> Volume:
        """Boolean mask of one level, cropped to its box widened by a margin."""
        crop = self.labels.crop(*self.box(level, margin_mm))
        return Volume(crop.array == int(level), crop.affine, "mask")

    def points_lps_mm(self, level: Level) -> NDArray[np.float64]:
        """Voxel centres of one level in LPS mm, (n, 3)."""
        mask = self.mask(level)
        return mask.to_lps(np.argwhere(mask.array))
