"""Back and front of the bodies along the straightened spine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.segmentation.sampling import AIR_HU
from spondyl.segmentation.straight import BACK_MM, SIDE_MM, Straight
from spondyl.segmentation.tracking import track_line

MIDDLE_MM = 7
"""Own choice: half the width about the midline that walls are read in, where bodies are flattest."""
BACK_WALL_MM = (2, 15)
"""Of the bodies' back, in front of the canal's middle. Own choice: half of canals 4 to 30 mm deep."""
DEPTH_MM = (11, 46)
"""Of bodies from back to front. Own choice: C3 of a small woman to L5 of a tall man, with their osteophytes."""
SOFT_HU = 40.0
"""Of muscle; own choice for what lies outside the scan."""
RESTS_ON = 4
"""Own choice: mm at the ends of what is seen that walls are not read in."""


@dataclass(frozen=True, eq=False)
class Walls:
    back_mm: NDArray[np.float64]
    """(s,), in front of the canal's middle."""
    depth_mm: NDArray[np.float64]

    @property
    def middle_mm(self) -> NDArray[np.float64]:
        return self.back_mm + np.clip(0.5 * self.depth_mm, 6, 18)


def find_walls(straight: Straight) -> Walls:
    hu = straight.hu[:, :, SIDE_MM - MIDDLE_MM : SIDE_MM + MIDDLE_MM + 1]
    # The scan's edge is no wall.
    hu = np.where(hu <= AIR_HU, SOFT_HU, np.clip(hu, -150, 500))
    profile = ndimage.gaussian_filter(hu, (5, 1, 0)).mean(axis=2)
    rise = ndimage.gaussian_filter1d(profile, 1.0, axis=1, order=1)
    back = _back(rise)
    depth = _depth(profile, rise, back)
    known = ndimage.binary_erosion(straight.seen, iterations=RESTS_ON)
    if not known.any():
        known = straight.seen if straight.seen.any() else np.ones(len(back), bool)
    every, at = np.arange(len(back)), np.flatnonzero(known)
    return Walls(np.interp(every, at, back[at]), np.interp(every, at, depth[at]))


def _back(rise: NDArray[np.float32]) -> NDArray[np.float64]:
    """The steepest rise on the way forward."""
    low, high = (BACK_MM + mm for mm in BACK_WALL_MM)
    score = ndimage.gaussian_filter1d(rise[:, low:high], 6, axis=0) / 50
    return ndimage.gaussian_filter1d(track_line(score, reach=1, cost=0.3).astype(float), 6) + BACK_WALL_MM[0]


def _depth(profile: NDArray[np.float32], rise: NDArray[np.float32], back: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where it falls most steeply again and bone lies behind, tissue in front."""
    shortest, longest = DEPTH_MM
    depths = np.arange(shortest, longest)
    score = np.empty((len(back), len(depths)), np.float32)
    for s in range(len(back)):
        start = round(back[s]) + BACK_MM
        for n, depth in enumerate(depths):
            front = min(start + depth, profile.shape[1] - 5)
            inside = min(profile[s, start + 3 : front - 1].mean(), 350)
            outside = np.clip(profile[s, front + 1 : front + 5].mean(), -60, 350)
            score[s, n] = (
                min(-rise[s, front] / 40, 1.5) + (inside - outside) / 200 - 8e-4 * max(0.0, float(depth) - 30) ** 2
            )
    score = ndimage.gaussian_filter1d(score, 8, axis=0)
    return ndimage.gaussian_filter1d(track_line(score, reach=1, cost=1.0).astype(float), 8) + shortest
