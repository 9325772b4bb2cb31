"""What of a body's form tells a fracture from its look-alikes: hollows and pits of the endplates, the back wall."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.values.vertebra import BodyForm, Endplate, EndplatePit, Frame
from spondyl.vertebrae.endplates import RIM_MM
from spondyl.vertebrae.frame import Vector
from spondyl.vertebrae.shape import SLAB_SHARE, BodyShape
from spondyl.vertebrae.surface import STEP_MM, BodySurface

WALL_ENDS = (0.12, 0.3)
"""Own choice: the wall's ends are its median places in this band of the height off each corner, which is rounded."""
WALL_MIDDLE = (1 / 3, 2 / 3)
RIM_BAND = (0.05, 0.15)
"""Own choice: where an endplate's front and back end are read, as a share of the depth from the wall."""
MIDDLE_BAND = (0.4, 0.6)
BOW_BAND = (0.55, 0.9)
"""Own choice: the paired hollows of cupid's bow lie in the back half of the plate (dietz1976),"""
BOW_ASIDE = (0.12, 0.32)
"""Own choice: and so far from the midline, as a share of the width."""
PIT_MM = 2.0
"""Own choice: a dent as deep as this, and deeper than a slice is thick, is a pit; shallower ones are reading."""
PIT_EDGE_SHARE = 0.5
"""Own choice: a pit reaches to half its least depth."""
PIT_AREA_MM2 = 12.0
PIT_PLATE_SHARE = 0.3
"""Own choice: smaller than this is a crumb, and what holds more of the plate is a depressed endplate, no pit."""


def body_form(
    raw: BodySurface, smooth: BodySurface | None, shape: BodyShape, frame: Frame, voxel_mm: float
) -> BodyForm:
    """Without what the neighbours tell. `voxel_mm` is the longest side of the mask's voxels."""
    convexity = wall_convexity_mm(raw)
    if smooth is None or shape.anterior_mm is None:
        return BodyForm(wall_convexity_mm=convexity)
    upper = _endplate(raw.top_mm, smooth.top_mm, raw, shape, frame, voxel_mm, 1.0)
    lower = _endplate(raw.bottom_mm, smooth.bottom_mm, raw, shape, frame, voxel_mm, -1.0)
    return BodyForm(upper=upper, lower=lower, wall_convexity_mm=convexity)


def wall_convexity_mm(surface: BodySurface) -> float | None:
    """See `BodyForm.wall_convexity_mm`; None where too little of the wall is seen."""
    seen = np.isfinite(surface.wall_y_mm)
    if surface.upper is None or surface.lower is None or seen.sum() < 8:
        return None
    z, y = surface.z_mm[seen], surface.wall_y_mm[seen]
    x = float(surface.centre_mm[0])
    back = float(np.median(y))
    low, high = float(surface.lower.at(x, back)), float(surface.upper.at(x, back))
    share = (z - low) / (high - low) if high > low else np.full(len(z), np.nan)
    ends = [
        (share >= WALL_ENDS[0]) & (share <= WALL_ENDS[1]),
        (share >= 1 - WALL_ENDS[1]) & (share <= 1 - WALL_ENDS[0]),
    ]
    middle = (share >= WALL_MIDDLE[0]) & (share <= WALL_MIDDLE[1])
    if not (ends[0].any() and ends[1].any() and middle.any()):
        return None
    (z0, y0), (z1, y1) = ((float(np.mean(z[end])), float(np.median(y[end]))) for end in ends)
    chord = y0 + (y1 - y0) * (z[middle] - z0) / (z1 - z0)
    return float(np.mean(y[middle] - chord))


def _endplate(
    raw: NDArray[np.float64],
    smooth: NDArray[np.float64],
    surface: BodySurface,
    shape: BodyShape,
    frame: Frame,
    voxel_mm: float,
    outward: float,
) -> Endplate | None:
    """None where a stretch of the plate that it takes is not seen."""
    front, back = surface.front_and_back_mm()
    slab = np.abs(surface.x_mm - shape.middle_x_mm) <= SLAB_SHARE * shape.width_mm
    y0, y1 = float(np.nanmedian(front[slab])), float(np.nanmedian(back[slab]))
    along = (surface.y_mm - y0) / (y1 - y0)
    aside = (surface.x_mm - shape.middle_x_mm) / shape.width_mm

    def level(plate: NDArray[np.float64], x: NDArray[np.bool_], band: tuple[float, float]) -> float:
        y = (along >= band[0]) & (along <= band[1])
        values = plate[np.ix_(x, y)]
        values = values[np.isfinite(values)]
        return outward * float(np.median(values)) if len(values) else np.nan

    midline = np.abs(aside) <= SLAB_SHARE
    rim = (level(smooth, midline, RIM_BAND) + level(smooth, midline, (1 - RIM_BAND[1], 1 - RIM_BAND[0]))) / 2
    sides = [(aside * sign >= BOW_ASIDE[0]) & (aside * sign <= BOW_ASIDE[1]) for sign in (1, -1)]
    centre = level(raw, np.abs(aside) <= BOW_ASIDE[0] / 2, BOW_BAND)
    hollow = rim - level(smooth, midline, MIDDLE_BAND)
    beside = min(centre - level(raw, side, BOW_BAND) for side in sides)
    if not np.isfinite([hollow, beside]).all():
        return None
    pits = _pits(outward * (smooth - raw), surface, voxel_mm, lambda i, j: _place(surface, frame, raw, i, j))
    return Endplate(hollow_mm=hollow, beside_midline_mm=beside, pits=pits)


def _place(surface: BodySurface, frame: Frame, raw: NDArray, i: Vector, j: Vector) -> Vector:
    columns = np.rint(i).astype(int), np.rint(j).astype(int)
    return frame.to_lps(np.array([surface.x_mm[columns[0]], surface.y_mm[columns[1]], raw[columns]]))


def _pits(
    dent_mm: NDArray[np.float64],
    surface: BodySurface,
    voxel_mm: float,
    place: Callable[[Vector, Vector], Vector],
) -> tuple[EndplatePit, ...]:
    """Dents off the smooth plate, away from its rim."""
    inner = ndimage.binary_erosion(surface.waist, iterations=RIM_MM)
    least = max(PIT_MM, voxel_mm)
    with np.errstate(invalid="ignore"):
        deep = inner & (dent_mm >= PIT_EDGE_SHARE * least)
    labels, count = ndimage.label(deep)
    found = []
    for n in range(1, count + 1):
        i, j = np.nonzero(labels == n)
        depth, area = float(dent_mm[i, j].max()), len(i) * STEP_MM**2
        share = len(i) / int(inner.sum())
        if depth >= least and area >= PIT_AREA_MM2 and share <= PIT_PLATE_SHARE:
            deepest = int(np.argmax(dent_mm[i, j]))
            x, y, z = place(i[deepest], j[deepest]).tolist()
            found.append(EndplatePit(depth, area, share, (x, y, z)))
    return tuple(found)
