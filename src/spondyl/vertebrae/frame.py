"""Where a vertebra lies on the spine and how it is turned: first from the row, then from its own endplates."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame

Vector = NDArray[np.float64]

SEED_STEP_MM = 1.5
"""Own choice: an in-plane step that still shows a body's core (radius 8 mm or more) well."""
CORE_SHARE = 0.6
"""Own choice: the core of a slice is what lies deeper than this share of the deepest point."""
BODY_LEFT = 0.5
"""Own choice: holes before the vertebra's centre are filled only where the thickest place without is less than this
share of that with them: a void through a whole body leaves its rim (0.4 at most), while the canal, which lies before
the centre of a vertebra with long processes, leaves the whole body (0.6 and more)."""
BACK_WEIGHTS = {0: 1.0, 1: 0.9, 2: 0.4}
"""Own choice: by distance along the row, so that a lost half arch can't turn its own vertebra."""
ARCH_SHARE = 0.6
"""Own choice: at the scan's border, what is thinner than this share of the next level's body is a piece of arch."""
ENDPLATE_RESIDUAL_MM = 2.0
"""Own choice: an endplate whose points stray more than this (rms) from a plane does not turn the frame."""
ENDPLATE_TURN_DEG = 25.0
"""Own choice: endplates turned further than this from the row are not believed."""


@dataclass(frozen=True, eq=False)
class Seed:
    """A first look at one vertebra: the core of its body and where the rest of it lies. LPS mm."""

    centre_mm: Vector
    back: Vector
    radius_mm: float
    """Of the largest circle that fits into an axial slice of the body."""


@dataclass(frozen=True, eq=False)
class Course:
    """One vertebra's place in the row: a point in its body, unit vectors up the spine and to the back (LPS)."""

    centre_mm: Vector
    up: Vector
    back: Vector
    radius_mm: float
    from_row: bool
    """False when there was no other vertebra to give the direction, so that `up` is the scan's own."""

    def frame(self) -> Frame:
        return frame_from(self.centre_mm, self.up, self.back)


def frame_from(origin_mm: Vector, up: Vector, back: Vector) -> Frame:
    """Right-handed frame with z along `up` and y as close to `back` as it can be."""
    z = unit(up)
    y = unit(back - (back @ z) * z)
    return Frame(np.asarray(origin_mm, dtype=np.float64), np.column_stack([np.cross(y, z), y, z]))


def unit(vector: Vector) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)


def body_seed(mask: Volume) -> Seed | None:
    """The core of the body: the thickest place of the axial slices. None for an empty mask or one without depth.

    Axial thickness finds the body in a crushed vertebra too, which can be lower than its processes are thick.
    """
    step = [max(1, round(SEED_STEP_MM / size)) for size in mask.spacing_mm[:2]]
    thin = mask.array[:: step[0], :: step[1], :]
    if not thin.any():
        return None
    spacing = mask.spacing_mm[0] * step[0], mask.spacing_mm[1] * step[1]
    depth, filled = _axial_depth(thin, spacing), _without_voids(thin)
    in_filled = _axial_depth(filled, spacing)
    if depth.max() < BODY_LEFT * in_filled.max():
        thin, depth = filled, in_filled
    cores, count = ndimage.label(depth > CORE_SHARE * depth.max())
    sizes = ndimage.sum_labels(depth, cores, np.arange(1, count + 1))
    core = np.argwhere(cores == 1 + int(np.argmax(sizes)))
    centre = mask.to_lps(core.mean(axis=0) * [*step, 1])
    rest = mask.to_lps(np.argwhere(thin).mean(axis=0) * [*step, 1])
    if np.linalg.norm(rest - centre) < 1e-6:
        return None
    return Seed(centre, rest - centre, float(depth.max()))


def _axial_depth(mask: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Distance to the edge within each axial slice."""
    # A slice distance far beyond the crop makes the 3D transform a stack of 2D ones.
    sampling = (*spacing_mm, 1e6)
    padded = np.pad(mask, ((1, 1), (1, 1), (0, 0)))
    return np.asarray(ndimage.distance_transform_edt(padded, sampling)[1:-1, 1:-1, :])


def _without_voids(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Holes of the axial slices filled where they lie before the vertebra's centre."""
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[:, 1, 1] = in_plane[1, :, 1] = True
    holes, count = ndimage.label(np.pad(~mask, ((1, 1), (1, 1), (0, 0)), constant_values=True), in_plane)
    inner = np.setdiff1d(np.arange(1, count + 1), np.unique(holes[[0, -1]]))
    middle = np.argwhere(mask)[:, 1].mean() + 1
    if not len(inner):
        return mask
    rows = np.array(ndimage.center_of_mass(holes > 0, holes, inner))[:, 1]
    return mask | np.isin(holes[1:-1, 1:-1], inner[rows < middle])


def without_body(seeds: Mapping[Level, Seed], cut: Collection[Level]) -> list[Level]:
    """Those of the cut levels of which only arch is in the scan: the row would bend through its spinous process."""
    row = along_spine(seeds)
    found = []
    for n, level in enumerate(row):
        near = [seeds[row[m]].radius_mm for m in (n - 1, n + 1) if 0 <= m < len(row)]
        if level in cut and near and seeds[level].radius_mm < ARCH_SHARE * max(near):
            found.append(level)
    return found


def courses(seeds: Mapping[Level, Seed]) -> dict[Level, Course]:
    """Direction of the spine at each seed, from the curve through all of them; at the row's ends by its parabola.

    A gap in the row does no harm: the curve is followed by its length, not by count.
    """
    row = along_spine(seeds)
    centres = np.array([seeds[level].centre_mm for level in row])
    if len(row) == 1:
        up = np.array([[0.0, 0.0, 1.0]])
    else:
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(centres, axis=0), axis=1))])
        up = -np.gradient(centres, length, axis=0, edge_order=2 if len(row) > 2 else 1)
    up = up / np.linalg.norm(up, axis=1, keepdims=True)
    backs = np.array([seeds[level].back for level in row])
    backs -= (backs * up).sum(axis=1, keepdims=True) * up
    backs /= np.maximum(np.linalg.norm(backs, axis=1, keepdims=True), 1e-9)
    found = {}
    for n, level in enumerate(row):
        back = np.zeros(3)
        for m in range(max(0, n - 2), min(len(row), n + 3)):
            back += BACK_WEIGHTS[abs(m - n)] * backs[m]
        back -= (back @ up[n]) * up[n]
        # Copies: a course must not change its last digits by travelling to another process.
        found[level] = Course(
            centres[n].copy(), up[n].copy(), unit(back), seeds[level].radius_mm, from_row=len(row) > 1
        )
    return found


@dataclass(frozen=True, eq=False)
class Plane:
    """z = height + slope_x * x + slope_y * y in a frame's coordinates, and how well it fits."""

    height_mm: float
    slope_x: float
    slope_y: float
    residual_mm: float

    @property
    def normal(self) -> Vector:
        return unit(np.array([-self.slope_x, -self.slope_y, 1.0]))

    def at(self, x_mm: Vector | float, y_mm: Vector | float) -> Vector:
        return np.asarray(self.height_mm + self.slope_x * x_mm + self.slope_y * y_mm)


def fit_plane(x_mm: Vector, y_mm: Vector, z_mm: Vector) -> Plane | None:
    """Least squares with three rounds of trimming, for rims and spurs. None with fewer than 12 points."""
    keep = np.isfinite(z_mm)
    if keep.sum() < 12:
        return None
    off = np.zeros_like(z_mm)
    for _ in range(3):
        # Normal equations from plain sums: unlike a decomposition, the same to the last digit on any machine's threads.
        terms = (np.ones(int(keep.sum())), x_mm[keep], y_mm[keep])
        moments = np.array([[float(np.sum(p * q)) for q in terms] for p in terms])
        height, slope_x, slope_y = np.linalg.solve(moments, [float(np.sum(p * z_mm[keep])) for p in terms]).tolist()
        off = np.abs(z_mm - (height + slope_x * x_mm + slope_y * y_mm))
        limit = max(2.5 * 1.4826 * float(np.median(off[keep])), 0.3)
        keep = np.isfinite(z_mm) & (np.nan_to_num(off, nan=np.inf) <= limit)
    residual = float(np.sqrt(np.mean(off[keep] ** 2)))
    return Plane(height, slope_x, slope_y, residual)


def fit_line(x: Vector, y: Vector) -> tuple[float, float]:
    """Slope and value at x = 0 of the least-squares line."""
    dx, dy = x - x.mean(), y - y.mean()
    slope = float(np.sum(dx * dy) / np.sum(dx * dx))
    return slope, float(y.mean() - slope * x.mean())


def axis_from_endplates(upper: Plane | None, lower: Plane | None, frame: Frame, from_row: bool) -> Vector | None:
    """The bisector of both endplates' normals in LPS, or None when they are not good enough to turn the frame."""
    if upper is None or lower is None:
        return None
    if max(upper.residual_mm, lower.residual_mm) > ENDPLATE_RESIDUAL_MM:
        return None
    local = unit(upper.normal + lower.normal)
    turn = np.degrees(np.arccos(np.clip(local[2], -1, 1)))
    if from_row and turn > ENDPLATE_TURN_DEG:
        return None
    return frame.axes @ local
