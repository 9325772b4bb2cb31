"""Heights, width, depth and wedge of one vertebral body, to a fraction of a voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame
from spondyl.vertebrae.block import grid_around
from spondyl.vertebrae.frame import Plane, Vector, fit_line, fit_plane

STEP_MM = 1.0
"""Own choice: the columns on which heights are taken; their ends are found to a fraction of it."""
SLAB_SHARE = 0.15
"""Own choice: the mid-sagittal slab is this share of the body's width to either side (about 6 mm in L3)."""
CENTRAL_SHARE = 0.7
"""Own choice: endplate planes are fitted inside this share of the half width and half depth, within the rim."""
EDGE_SHARE = 0.05
"""Own choice: front and back height are read this share of the depth inside the wall, off the rounded corner,"""
EDGE_BAND = (0.08, 0.3)
"""Own choice: and from the line through the heights in this band of the depth, so that one spur can't set them."""
WAIST_SHARE = 0.15
"""Own choice: a column belongs to the body between its walls when it reaches this share of the height above and
below mid-height; spurs, which leave from the rims, do not."""
MIDDLE_BAND = (0.38, 0.62)
"""Own choice: the middle height is the median over this band of the depth."""


LEAST_HEIGHT_OVER_DEPTH = 0.65
"""Lowest ratio of posterior height to depth from T1 to L5 in panjabi1991 and panjabi1992 (T7 0.66, others to 0.76)."""
MIN_ROWS = 8
"""Fewer rows of columns than this (8 mm of depth) carry no front, middle and back."""


@dataclass(frozen=True, eq=False)
class BodySurface:
    """The body's upper and lower surface over a grid (x, y) in its frame; nan beside the body."""

    x_mm: Vector
    y_mm: Vector
    top_mm: NDArray[np.float64]
    bottom_mm: NDArray[np.float64]
    upper: Plane | None
    """Endplate planes through the central part."""
    lower: Plane | None
    centre_mm: Vector
    """Centre of the body's voxels, in the frame."""


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

    @property
    def arch_scale_mm(self) -> float:
        """The height that the arch goes with: the body's own unless that is crushed."""
        return max(self.height_mm, self.posterior_mm or 0.0, LEAST_HEIGHT_OVER_DEPTH * self.depth_mm)

    @property
    def heights_mm(self) -> tuple[float | None, float | None, float | None]:
        return self.anterior_mm, self.middle_mm, self.posterior_mm


def body_surface(body: Volume, frame: Frame) -> BodySurface:
    """Surface heights of a boolean body mask. Raises ValueError when the mask is empty."""
    grid = grid_around(body, frame, step_mm=STEP_MM, margin_mm=2 * STEP_MM)
    x, y, z = grid.coordinates_mm()
    filled = grid.sample(_smooth(body), outside=0.0)
    top, bottom = _crossing(filled, z), -_crossing(filled[:, :, ::-1], -z[::-1])
    centre = frame.to_local(body.to_lps(np.argwhere(body.array).mean(axis=0)))
    xs, ys = np.meshgrid(x, y, indexing="ij")
    width, depth = _extent(np.isfinite(top))
    central = (np.abs(xs - centre[0]) <= CENTRAL_SHARE * width / 2) & (
        np.abs(ys - centre[1]) <= CENTRAL_SHARE * depth / 2
    )
    planes = [fit_plane(xs[central], ys[central], surface[central]) for surface in (top, bottom)]
    return BodySurface(x, y, top, bottom, planes[0], planes[1], centre)


def measure_shape(surface: BodySurface) -> BodyShape:
    """Front, middle and back height in the mid-sagittal slab, width and depth between the walls, and the wedge."""
    waist = _waist(surface)
    width, depth = _extent(waist)
    overall = _overall_height(surface)
    middle_x = float(surface.x_mm[waist.any(axis=1)][[0, -1]].mean()) if waist.any() else float(surface.centre_mm[0])
    slab = np.abs(surface.x_mm - middle_x) <= SLAB_SHARE * width
    rows = waist[slab].sum(axis=0) > 0.5 * slab.sum()
    if rows.sum() < MIN_ROWS:
        return BodyShape(None, None, None, width, depth, None, middle_x, overall)
    y = surface.y_mm[rows]
    top, bottom = (np.nanmedian(s[slab][:, rows], axis=0) for s in (surface.top_mm, surface.bottom_mm))
    share = (y - y[0] + STEP_MM / 2) / (y[-1] - y[0] + STEP_MM)
    height = top - bottom
    middle = height[(share >= MIDDLE_BAND[0]) & (share <= MIDDLE_BAND[1])]
    inner = (share >= EDGE_BAND[0]) & (share <= 1 - EDGE_BAND[0])
    slopes = [fit_line(y[inner], s[inner])[0] for s in (top, bottom)]
    return BodyShape(
        anterior_mm=_height_at_edge(share, height),
        middle_mm=float(np.median(middle)),
        posterior_mm=_height_at_edge(1 - share, height),
        width_mm=width,
        depth_mm=float(y[-1] - y[0] + STEP_MM),
        wedge_deg=float(np.degrees(np.arctan(slopes[0]) - np.arctan(slopes[1]))),
        middle_x_mm=middle_x,
        height_mm=overall,
    )


def _waist(surface: BodySurface) -> NDArray[np.bool_]:
    """Columns (x, y) that run through mid-height."""
    inside = np.isfinite(surface.top_mm)
    if surface.upper is None or surface.lower is None:
        return inside
    xs, ys = np.meshgrid(surface.x_mm, surface.y_mm, indexing="ij")
    upper, lower = surface.upper.at(xs, ys), surface.lower.at(xs, ys)
    reach = WAIST_SHARE * np.maximum(upper - lower, 0.0)
    middle = (upper + lower) / 2
    with np.errstate(invalid="ignore"):
        return inside & (surface.top_mm > middle + reach) & (surface.bottom_mm < middle - reach)


def _height_at_edge(share: Vector, height: Vector) -> float:
    band = (share >= EDGE_BAND[0]) & (share <= EDGE_BAND[1])
    slope, at_wall = fit_line(share[band], height[band])
    return at_wall + slope * EDGE_SHARE


def _overall_height(surface: BodySurface) -> float:
    if surface.upper is None or surface.lower is None:
        return float(np.nanmax(surface.top_mm) - np.nanmin(surface.bottom_mm))
    x, y, _ = surface.centre_mm
    return float(surface.upper.at(x, y) - surface.lower.at(x, y))


def _extent(inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Width through the widest part and depth through the middle, from areas, so to a fraction of a column."""
    columns = inside.sum(axis=0)
    rows = inside.sum(axis=1)
    # The mean of the longest tenth is steadier than the single longest row.
    width, depth = (float(np.sort(n)[-max(1, len(n) // 10) :].mean()) * STEP_MM for n in (columns, rows))
    return width, depth


def _smooth(mask: Volume) -> Volume:
    """Blur by half the thickest voxel: the half level then runs through slices instead of along their faces."""
    sigma_mm = 0.5 * max(mask.spacing_mm)
    pad = int(np.ceil(3 * sigma_mm / min(mask.spacing_mm)))
    padded = np.pad(mask.array.astype(np.float32), pad)
    affine = mask.affine.copy()
    affine[:3, 3] = mask.to_lps((-pad, -pad, -pad))
    sigma = [sigma_mm / size for size in mask.spacing_mm]
    return Volume(ndimage.gaussian_filter(padded, sigma, mode="constant", truncate=3.0), affine, "mask")


def _crossing(filled: NDArray, z: Vector) -> NDArray[np.float64]:
    """Highest z of each column at which the filling falls through one half; nan where it never does."""
    inside = filled >= 0.5
    last = filled.shape[2] - 1 - np.argmax(inside[:, :, ::-1], axis=2)
    above = np.minimum(last + 1, filled.shape[2] - 1)
    here, there = (np.take_along_axis(filled, k[:, :, None], axis=2)[:, :, 0] for k in (last, above))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(here > there, (here - 0.5) / (here - there), 0.0)
    return np.where(inside.any(axis=2), z[last] + part * (z[1] - z[0]), np.nan)
