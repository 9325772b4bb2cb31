"""The labels of cord, sac and tumour along the canal: sizes in every plane, and what free planes lead one to expect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spondyl.canal import escc
from spondyl.canal.escc import Known, Section
from spondyl.canal.sections import (
    SQUARE,
    Stack,
    along_rays,
    areas_mm2,
    covered,
    dent,
    depth_to_width,
    fluid_arc_shares,
    gap_mm,
    middle_of,
    outline_of,
    outlines_mm,
    radii_about,
    sampled,
    surface_points,
)
from spondyl.canal.surface import surface_of
from spondyl.canal.trace import REACH_MM
from spondyl.canal.tube import DIRECTIONS, PLANE_STEP_MM, RAYS, Array, Tube
from spondyl.core.volume import Volume

FREE_AREA_MM2 = 1.0
"""Own choice: a section with less tumour than this is free."""
FREE_AWAY_MM = 3.0
"""Own choice: and so far from one that is not, because sac and cord bend before they are touched."""
FREE_REACH_MM = 60.0
"""Own choice: free sections further away (two levels) say nothing of the size here."""
FREE_PLANES = 12
"""Own choice: the median of so many free sections on each side, half a level, so that voxels' steps even out."""
CURVE_PLANES = 6
"""Own choice: with fewer on one side a curve through both would hang on a slice or two."""
APART = 0.3
"""Own choice: a sac label that holds less of the cord than this was drawn around it (fluid only)."""
UNTOUCHED_MM = 1.5
"""Own choice: tumour nearer to the sac's border than a voxel or two may have moved it."""
UNTOUCHED_SHARE = 0.25
"""Own choice: a shorter part of the border says little of the whole sac's size."""


@dataclass(frozen=True)
class Labels:
    """Masks of cord, thecal sac and epidural tumour, None where not given."""

    cord: Volume | None
    sac: Volume | None
    epidural: Volume | None


@dataclass(frozen=True, eq=False)
class Course:
    """The labels in all planes of a stretch; nan where a label is not given or not there."""

    stack: Stack
    tumour_mm2: Array
    sac_mm2: Array
    cord_mm2: Array
    shape: Array
    """Cord's spread front to back over side to side."""
    middle: Array
    """Of the cord, left and back of the centreline, (n, 2)."""
    swallowed: Array
    """Share of the cord that the tumour label claims as well, (n,)."""
    out_of_canal: Array
    out_of_sac: Array
    own_sac_mm2: Array
    """Of the sac's label as it is given, whatever the others say, (n,)."""
    in_sac_mm2: Array
    """Of the tumour that lies in it, (n,)."""

    @cached_property
    def conus(self) -> int | None:
        """Lowest plane with cord; None without any."""
        planes = np.flatnonzero(self.cord_mm2 >= escc.rules().least_cord_mm2)
        return int(planes[0]) if planes.size else None

    @cached_property
    def untouched(self) -> NDArray[np.bool_]:
        """Planes that lie well away from any tumour."""
        step = round(FREE_AWAY_MM / PLANE_STEP_MM)
        here = np.nan_to_num(self.tumour_mm2) >= FREE_AREA_MM2
        return np.asarray(np.convolve(here, np.ones(2 * step + 1), mode="full")[step : step + here.size] == 0)

    def free(self, plane: int, sizes: Array) -> list[NDArray[np.intp]]:
        """The nearest free planes below and above in which `sizes` is known; a side without any is left out."""
        planes = np.flatnonzero(self.untouched & (sizes > 0))
        planes = planes[np.abs(planes - plane) * PLANE_STEP_MM <= FREE_REACH_MM]
        sides = (planes[planes < plane][-FREE_PLANES:], planes[planes > plane][:FREE_PLANES])
        return [side for side in sides if side.size]

    def expected(self, plane: int, sizes: Array) -> float | None:
        """On the curve through what the free planes below and above show; of one side its median; None without any."""
        sides = self.free(plane, sizes)
        if not sides:
            return None
        if len(sides) < 2 or min(side.size for side in sides) < CURVE_PLANES:
            at = [float(np.mean(side)) for side in sides]
            return float(np.interp(plane, at, [float(np.median(sizes[side])) for side in sides]))
        planes = np.concatenate(sides)
        return float(np.polynomial.Polynomial.fit(planes, sizes[planes], 2)(plane))


def course_of(tube: Tube, labels: Labels) -> Course:
    path = tube.path.centres_mm
    surfaces = [
        None if mask is None else surface_of([mask], path, REACH_MM, with_ends=True)
        for mask in (labels.cord, labels.sac, labels.epidural)
    ]
    cord, sac = (sampled(tube, surface, smooth=True) for surface in surfaces[:2])
    tumour = sampled(tube, surfaces[2], smooth=False)
    n = len(path)
    swallowed, out_of_canal, out_of_sac = np.zeros(n), np.zeros(n), np.zeros(n)
    own_sac, in_sac = np.zeros(n), np.zeros(n)
    canal = outlines_mm(tube)
    if tumour is not None:
        tumour = np.maximum(tumour, canal)
        if cord is not None:
            swallowed = _share(cord, tumour)
            tumour = np.maximum(tumour, -cord)
    if cord is not None:
        out_of_canal = np.where(tube.closed & (cord < 0).any(axis=(1, 2)), 1 - _share(cord, canal), 0.0)
    if sac is not None:
        own_sac = areas_mm2(sac)
        if tumour is not None:
            in_sac = areas_mm2(np.maximum(sac, tumour))
        if cord is not None:
            held = _share(cord, sac)
            both = (cord < 0).any(axis=(1, 2)) & (sac < 0).any(axis=(1, 2))
            # A label of the fluid alone holds no cord anywhere; then nothing can be said of what lies outside.
            if both.any() and np.median(held[both]) >= APART:
                out_of_sac = np.where(both, 1 - held, 0.0)
            sac = np.minimum(sac, cord)
        if tumour is not None:
            sac = np.maximum(sac, -tumour)
    voxel = max(surface.voxel_mm for surface in surfaces if surface is not None)
    canal_mm2 = np.where(tube.closed, tube.areas_mm2, tube.open_areas_mm2)
    stack = Stack(cord, sac, tumour, canal_mm2, voxel)
    shape = [np.nan] * n if cord is None else [depth_to_width(one) for one in cord]
    tumour_mm2, sac_mm2, cord_mm2 = (
        np.full(n, np.nan) if label is None else areas_mm2(label) for label in (tumour, sac, cord)
    )
    middle = np.full((n, 2), np.nan)
    for plane in np.flatnonzero(cord_mm2 > 0):
        middle[plane] = middle_of(cord[plane])  # type: ignore[index]
    return Course(
        stack,
        tumour_mm2,
        sac_mm2,
        cord_mm2,
        np.array(shape, dtype=float),
        middle,
        swallowed,
        out_of_canal,
        out_of_sac,
        own_sac,
        in_sac,
    )


def _share(inner: NDArray[np.float32], outer: NDArray[np.float32]) -> Array:
    """Share of one label that lies within another, in each plane; 0 where the first is absent."""
    both = ((inner < 0) & (outer < 0)).sum(axis=(1, 2))
    alone = (inner < 0).sum(axis=(1, 2))
    return np.asarray(both / np.maximum(alone, 1))


def section_of(course: Course, plane: int) -> Section:
    """Measures of one plane, each with what its labels' steps may make it wrong by."""
    stack = course.stack
    area = float(course.tumour_mm2[plane])
    tumour = Known(area, stack.wrong_mm2(float(np.sqrt(4 * np.pi * area))))
    if area < FREE_AREA_MM2 or stack.tumour_mm is None:
        return Section(tumour, None, None, None, None, None, None)
    # The border that tumour and sac, or tumour and cord, share: about half of the tumour's own circumference.
    border = 0.5 * float(np.sqrt(4 * np.pi * area))
    sac_loss = sac_loss_of(course, plane)
    sac = None if sac_loss is None else Known(sac_loss, stack.wrong_mm2(border) / float(course.sac_mm2[plane] + area))
    cord = None if stack.cord_mm is None else outline_of(stack.cord_mm[plane])
    if cord is None or stack.cord_mm is None:
        return Section(tumour, sac, None, None, None, None, None)
    cord_area = float(course.cord_mm2[plane])
    wrong = stack.wrong_mm2(float(np.sqrt(4 * np.pi * cord_area))) / cord_area
    half = stack.voxel_mm / 2
    fluid = None
    if stack.sac_mm is not None:
        limit = escc.rules().thresholds["fluid_mm"]
        less, as_is, more = fluid_arc_shares(
            stack.cord_mm[plane], stack.sac_mm[plane], (limit + half, limit, limit - half)
        )
        fluid = Known(as_is, max(as_is - less, more - as_is))
    return Section(
        tumour,
        sac,
        Known(gap_mm(cord, surface_points(stack.tumour_mm[plane])), half),
        _cord_share(course, plane, wrong),
        _cord_shape(course, plane, wrong),
        _cord_shift(course, plane, half / 2),
        fluid,
    )


def sac_loss_of(course: Course, plane: int) -> float | None:
    """Share of the sac that is missing where tumour lies; of its convex hull where no free plane shows its size."""
    sac = course.stack.sac_mm
    if sac is None or not course.sac_mm2[plane] > 0:
        return None if sac is None else 1.0
    loss = _missing(course, plane, sac)
    if loss is not None:
        return max(0.0, loss)
    outline = outline_of(sac[plane])
    return 0.0 if outline is None else dent(outline)


def _missing(course: Course, plane: int, sac: NDArray[np.float32]) -> float | None:
    """What tumour has taken of the outline that the free planes show; None without a free plane.

    Levels differ in size, so the outline is scaled to fit the border that no tumour touches; and only where tumour
    touches it is looked at, as all else is the labels' noise.
    """
    sides = course.free(plane, course.sac_mm2)
    if not sides:
        return None
    centres = np.array([np.median([middle_of(sac[p]) for p in side], axis=0) for side in sides])
    at = [float(np.mean(side)) for side in sides]
    centre = np.array([np.interp(plane, at, centres[:, axis]) for axis in (0, 1)])
    free = np.array(
        [
            np.median([radii_about(sac[p], where) for p in side], axis=0)
            for side, where in zip(sides, centres, strict=True)
        ]
    )
    usual = np.array([np.interp(plane, at, free[:, ray]) for ray in range(RAYS)])
    tumour = course.stack.tumour_mm
    if tumour is None:
        return 0.0
    # A label's distances end at a voxel or two: how far its surface is comes from the surface itself.
    ends = centre + usual[:, None] * DIRECTIONS
    away = cKDTree(surface_points(tumour[plane])).query(ends)[0]
    touched = (away < UNTOUCHED_MM) | (along_rays(tumour[plane], centre, usual) < 0)
    here = radii_about(sac[plane], centre)
    untouched = ~touched & (here > 0)
    if untouched.mean() >= UNTOUCHED_SHARE:
        usual = usual * float(here[untouched] @ usual[untouched] / (usual[untouched] @ usual[untouched]))
    off = SQUARE - centre
    ray = np.rint(np.arctan2(off[..., 1], off[..., 0]) / (2 * np.pi) * RAYS).astype(int) % RAYS
    whole = covered(np.hypot(off[..., 0], off[..., 1]) - usual[ray])
    gone = np.where(touched[ray], whole - covered(sac[plane]), np.minimum(whole, covered(tumour[plane])))
    return float(gone.sum() / whole.sum())


def _cord_share(course: Course, plane: int, wrong: float) -> Known | None:
    """The cord's area over what free planes show; None near the conus where they don't stand on both sides."""
    conus = course.conus
    near_end = conus is not None and conus > 0 and (plane - conus) * PLANE_STEP_MM < escc.rules().taper_mm
    if near_end and len(course.free(plane, course.cord_mm2)) < 2:
        return None
    expected = course.expected(plane, course.cord_mm2)
    return None if expected is None else Known(float(course.cord_mm2[plane]) / expected, wrong)


def _cord_shape(course: Course, plane: int, wrong: float) -> Known | None:
    """The cord's depth over width, over what free planes show, or the inverse of it: the smaller of both."""
    expected = course.expected(plane, course.shape)
    if expected is None or not np.isfinite(course.shape[plane]):
        return None
    share = float(course.shape[plane]) / expected
    return Known(min(share, 1 / share), wrong)


def _cord_shift(course: Course, plane: int, wrong: float) -> Known | None:
    """How far the cord's middle lies off the line between the free planes below and above; None without both."""
    sides = course.free(plane, course.cord_mm2)
    if len(sides) < 2 or not np.isfinite(course.middle[plane]).all():
        return None
    at = [float(np.mean(side)) for side in sides]
    ends = np.array([np.median(course.middle[side], axis=0) for side in sides])
    expected = [np.interp(plane, at, ends[:, axis]) for axis in (0, 1)]
    return Known(float(np.linalg.norm(course.middle[plane] - expected)), wrong)
