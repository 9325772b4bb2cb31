"""What the labels of cord, sac and epidural tumour show in each cross-section of the canal."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError, cKDTree
from skimage.measure import find_contours

from spondyl.canal.surface import Surface
from spondyl.canal.tube import ANGLES, DIRECTIONS, PIXEL_MM, Array, Tube

LINE = np.arange(-22.0, 22.0 + PIXEL_MM / 2, PIXEL_MM)
SQUARE = np.stack(np.meshgrid(LINE, LINE, indexing="ij"), axis=-1)
"""Points of a cross-section, (m, m, 2), in mm left and back of the centreline."""
WITHIN_MM = -99.0
"""Stands for 'inside' where only the other label's surface counts."""
SURE = 2.5
"""Own choice: what may be wrong is told as so many standard deviations."""
SMOOTH_VOXELS = 0.5
"""Own choice: and within a plane over about a voxel; over more, the ends of a flat cord would be rounded off."""
SMOOTH_PLANES = 1.0
"""Own choice: labels' steps are averaged along the canal over a few mm, shorter than any level."""
CHANGED = 0.05
"""Own choice: where averaging changes a label's size by more, the label is too thin for it and is left as it is."""
BINS = 72
"""Own choice: the circumference is told in steps of 5 degrees."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Distances to each label's surface in all planes, (n, m, m), negative inside; None where not given."""

    cord_mm: NDArray[np.float32] | None = field(repr=False)
    sac_mm: NDArray[np.float32] | None = field(repr=False)
    """Of what is left of the sac: without tumour, with the cord."""
    tumour_mm: NDArray[np.float32] | None = field(repr=False)
    """Within the canal's outline, without the cord."""
    canal_mm2: Array
    """Cross-section of the canal within its outline, nan where unknown."""
    voxel_mm: float

    def wrong_mm2(self, border_mm: float) -> float:
        """What a label's steps may make an area wrong by, along so much of its border.

        Each voxel of the border lies off by up to half a voxel, evenly and by itself.
        """
        return SURE * self.voxel_mm * float(np.sqrt(border_mm * self.voxel_mm / 12))


def covered(distance_mm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of each pixel that lies inside."""
    return np.clip(0.5 - distance_mm / PIXEL_MM, 0.0, 1.0)


def areas_mm2(distance_mm: NDArray[np.float32]) -> Array:
    """Cross-section of a label in each plane, (n,)."""
    return np.asarray(covered(distance_mm).sum(axis=(1, 2), dtype=float) * PIXEL_MM**2)


def sampled(tube: Tube, surface: Surface | None, *, smooth: bool) -> NDArray[np.float32] | None:
    """Distances to one label in all planes, (n, m, m).

    smooth: average a label's steps over a voxel, so that the smallest distance to it is not that of one step; for
    cord and sac, which are many voxels thick, and not for a thin layer of tumour.
    """
    if surface is None:
        return None
    found = np.stack([surface.outside_mm(tube.path.lps_mm(p, SQUARE)) for p in range(len(tube.path.centres_mm))])
    if not smooth:
        return found
    sigma = SMOOTH_VOXELS * surface.voxel_mm / PIXEL_MM
    even = ndimage.gaussian_filter(found, (SMOOTH_PLANES, sigma, sigma), mode="nearest")
    # Averaging lifts the distance to a round surface of radius r by sigma^2 / 2r; without this it would shrink.
    radius = np.sqrt(covered(even).sum(axis=(1, 2)) * PIXEL_MM**2 / np.pi)
    even -= ((SMOOTH_VOXELS * surface.voxel_mm) ** 2 / (2 * np.maximum(radius, surface.voxel_mm)))[:, None, None]
    before, after = areas_mm2(found), areas_mm2(even)
    thin = np.abs(after - before) > CHANGED * before
    return np.asarray(np.where(thin[:, None, None], found, even))


def outlines_mm(tube: Tube) -> NDArray[np.float32]:
    """How far each point lies outside of the canal's outline, along the ray; far inside where none is known."""
    found = np.full((len(tube.path.centres_mm), *SQUARE.shape[:2]), WITHIN_MM, np.float32)
    away, angle = np.hypot(SQUARE[..., 0], SQUARE[..., 1]), np.arctan2(SQUARE[..., 1], SQUARE[..., 0])
    for plane in range(len(found)):
        outline = tube.outline_mm(plane)
        if np.isfinite(outline).all():
            found[plane] = away - np.interp(angle, ANGLES, outline, period=2 * np.pi)
    return found


def outline_of(distance_mm: NDArray[np.float32]) -> Array | None:
    """The longest contour of a label in one plane, (k, 2) in mm; None where it is not there."""
    contours = _contours(distance_mm)
    return max(contours, key=len) if contours else None


def surface_points(distance_mm: NDArray[np.float32]) -> Array:
    """All contours of a label in one plane, (k, 2) in mm; of a layer thinner than a pixel its innermost pixels."""
    contours = _contours(distance_mm)
    if contours:
        return np.concatenate(contours)
    return np.asarray(SQUARE[distance_mm <= distance_mm.min() + PIXEL_MM / 2])


def _contours(distance_mm: NDArray[np.float32]) -> list[Array]:
    padded = np.pad(distance_mm, 1, constant_values=9.0)
    return [(contour - 1) * PIXEL_MM + LINE[0] for contour in find_contours(padded, 0.0)]


def dent(outline: Array) -> float:
    """Share of an outline's convex hull that lies outside of it."""
    x, y = outline[:, 0], outline[:, 1]
    area = 0.5 * abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()))
    try:
        hull = float(ConvexHull(outline).volume)  # qhull calls a polygon's area its volume
    except QhullError:
        return 0.0
    return max(0.0, 1 - area / hull) if hull > 0 else 0.0


def gap_mm(first: Array, second: Array) -> float:
    """Smallest distance between two outlines."""
    return float(cKDTree(first).query(second)[0].min())


def depth_to_width(distance_mm: NDArray[np.float32]) -> float | None:
    """Spread front to back over spread side to side of a label in one plane."""
    weight = covered(distance_mm)
    total = float(weight.sum())
    if total <= 0:
        return None
    x, y = SQUARE[..., 0], SQUARE[..., 1]
    mean_x, mean_y = (weight * x).sum() / total, (weight * y).sum() / total
    var_x, var_y = (weight * (x - mean_x) ** 2).sum(), (weight * (y - mean_y) ** 2).sum()
    return float(np.sqrt(var_y / var_x)) if var_x > 0 else None


def fluid_arc_shares(
    cord_mm: NDArray[np.float32], sac_mm: NDArray[np.float32], thickness_mm: tuple[float, ...]
) -> tuple[float, ...]:
    """Share of directions from the cord's middle with fluid at least so thick before it, for each thickness."""
    middle = middle_of(cord_mm)
    if middle is None:
        return tuple(0.0 for _ in thickness_mm)
    steps = np.arange(0.0, LINE[-1] - np.abs(middle).max(), PIXEL_MM / 2)
    value = _at(cord_mm, middle + steps[None, :, None] * DIRECTIONS[:, None, :])
    last = value.shape[1] - 1 - np.argmax(value[:, ::-1] < 0, axis=1)
    met = (value < 0).any(axis=1)
    rows = np.arange(len(value))
    inside, outside = value[rows, last], value[rows, np.minimum(last + 1, steps.size - 1)]
    edge = steps[last] + PIXEL_MM / 2 * np.clip(inside / np.minimum(inside - outside, -1e-6), 0, 1)
    edge = np.where(met, edge, 0.0)
    return tuple(float((along_rays(sac_mm, middle, edge + limit) < 0).mean()) for limit in thickness_mm)


def arc_deg(tumour_mm: NDArray[np.float32], middle: Array) -> float:
    """How much of the circumference around a point is faced by tumour."""
    points = SQUARE[tumour_mm < 0]
    return float(np.unique(_bins(points, middle)).size * 360 / BINS)


def middle_of(distance_mm: NDArray[np.float32]) -> Array | None:
    weight = covered(distance_mm)
    total = float(weight.sum())
    return None if total <= 0 else np.asarray((SQUARE * weight[..., None]).sum(axis=(0, 1)) / total)


def radii_about(distance_mm: NDArray[np.float32], centre: Array) -> Array:
    """Distance from a point within a label to its surface along each ray, (RAYS,)."""
    steps = np.arange(0.0, LINE[-1] - np.abs(centre).max(), PIXEL_MM / 2)
    value = _at(distance_mm, centre + steps[None, :, None] * DIRECTIONS[:, None, :])
    left = value >= 0
    first = np.where(left.any(axis=1), left.argmax(axis=1), steps.size - 1)
    rows = np.arange(len(value))
    before, after = value[rows, np.maximum(first - 1, 0)], value[rows, first]
    share = np.where(first > 0, np.clip(before / np.minimum(before - after, -1e-6), 0, 1), 0.0)
    return np.asarray(PIXEL_MM / 2 * (np.maximum(first - 1, 0) + share))


def along_rays(distance_mm: NDArray[np.float32], centre: Array, radii_mm: Array) -> Array:
    """A label's distance at the end of each ray, (RAYS,)."""
    return _at(distance_mm, centre + radii_mm[:, None] * DIRECTIONS)


def _at(distance_mm: NDArray[np.float32], points: Array) -> Array:
    index = np.moveaxis((points - LINE[0]) / PIXEL_MM, -1, 0)
    return np.asarray(ndimage.map_coordinates(distance_mm, index, order=1, mode="nearest", output=np.float64))


def _bins(points: Array, middle: Array) -> NDArray[np.intp]:
    angle = np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0])
    return np.asarray((angle / (2 * np.pi) * BINS).astype(np.intp) % BINS)
