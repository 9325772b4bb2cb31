"""What tells one level from another beside its neighbours: ribs, the sacrum's wings, and the body's measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.segmentation.rows import Span
from spondyl.segmentation.straight import BACK_MM, SIDE_MM, Straight

BONE_HU = 180.0
"""Own choice: above soft tissue with contrast medium in its veins, below the cortex of ribs."""
LEAST_SEEN = 0.5
"""Share of a box that must lie in the scan for its bone to be counted; own choice."""
FAR_MM = 44.0


@dataclass(frozen=True)
class Look:
    """Shares of bone are square roots, so that little and none differ; NaN where the scan does not show the place."""

    height: float
    """Log of mm, with the disc."""
    depth: float
    """Log of mm, of the body."""
    ratio: float
    """Half width over depth of the body."""
    near: float
    """Bone beside the body's upper half: rib heads and transverse processes. The side with less."""
    far: float
    """Bone some 45 to 55 mm to the side and behind the body: ribs."""
    wing: float
    """Bone that fills the place beside the body: the sacrum's wings."""


FEATURES = ("height", "depth", "ratio", "near", "far", "wing")


def looks(straight: Straight, row: Sequence[Span]) -> NDArray[np.float64]:
    """(levels, features), in the order of `FEATURES`."""
    bone = ndimage.gaussian_filter(np.clip(straight.hu, -100, 600), 0.7) > BONE_HU
    return np.array([astuple(_look(straight.hu, bone, span)) for span in row]).reshape(len(row), len(FEATURES))


def _look(hu: NDArray[np.float32], bone: NDArray[np.bool_], span: Span) -> Look:
    back, width = span.back_mm, span.half_width_mm

    def share(
        u: tuple[float, float], a: tuple[float, float], aside: tuple[float, float], *, anywhere: bool
    ) -> list[float]:
        low, high = (int(np.clip(span.middle_s_mm + part * span.height_mm, 0, len(hu))) for part in u)
        rows = slice(max(0, int(a[0]) + BACK_MM), max(0, int(a[1]) + BACK_MM))
        shares = []
        for side in (1, -1):
            ends = sorted(span.middle_l_mm + side * mm for mm in aside)
            box = (slice(low, high), rows, slice(*(max(0, int(end) + SIDE_MM) for end in ends)))
            if hu[box].size == 0 or (hu[box] > -900).mean() < LEAST_SEEN:
                shares.append(np.nan)
            else:
                shares.append(float((bone[box].any(axis=0) if anywhere else bone[box]).mean()))
        return shares

    near = share((0.05, 0.6), (back - 4, back + 9), (width + 3, width + 15), anywhere=True)
    far = share((-0.5, 0.5), (-45, 20), (min(width + 24, FAR_MM), SIDE_MM), anywhere=True)
    wing = share((-0.4, 0.4), (back - 5, back + 15), (width + 4, width + 22), anywhere=False)
    return Look(
        height=float(np.log(span.height_mm)),
        depth=float(np.log(span.depth_mm)),
        ratio=width / span.depth_mm,
        near=float(np.sqrt(min(near))) if np.isfinite(near).all() else np.nan,
        far=float(np.sqrt(min(far))) if np.isfinite(far).all() else np.nan,
        wing=float(np.sqrt(min(wing))) if np.isfinite(wing).all() else np.nan,
    )
