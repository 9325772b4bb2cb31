"""Heights, width, depth and wedge of one vertebral body, to a fraction of a voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.vertebrae.frame import Vector, fit_line
from spondyl.vertebrae.surface import BodySurface

SLAB_SHARE = 0.15
"""Own choice: the mid-sagittal slab is this share of the body's width to either side (about 6 mm in L3)."""
EDGE_SHARE = 0.05
"""Own choice: front and back height are read this share of the depth inside the wall, off the rounded corner,"""
EDGE_BAND = (0.04, 0.42)
"""Own choice: and from the parabola through the heights in this band of the depth: no spur can set them, and a
hollow endplate still rises to its rim."""
WIDTH_BAND = (0.2, 0.55)
"""Own choice: the width is read in this band of the depth, before the roots of pedicles and processes."""
MIDDLE_BAND = (0.38, 0.62)
"""Own choice: the middle height is the median over this band of the depth."""
WEDGE_BAND = (0.08, 0.92)
"""Own choice: the wedge is taken between the lines through both endplates in this band of the depth."""
LEAST_HEIGHT_OVER_DEPTH = 0.65
"""Lowest ratio of posterior height to depth from T1 to L5 in panjabi1991 and panjabi1992 (T7 0.66, others to 0.76)."""
READING_SD_MM = 0.2
"""Own choice: what remains between a smooth surface and a body's own, however thin the slices."""
EDGE_SD_SLICES = 0.2
"""Own choice: further error of front and back height in slices. At the walls the rounded rim bounds the plate from one
side only, and what bounds there are do not tell it. With it the errors on tuning phantoms are as large as told, in
slices of 1 mm and of 2.5 mm; without it half as large again."""
MIN_ROWS = 8
"""Fewer rows of columns than this (8 mm of depth) carry no front, middle and back."""


@dataclass(frozen=True)
class BodyShape:
    """None is 'could not be measured'."""

    anterior_mm: float | None
    middle_mm: float | None
    posterior_mm: float | None
    width_mm: float
    depth_mm: float
    wedge_deg: float | None
    middle_x_mm: float
    """Half-way between the side walls, in the frame."""

    height_mm: float
    """Between the endplate planes at the centre, or from end to end where they could not be fitted."""

    sd_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of front, middle and back height, by what the voxels leave open."""

    @property
    def arch_scale_mm(self) -> float:
        """The height that the arch goes with: the body's own unless that is crushed."""
        return max(self.height_mm, self.posterior_mm or 0.0, LEAST_HEIGHT_OVER_DEPTH * self.depth_mm)

    @property
    def heights_mm(self) -> tuple[float | None, float | None, float | None]:
        return self.anterior_mm, self.middle_mm, self.posterior_mm


def measure_shape(surface: BodySurface) -> BodyShape:
    """Front, middle and back height in the mid-sagittal slab, width and depth between the walls, and the wedge."""
    middle_x, width = _across(surface)
    slab = np.abs(surface.x_mm - middle_x) <= SLAB_SHARE * width
    front, back = (float(np.nanmedian(wall[slab])) for wall in surface.front_and_back_mm())
    overall = _overall_height(surface)
    rows = surface.waist[slab].sum(axis=0) > 0.5 * slab.sum()
    if rows.sum() < MIN_ROWS or not back > front:
        return BodyShape(None, None, None, width, _along(surface), None, middle_x, overall)
    y = surface.y_mm[rows]
    top, bottom = (np.nanmedian(s[slab][:, rows], axis=0) for s in (surface.top_mm, surface.bottom_mm))
    share = (y - front) / (back - front)
    height = top - bottom
    middle = height[(share >= MIDDLE_BAND[0]) & (share <= MIDDLE_BAND[1])]
    inner = (share >= WEDGE_BAND[0]) & (share <= WEDGE_BAND[1])
    slopes = [fit_line(y[inner], s[inner])[0] for s in (top, bottom)]
    return BodyShape(
        anterior_mm=_at_wall(share, height),
        middle_mm=float(np.median(middle)),
        posterior_mm=_at_wall(1 - share, height),
        width_mm=width,
        depth_mm=back - front,
        wedge_deg=float(np.degrees(np.arctan(slopes[0]) - np.arctan(slopes[1]))),
        middle_x_mm=middle_x,
        height_mm=overall,
        sd_mm=_open(surface, slab, rows, share),
    )


def _open(
    surface: BodySurface, slab: NDArray[np.bool_], rows: NDArray[np.bool_], share: Vector
) -> tuple[float, float, float]:
    """By how much voxels leave front, middle and back height open."""
    if surface.sd_mm is None:
        return 0.0, 0.0, 0.0
    along = np.median(surface.sd_mm[slab][:, rows], axis=0)
    edge = EDGE_BAND[1] / 2
    bands = share <= edge, (share >= MIDDLE_BAND[0]) & (share <= MIDDLE_BAND[1]), share >= 1 - edge
    front, middle, back = (float(np.hypot(READING_SD_MM, np.median(along[band]))) for band in bands)
    at_edge = EDGE_SD_SLICES * surface.slice_mm
    return float(np.hypot(front, at_edge)), middle, float(np.hypot(back, at_edge))


def _at_wall(share: Vector, height: Vector) -> float | None:
    """Height just inside the wall (share 0), by a parabola with one round of trimming."""
    keep = (share >= EDGE_BAND[0]) & (share <= EDGE_BAND[1]) & np.isfinite(height)
    if keep.sum() < 4:
        return None
    for _ in range(2):
        terms = np.stack([np.ones(int(keep.sum())), share[keep], share[keep] ** 2])
        moments = np.array([[float(np.sum(p * q)) for q in terms] for p in terms])
        at_zero, slope, bend = np.linalg.solve(moments, [float(np.sum(p * height[keep])) for p in terms]).tolist()
        off = np.abs(height - (at_zero + slope * share + bend * share**2))
        keep &= off <= max(2.5 * 1.4826 * float(np.median(off[keep])), 0.3)
    return float(at_zero + slope * EDGE_SHARE + bend * EDGE_SHARE**2)


def _across(surface: BodySurface) -> tuple[float, float]:
    """Middle between the side walls, and the width through the widest rows."""
    right, left = surface.side_walls_mm()
    width = left - right
    rows = np.flatnonzero(np.isfinite(width) & surface.waist.any(axis=0))
    if not len(rows):
        return float(surface.centre_mm[0]), 0.0
    share = (rows - rows[0]) / max(rows[-1] - rows[0], 1)
    rows = rows[(share >= WIDTH_BAND[0]) & (share <= WIDTH_BAND[1])]
    # Nine tenths up the rows' widths: steadier than the single widest row.
    widest = rows[width[rows] >= np.percentile(width[rows], 80)]
    return float(np.mean((left + right)[widest]) / 2), float(np.percentile(width[rows], 90))


def _along(surface: BodySurface) -> float:
    front, back = surface.front_and_back_mm()
    depth = np.sort((back - front)[np.isfinite(back - front)])
    return float(depth[-max(1, len(depth) // 10) :].mean()) if len(depth) else 0.0


def _overall_height(surface: BodySurface) -> float:
    if surface.upper is None or surface.lower is None:
        return float(np.nanmax(surface.top_mm) - np.nanmin(surface.bottom_mm))
    x, y, _ = surface.centre_mm
    return float(surface.upper.at(x, y) - surface.lower.at(x, y))
