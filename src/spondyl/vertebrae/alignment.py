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
FRONT_MM = 5.0
"""Own choice: the front wall is seen this far to either side of the middle."""
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
class Edge:
    """One endplate half-way between the body's sides. LPS."""

    normal: Vector
    """Of the plane through it, upward; of length 1."""
    back_mm: Vector
    """Where the posterior wall meets it,"""
    front_mm: Vector
    """and the front wall."""


@dataclass(frozen=True, eq=False)
class Ends:
    frame: Frame
    upper: Edge
    lower: Edge
    slice_mm: float = 1.0
    """Longest side of the mask's voxels."""


@dataclass(frozen=True)
class Alignment:
    """Of a level against the one above it; signs as in `values.vertebra.Geometry`, and to the left positive."""

    sagittal_deg: float
    coronal_deg: float
    translation_ap_mm: float
    translation_lr_mm: float


def ends(frame: Frame, surface: BodySurface, shape: BodyShape, slice_mm: float = 1.0) -> Ends | None:
    """None when one of the endplates could not be fitted, or too little of the walls is seen."""
    if surface.upper is None or surface.lower is None:
        return None
    wall, front = wall_line(surface, shape.middle_x_mm), _front_mm(surface, shape)
    if wall is None or front is None:
        return None
    edges = []
    for plane in (surface.upper, surface.lower):
        x, y, z = shape.middle_x_mm, wall[0], 0.0
        for _ in range(3):  # the wall leans a little: two rounds bring its y and the plane's z together
            z = float(plane.at(x, y))
            y = wall[0] + wall[1] * z
        back, before = np.array([x, y, z]), np.array([x, front, float(plane.at(x, front))])
        edges.append(Edge(frame.axes @ plane.normal, frame.to_lps(back), frame.to_lps(before)))
    return Ends(frame, edges[0], edges[1], slice_mm)


def _front_mm(surface: BodySurface, shape: BodyShape) -> float | None:
    """y of the front wall at mid-height, near the middle."""
    front, _ = surface.front_and_back_mm()
    near = front[np.abs(surface.x_mm - shape.middle_x_mm) <= FRONT_MM]
    near = near[np.isfinite(near)]
    return float(np.median(near)) if len(near) else None


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
    """Angles between both bodies' axes in the lower one's planes, and the step from one body to the other."""
    up = below.frame.axes.T @ above.frame.axes[:, 2]
    bisector = unit(above.frame.axes[:, 2] + below.frame.axes[:, 2])
    ap, lr = step_mm(above.lower, below.upper, below.frame, bisector)
    return Alignment(
        sagittal_deg=float(np.degrees(np.arctan2(-up[1], up[2]))),
        coronal_deg=float(np.degrees(np.arctan2(up[0], up[2]))),
        translation_ap_mm=ap,
        translation_lr_mm=lr,
    )


def step_mm(above: Edge, below: Edge, frame: Frame, bisector: Vector) -> tuple[float, float]:
    """Backward and leftward step from the lower body's upper edge to the upper one's lower edge.

    On a smoothly curved spine the disc space follows the bisector of both axes; only what departs from it is a
    translation, so neither kyphosis nor scoliosis counts as one. As in listhesis the back corners are compared; and
    a body that slips takes its front with it, while a fragment in the canal leaves the front where it was.
    """
    x, y = (unit(axis - (axis @ bisector) * bisector) for axis in frame.axes.T[:2])
    back, front = above.back_mm - below.back_mm, above.front_mm - below.front_mm
    behind, before = float(back @ y), float(front @ y)
    ap = 0.0 if behind * before < 0 else min(behind, before, key=abs)
    return ap, float(back @ x)


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
