"""The endplate that a neighbour turns to a body, from the neighbour's mask alone: it may be cut by the scan, or be S1.

All that a joint shows lies in the neighbour's near half: the plate, and where its front and back wall meet it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame
from spondyl.vertebrae.alignment import Edge
from spondyl.vertebrae.endplates import line_ends
from spondyl.vertebrae.frame import Plane, Vector, fit_plane
from spondyl.vertebrae.shape import BodyShape
from spondyl.vertebrae.surface import BodySurface

FOOTPRINT = 0.62
"""Own choice: the plate is looked for over this share of the half width and half depth, within the rim."""
REACH_MM = 22.0
"""Own choice: how far off the plate may lie; the highest discs measure 15 mm (zhang2018disc)."""
INSIDE_MM = -3.0
"""Own choice: how far into the body the neighbour's plate may seem to reach: hollow and tilted plates."""
ROWS_MM = (1.5, 7.0)
"""Own choice: the neighbour's walls are read so far from its plate, off the rounded corner."""
ROW_STEP_MM, WALK_MM = 0.5, 0.5
MIDLINE_MM = 4.0
GAP_MM = 1.5
"""Own choice: a smaller hole in the mask is no wall."""
LEAST_ROWS = 4
WORST_FIT_MM = 1.6
"""Own choice: points that stray more than this (rms) from a plane are no endplate."""


def facing_edge(surface: BodySurface, shape: BodyShape, frame: Frame, neighbour: Volume, *, up: bool) -> Edge | None:
    """Of the neighbour above (`up`) or below; None where too little of it is seen. `neighbour`: its mask."""
    plate = _plate(surface, shape, frame, neighbour, up=up)
    if plate is None or plate.residual_mm > WORST_FIT_MM:
        return None
    middle_y = _middle_y(surface, shape)
    walls = _walls(plate, (shape.middle_x_mm, middle_y), frame, neighbour, 1.0 if up else -1.0)
    if walls is None:
        return None
    front, back = (np.array([shape.middle_x_mm, y, float(plate.at(shape.middle_x_mm, y))]) for y in walls)
    return Edge(frame.axes @ plate.normal, frame.to_lps(back), frame.to_lps(front))


def _middle_y(surface: BodySurface, shape: BodyShape) -> float:
    y = np.broadcast_to(surface.y_mm, surface.waist.shape)[surface.waist]
    return float(y.min() + y.max()) / 2 if len(y) else float(surface.centre_mm[1])


def _plate(surface: BodySurface, shape: BodyShape, frame: Frame, neighbour: Volume, *, up: bool) -> Plane | None:
    own = surface.upper if up else surface.lower
    if own is None or not neighbour.array.any():
        return None
    inside, outside = line_ends(neighbour, frame, up=not up)
    x, y, z = ((inside + outside) / 2).T
    away = (z - own.at(x, y)) * (1.0 if up else -1.0)
    keep = (
        (np.abs(x - shape.middle_x_mm) <= FOOTPRINT * shape.width_mm / 2)
        & (np.abs(y - _middle_y(surface, shape)) <= FOOTPRINT * shape.depth_mm / 2)
        & (away > INSIDE_MM)
        & (away < REACH_MM)
    )
    return fit_plane(x[keep], y[keep], z[keep])


def _walls(
    plate: Plane, start: tuple[float, float], frame: Frame, neighbour: Volume, outward: float
) -> tuple[float, float] | None:
    """y of the front and the back wall near the plate, in the midline: medians over rows and lines."""
    x0, y0 = start
    walk = np.arange(0.0, 40.0, WALK_MM)
    rows = np.arange(*ROWS_MM, ROW_STEP_MM)
    lines = x0 + np.linspace(-MIDLINE_MM, MIDLINE_MM, 5)
    found = []
    for towards in (-1.0, 1.0):
        y = y0 + towards * walk
        x, r, along = np.meshgrid(lines, rows, y, indexing="ij")
        z = plate.at(x, along) + outward * r
        held = _held(neighbour, frame.to_lps(np.stack([x, along, z], axis=-1)))
        ends = [_end(row, y) for row in held.reshape(-1, len(walk))]
        known = [end for end in ends if end is not None]
        if len(known) < LEAST_ROWS * len(lines) // 2:
            return None
        found.append(float(np.median(known)))
    return found[0], found[1]


def _end(row: NDArray[np.bool_], y: Vector) -> float | None:
    """Where bone ends along a row that begins in it; None for one that begins outside or never ends."""
    gap = max(1, round(GAP_MM / WALK_MM))
    if not row[:gap].any():
        return None
    empty = np.convolve(~row, np.ones(gap), "valid") == gap
    return float(y[int(np.argmax(empty))]) if empty.any() else None


def _held(mask: Volume, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    index = np.rint(mask.to_index(points.reshape(-1, 3))).astype(int)
    inside = np.all((index >= 0) & (index < mask.shape), axis=1)
    held = np.zeros(len(index), bool)
    held[inside] = mask.array[tuple(index[inside].T)]
    return held.reshape(points.shape[:-1])
