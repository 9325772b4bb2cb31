"""Heights, width, depth and wedge of one vertebral body, to a fraction of a voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame
from spondyl.vertebrae.block import grid_around
from spondyl.vertebrae.frame import Plane, Vector, fit_plane

STEP_MM = 1.0
"""Own choice: the columns on which heights are taken; their ends are found to a fraction of it."""
SLAB_SHARE = 0.15
"""Own choice: the mid-sagittal slab is this share of the body's width to either side (about 6 mm in L3)."""
CENTRAL_SHARE = 0.7
"""Own choice: endplate planes are fitted inside this share of the half width and half depth, within the rim."""
EDGE_SHARE = 0.05
"""Own choice: front and back heights are read this share of the depth inside the wall, off the rounded corner."""
EDGE_BAND = (0.05, 0.35)
"""Own choice: and are read from the line through the heights in this band, so that one spur can't set them."""
MIDDLE_BAND = (0.38, 0.62)
"""Own choice: the middle height is the median over this band of the depth."""


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


@dataclass(frozen=True, eq=False)
class BodyShape:
    """None is 'could not be measured'."""

    anterior_mm: float | None
    middle_mm: float | None
    posterior_mm: float | None
    width_mm: float
    depth_mm: float
    wedge_deg: float | None

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
    half = _extent(np.isfinite(top), x, y) / 2 * CENTRAL_SHARE
    central = (np.abs(xs - centre[0]) <= half[0]) & (np.abs(ys - centre[1]) <= half[1])
    planes = [fit_plane(xs[central], ys[central], surface[central]) for surface in (top, bottom)]
    return BodySurface(x, y, top, bottom, planes[0], planes[1], centre)


def measure_shape(surface: BodySurface) -> BodyShape:
    """Front, middle and back height in the mid-sagittal slab, width and depth at mid-height, and the wedge."""
    inside = np.isfinite(surface.top_mm)
    width, depth = _extent(inside, surface.x_mm, surface.y_mm)
    slab = np.abs(surface.x_mm - surface.centre_mm[0]) <= SLAB_SHARE * width
    rows = inside[slab].sum(axis=0) > 0.5 * slab.sum()
    if rows.sum() < 6:
        return BodyShape(None, None, None, width, depth, None)
    y = surface.y_mm[rows]
    top, bottom = (np.nanmedian(s[slab][:, rows], axis=0) for s in (surface.top_mm, surface.bottom_mm))
    share = (y - y[0] + STEP_MM / 2) / (y[-1] - y[0] + STEP_MM)
    height = top - bottom
    middle = height[(share >= MIDDLE_BAND[0]) & (share <= MIDDLE_BAND[1])]
    inner = (share >= EDGE_BAND[0]) & (share <= 1 - EDGE_BAND[0])
    slopes = [np.polyfit(y[inner], s[inner], 1)[0] for s in (top, bottom)]
    return BodyShape(
        anterior_mm=_height_at_edge(share, height),
        middle_mm=float(np.median(middle)),
        posterior_mm=_height_at_edge(1 - share, height),
        width_mm=width,
        depth_mm=float(y[-1] - y[0] + STEP_MM),
        wedge_deg=float(np.degrees(np.arctan(slopes[0]) - np.arctan(slopes[1]))),
    )


def _height_at_edge(share: Vector, height: Vector) -> float:
    band = (share >= EDGE_BAND[0]) & (share <= EDGE_BAND[1])
    slope, start = np.polyfit(share[band], height[band], 1)
    return float(start + slope * EDGE_SHARE)


def _extent(inside: NDArray[np.bool_], x: Vector, y: Vector) -> Vector:
    """Width through the widest part and depth through the middle, from areas, so to a fraction of a column."""
    columns = inside.sum(axis=0)
    rows = inside.sum(axis=1)
    # The mean of the longest tenth is steadier than the single longest row.
    return np.array([np.sort(n)[-max(1, len(n) // 10) :].mean() for n in (columns, rows)]) * STEP_MM


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
