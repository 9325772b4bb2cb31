"""Surface of one vertebral body over a grid of columns along its own axis, to a fraction of a voxel."""

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
CENTRAL_SHARE = 0.7
"""Own choice: endplate planes are fitted inside this share of the half width and half depth, within the rim."""
WAIST_SHARE = 0.15
"""Own choice: a column belongs to the body between its walls when it reaches this share of the height above and
below mid-height; spurs, which leave from the rims, do not."""

MIDLINE_MM = 3.0
"""Own choice: the posterior wall is seen this far to either side of the body's middle, between the pedicles."""


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
    waist: NDArray[np.bool_]
    """Columns that run through mid-height."""
    filling: NDArray[np.float64]
    """How much of each column's part around mid-height is body, 0 to 1: half of it is the wall."""
    z_mm: Vector
    wall_y_mm: Vector
    """Back of the body at each z, near its midline; nan above and below it."""
    sd_mm: NDArray[np.float64] | None = None
    """Of the height of each column, as far as the voxels leave it open; None where no smooth plates were fitted."""
    slice_mm: float = 0.0
    """Voxel size along the body's axis, where smooth plates were fitted."""

    def side_walls_mm(self) -> tuple[Vector, Vector]:
        """Right and left wall (x) of each row of columns at mid-height; nan where there is none."""
        return _walls(self.filling, self.x_mm)

    def front_and_back_mm(self) -> tuple[Vector, Vector]:
        """Front and back wall (y) of each line of columns from side to side; nan where there is none."""
        return _walls(self.filling.T, self.y_mm)


def body_surface(body: Volume, frame: Frame) -> BodySurface:
    """Surface heights of a boolean body mask. Raises ValueError when the mask is empty."""
    grid = grid_around(body, frame, step_mm=STEP_MM, margin_mm=2 * STEP_MM)
    x, y, z = grid.coordinates_mm()
    filled = grid.sample(_smooth(body), outside=0.0)
    top, bottom = _crossing(filled, z), -_crossing(filled[:, :, ::-1], -z[::-1])
    centre = frame.to_local(body.to_lps(np.argwhere(body.array).mean(axis=0)))
    xs, ys = np.meshgrid(x, y, indexing="ij")
    inside = np.isfinite(top)
    # The mean of the longest tenth is steadier than the single longest row.
    width, depth = (float(np.sort(n)[-max(1, len(n) // 10) :].mean()) for n in (inside.sum(axis=0), inside.sum(axis=1)))
    central = (np.abs(xs - centre[0]) <= CENTRAL_SHARE * width * STEP_MM / 2) & (
        np.abs(ys - centre[1]) <= CENTRAL_SHARE * depth * STEP_MM / 2
    )
    midline = np.abs(x - centre[0]) <= MIDLINE_MM
    back = _wall_rows(filled[midline], y)
    seen = np.isfinite(back).any(axis=0)
    wall = np.full(len(z), np.nan)
    wall[seen] = np.nanmedian(back[:, seen], axis=0)
    upper, lower = (fit_plane(xs[central], ys[central], surface[central]) for surface in (top, bottom))
    if upper is None or lower is None:
        return BodySurface(x, y, top, bottom, upper, lower, centre, inside, 1.0 * inside, z, wall)
    high, low = upper.at(xs, ys), lower.at(xs, ys)
    middle, reach = (high + low) / 2, WAIST_SHARE * np.maximum(high - low, 0.0)
    with np.errstate(invalid="ignore"):
        waist = inside & (top > middle + reach) & (bottom < middle - reach)
    near = np.abs(z - middle[:, :, None]) <= np.maximum(reach, STEP_MM)[:, :, None]
    # One column beyond the waist holds the wall; what reaches further at mid-height only is the root of a process.
    near &= ndimage.binary_dilation(waist)[:, :, None]
    filling = (filled * near).sum(axis=2) / np.maximum(near.sum(axis=2), 1)
    return BodySurface(x, y, top, bottom, upper, lower, centre, waist, filling, z, wall)


def _wall_rows(filled: NDArray, y: Vector) -> NDArray[np.float64]:
    """Last crossing of one half along y, for each x and z."""
    return _crossing(filled.transpose(0, 2, 1), y)


def _walls(filling: NDArray, along: Vector) -> tuple[Vector, Vector]:
    """First and last place along axis 0 at which the filling crosses one half, for each entry of axis 1."""
    upper = _crossing(filling.T[None], along)[0]
    lower = -_crossing(filling.T[None, :, ::-1], -along[::-1])[0]
    return lower, upper


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
