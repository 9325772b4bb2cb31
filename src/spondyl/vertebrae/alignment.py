"""How a vertebra stands under the one above it: angles, and a step that the spine's curve does not explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.values.vertebra import Frame
from spondyl.vertebrae.frame import Vector, unit
from spondyl.vertebrae.landmarks import Landmarks
from spondyl.vertebrae.shape import BodyShape
from spondyl.vertebrae.surface import BodySurface


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


def ends(frame: Frame, surface: BodySurface, shape: BodyShape, marks: Landmarks) -> Ends | None:
    """None when one of the endplates could not be fitted."""
    if surface.upper is None or surface.lower is None:
        return None
    corners = []
    for plane in (surface.upper, surface.lower):
        x, y, z = shape.middle_x_mm, marks.wall_y_mm, 0.0
        for _ in range(3):  # the wall leans a little: two rounds bring its y and the plane's z together
            z = float(plane.at(x, y))
            y = float(marks.wall_at(np.array(z)))
        corners.append(frame.to_lps(np.array([x, y, z])))
    return Ends(frame, corners[0], corners[1])


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
