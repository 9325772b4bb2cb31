"""How a vertebra stands under the one above it: angles, and a step that the spine's curve does not explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.values.vertebra import Frame
from spondyl.vertebrae.frame import Vector, unit
from spondyl.vertebrae.shape import BodyShape
from spondyl.vertebrae.surface import BodySurface

CORNER_MM = 1.5
"""Own choice: so near an endplate the wall is rounded."""
LEAST_ROWS = 4
FOREMOST = 0.25
LEAN = 0.1
"""Own choice: tangent of 6 degrees to the body's axis."""
ROW_REACH = 4
"""Own choice: joints up to this many levels away tell the row's own step,"""
ENOUGH = 2
ROW_STEP_MM = 1.0
"""Own choice: which is no larger than this: depths grow by up to 2 mm a level (panjabi1991), half of it behind. Twice
as much is a slip and no part of the row."""


@dataclass(frozen=True, eq=False)
class Ends:
    """Where a body's posterior wall, half-way between its sides, meets its endplates. LPS mm."""

    frame: Frame
    upper_mm: Vector
    lower_mm: Vector


@dataclass(frozen=True)
class Alignment:
    """Of a level against the one above it; signs as in `values.vertebra.Geometry`, and to the left positive."""

    sagittal_deg: float
    coronal_deg: float
    translation_ap_mm: float
    translation_lr_mm: float


def ends(frame: Frame, surface: BodySurface, shape: BodyShape) -> Ends | None:
    """None when one of the endplates could not be fitted, or too little of the wall is seen."""
    if surface.upper is None or surface.lower is None:
        return None
    wall = wall_line(surface, shape.middle_x_mm)
    if wall is None:
        return None
    corners = []
    for plane in (surface.upper, surface.lower):
        x, y, z = shape.middle_x_mm, wall[0], 0.0
        for _ in range(3):  # the wall leans a little: two rounds bring its y and the plane's z together
            z = float(plane.at(x, y))
            y = wall[0] + wall[1] * z
        corners.append(frame.to_lps(np.array([x, y, z])))
    return Ends(frame, corners[0], corners[1])


def wall_line(surface: BodySurface, x_mm: float) -> tuple[float, float] | None:
    """y at z = 0 and slope of the posterior wall, the line with a quarter of its rows before it.

    A fragment in the canal stands behind the wall, so that the wall proper is among the foremost rows; nor does the
    wall lean more than an intact one, which stands upright on the lower endplate even of a wedged body.
    """
    assert surface.upper is not None
    assert surface.lower is not None
    seen = np.isfinite(surface.wall_y_mm)
    z, y = surface.z_mm[seen], surface.wall_y_mm[seen]
    off_corner = (z < surface.upper.at(x_mm, y) - CORNER_MM) & (z > surface.lower.at(x_mm, y) + CORNER_MM)
    z, y = z[off_corner], y[off_corner]
    if len(z) < LEAST_ROWS:
        return None
    slopes = np.linspace(-LEAN, max(LEAN, -surface.lower.slope_y), 25)
    turned = y - slopes[:, None] * z
    start = np.quantile(turned, FOREMOST, axis=1)
    off = turned - start[:, None]
    best = int(np.argmin(np.maximum(FOREMOST * off, (FOREMOST - 1) * off).sum(axis=1)))
    return float(start[best]), float(slopes[best])


def align(above: Ends, below: Ends) -> Alignment:
    """Angles between both bodies' axes in the lower one's planes, and the step from one posterior wall to the other.

    On a smoothly curved spine the disc space follows the bisector of both axes; only what departs from it is a
    translation, so neither kyphosis nor scoliosis counts as one. As in listhesis, the walls' corners are compared.
    """
    up = below.frame.axes.T @ above.frame.axes[:, 2]
    bisector = unit(above.frame.axes[:, 2] + below.frame.axes[:, 2])
    step = above.lower_mm - below.upper_mm
    step = step - (step @ bisector) * bisector
    x, y = (unit(axis - (axis @ bisector) * bisector) for axis in below.frame.axes.T[:2])
    return Alignment(
        sagittal_deg=float(np.degrees(np.arctan2(-up[1], up[2]))),
        coronal_deg=float(np.degrees(np.arctan2(up[0], up[2]))),
        translation_ap_mm=float(step @ y),
        translation_lr_mm=float(step @ x),
    )


def beyond_the_row(steps: Mapping[Level, Alignment]) -> dict[Level, Alignment]:
    """The same without the step from front to back that the row takes everywhere.

    Bodies grow downward, so that the walls of a row that runs straight through its bodies' middles step a little at
    each joint. What the joints beside one show alike, up to `ROW_STEP_MM`, is the spine's own.
    """
    found = {}
    for level, step in steps.items():
        beside = [
            other.translation_ap_mm
            for name, other in steps.items()
            if name is not level
            and abs(name.order - level.order) <= ROW_REACH
            and abs(other.translation_ap_mm) <= 2 * ROW_STEP_MM
        ]
        usual = float(np.clip(np.median(beside), -ROW_STEP_MM, ROW_STEP_MM)) if len(beside) >= ENOUGH else 0.0
        found[level] = replace(step, translation_ap_mm=step.translation_ap_mm - usual)
    return found
