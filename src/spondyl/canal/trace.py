"""Finds the bony canal in one vertebra.

The canal is looked at in planes across its own direction. In each plane, rays leave the canal's centre and end at
the first bone of the vertebra mask; where they come back all around, the ring of body, pedicles and laminae is
closed and the ends of the rays outline the lumen. Only the mask decides where bone is, so that a lesion that has
eaten bone does not widen the canal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.subregions import SubRegion
from spondyl.canal.tube import ANGLES, DIRECTIONS, PLANE_STEP_MM, RAYS, Array, Tube, polygon_areas_mm2
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame, Vertebra

RAY_STEP_MM = 0.5
"""Own choice: below the in-plane voxel of a usual CT; the end of a ray is then interpolated."""
MAX_RADIUS_MM = 22.0
"""Own choice: half of the widest lumbar canals (28 mm across at L5) with room to spare for a centre off the middle."""
GAP_MM = 4.0
"""Own choice: a wider opening in the ring is a foramen or a missing part, a narrower one a flaw of the mask."""
MAX_TILT = np.tan(np.deg2rad(25.0))
"""Own choice: the canal may lean on the vertebra's axis by no more; beyond, the wall found is not its wall."""
MIN_RUN_MM = 6.0
"""Own choice: a direction is fitted only over a stretch this long."""
BULGE_SHARE = 0.5
"""Own choice: bone nearer to the axis than this share of the ring's radius bulges into the canal."""
BULGE_REACH_MM = 10.0
"""Own choice: a plane with a bulge is trusted only this close to a plane whose ring is seen to be closed."""
MIN_LUMEN_MM2 = 30.0
"""Own choice, below every canal and above the transverse foramina of the neck: what is smaller is not the canal."""
NO_BONE_MM = 1e3
"""Stands for 'no bone met' while openings are bridged."""
_FRONT = np.sin(ANGLES) < -np.cos(np.deg2rad(25.0))
"""Rays that end at the back wall of the body."""


def find_tube(vertebra: Vertebra, cord: Volume | None) -> Tube | str:
    """The canal through one vertebra, or why it can't be seen. `cord` (any grid) only helps to find the canal."""
    bone = Volume(vertebra.mask(), vertebra.parts.affine, "mask")
    low, high = _body_range_mm(vertebra)
    positions = np.arange(np.ceil(low), np.floor(high) + 1, PLANE_STEP_MM)
    for seed in (_cord_seed(vertebra, cord, low, high), _ring_seed(vertebra, bone)):
        if seed is None or positions.size == 0:
            continue
        tube = _follow(bone, vertebra.frame, seed, positions)
        if tube.closed.any():
            return tube
    return "no cross-section in which body, pedicles and laminae close a ring around the canal"


def _follow(bone: Volume, frame: Frame, seed: Array, positions: Array) -> Tube:
    """Rays from the seed, then twice again from the centre and along the direction that they show."""
    axis = _axis_frame(frame, seed, np.zeros(2))
    # Three rounds: the first finds the walls, the second the middle, the third measures.
    for _ in range(2):
        axis = _recentred(axis, positions, _rays(bone, axis, positions))
    rays = _rays(bone, axis, positions)
    radii = _closed_radii(rays)
    return _with_bulges(Tube(axis, positions, radii, np.zeros(positions.size, dtype=bool), bone), rays)


def _with_bulges(tube: Tube, rays: Array) -> Tube:
    """Planes that look open only because bone inside the ring hides its wall take the nearest closed outline.

    A fragment of the body's back wall can fill half of the canal: those planes matter most and must not be lost. The
    ring is there when bone lies at the outline, give or take GAP_MM, all around.
    """
    closed = np.flatnonzero(tube.closed)
    open_ = np.flatnonzero(~tube.closed)
    if closed.size == 0 or open_.size == 0:
        return tube
    nearest = closed[np.abs(open_[:, None] - closed).argmin(axis=1)]
    outlines = tube.radii_mm[nearest]
    maybe = np.abs(open_ - nearest) * PLANE_STEP_MM <= BULGE_REACH_MM
    maybe &= (rays[open_] < BULGE_SHARE * outlines).any(axis=-1)
    radii, bulged = tube.radii_mm.copy(), tube.bulged.copy()
    for plane, outline in zip(open_[maybe], outlines[maybe], strict=True):
        band = outline[:, None] + np.arange(-GAP_MM, GAP_MM + RAY_STEP_MM, RAY_STEP_MM)
        points = np.maximum(band, 0.0)[..., None] * DIRECTIONS[:, None, :]
        wall = tube.bone.sample(tube.plane_points_lps_mm(int(plane), points), order=1, outside=0.0) >= 0.5
        if wall.any(axis=-1).all():
            radii[plane], bulged[plane] = outline, True
    return Tube(tube.frame, tube.positions_mm, radii, bulged, tube.bone)


def _axis_frame(frame: Frame, shift_xy_mm: Array, tilt_xy: Array) -> Frame:
    """The frame moved by mm along its x and y, its z leaning by `tilt_xy` (mm sideways a mm up)."""
    z = frame.axes @ np.array([tilt_xy[0], tilt_xy[1], 1.0])
    z /= np.linalg.norm(z)
    x = frame.axes[:, 0] - (frame.axes[:, 0] @ z) * z
    x /= np.linalg.norm(x)
    return Frame(
        frame.to_lps(np.array([shift_xy_mm[0], shift_xy_mm[1], 0.0])), np.stack([x, np.cross(z, x), z], axis=1)
    )


def _rays(bone: Volume, axis: Frame, positions: Array) -> Array:
    """Distance from the axis to the first bone, (n, RAYS); inf where none is met, 0 where the axis lies in bone."""
    steps = np.arange(0.0, MAX_RADIUS_MM + RAY_STEP_MM, RAY_STEP_MM)
    local = np.empty((positions.size, RAYS, steps.size, 3))
    local[..., :2] = DIRECTIONS[None, :, None, :] * steps[None, None, :, None]
    local[..., 2] = positions[:, None, None]
    value = bone.sample(axis.to_lps(local), order=1, outside=0.0)
    hit = value >= 0.5
    first = hit.argmax(axis=-1)
    after = np.take_along_axis(value, first[..., None], axis=-1)[..., 0]
    before = np.take_along_axis(value, np.maximum(first - 1, 0)[..., None], axis=-1)[..., 0]
    share = np.where(first > 0, (0.5 - before) / np.maximum(after - before, 1e-6), 0.0)
    radii = RAY_STEP_MM * (np.maximum(first - 1, 0) + share)
    return np.where(hit.any(axis=-1), radii, np.inf)


def _closed_radii(radii: Array) -> Array:
    """Bridges openings narrower than GAP_MM; planes that then are still open become nan."""
    bridged = _bridge(radii)
    ends = bridged[..., None] * DIRECTIONS
    edges = np.linalg.norm(ends - np.roll(ends, -1, axis=-2), axis=-1)
    closed = (edges <= GAP_MM).all(axis=-1) & (bridged < NO_BONE_MM).all(axis=-1) & (bridged > 0).all(axis=-1)
    closed &= polygon_areas_mm2(bridged) >= MIN_LUMEN_MM2
    return np.where(closed[:, None], bridged, np.nan)


def _bridge(radii: Array) -> Array:
    """Spans every opening no wider than GAP_MM, and deeper than it is wide, by a straight line.

    What is wider than deep stays as it is: it is the canal's own corner, not a gap in bone.
    """
    out = np.where(np.isfinite(radii), radii, NO_BONE_MM)
    for span in range(2, RAYS // 6):
        ends = out[..., None] * DIRECTIONS
        far = np.roll(ends, -span, axis=-2)
        width = np.linalg.norm(ends - far, axis=-1)
        deepest = np.max([np.roll(out, -step, axis=-1) for step in range(1, span)], axis=0)
        depth = deepest - np.maximum(out, np.roll(out, -span, axis=-1))
        for plane, ray in np.argwhere((width <= GAP_MM) & (depth > width)):
            share = np.arange(1, span)[:, None] / span
            chord = np.linalg.norm((1 - share) * ends[plane, ray] + share * far[plane, ray], axis=-1)
            between = (ray + np.arange(1, span)) % RAYS
            out[plane, between] = np.minimum(out[plane, between], chord)
    return out


def _recentred(axis: Frame, positions: Array, radii: Array) -> Frame:
    """The axis moved into the middle of the lumen and laid along the canal.

    Its lean forward or back is that of the body's back wall, which runs the body's whole height; its lean to a side
    that of the middle between the pedicles. The laminae slope and would mislead.
    """
    closed = _closed_radii(radii)
    seen = np.isfinite(closed[:, 0])
    wall = np.where(np.isfinite(radii[:, _FRONT]), radii[:, _FRONT], np.nan)
    wall_seen = np.isfinite(wall).all(axis=-1) & (wall > 0).all(axis=-1)
    wall_y = -(wall * np.abs(DIRECTIONS[_FRONT, 1])).mean(axis=-1)
    tilt = np.array([0.0, _slope(positions[wall_seen], wall_y[wall_seen])])
    if not seen.any():
        return axis
    centres = _centroids(closed[seen])
    tilt[0] = _slope(positions[seen], centres[:, 0])
    tilt = np.clip(tilt, -MAX_TILT, MAX_TILT)
    shift = np.median(centres - positions[seen][:, None] * tilt, axis=0)
    return _axis_frame(axis, shift, tilt)


def _slope(x: Array, y: Array) -> float:
    """Median of the slopes between all pairs (Theil-Sen); 0 where the stretch is too short."""
    if x.size < 3 or np.ptp(x) < MIN_RUN_MM:
        return 0.0
    i, j = np.triu_indices(x.size, 1)
    return float(np.median((y[j] - y[i]) / (x[j] - x[i])))


def _centroids(radii: Array) -> Array:
    """Centroid of each polygon, (n, RAYS) to (n, 2)."""
    a = radii[..., None] * DIRECTIONS
    b = np.roll(a, -1, axis=-2)
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return ((a + b) * cross[..., None]).sum(axis=-2) / (3 * cross.sum(axis=-1))[..., None]


def _body_range_mm(vertebra: Vertebra) -> tuple[float, float]:
    """Lowest and highest of the body along the vertebra's z; the rim's few odd voxels left out."""
    z = _local_points(vertebra, vertebra.mask(SubRegion.BODY))[:, 2]
    if z.size == 0:
        return 0.0, -1.0
    low, high = np.percentile(z, [1.0, 99.0])
    return float(low), float(high)


def _local_points(vertebra: Vertebra, mask: NDArray[np.bool_]) -> Array:
    return vertebra.frame.to_local(vertebra.parts.to_lps(np.argwhere(mask)))


def _cord_seed(vertebra: Vertebra, cord: Volume | None, low: float, high: float) -> Array | None:
    """Middle of the cord beside this body in the vertebra's x and y."""
    if cord is None:
        return None
    local = vertebra.frame.to_local(cord.to_lps(np.argwhere(cord.array > 0)))
    beside = local[(local[:, 2] > low) & (local[:, 2] < high)]
    return np.median(beside[:, :2], axis=0) if len(beside) else None


def _ring_seed(vertebra: Vertebra, bone: Volume) -> Array | None:
    """Middle of the hole that the vertebra leaves when looked at along its axis."""
    local = _local_points(vertebra, bone.array)
    if len(local) == 0:
        return None
    step = 1.0
    # Gaps between projected voxel centres and flaws of the ring are closed up to GAP_MM.
    low = local[:, :2].min(axis=0) - 2 * GAP_MM
    shape = np.ceil((local[:, :2].max(axis=0) + 2 * GAP_MM - low) / step).astype(int) + 1
    shadow = np.zeros(shape, dtype=bool)
    cells = np.rint((local[:, :2] - low) / step).astype(int)
    shadow[cells[:, 0], cells[:, 1]] = True
    shadow = ndimage.binary_closing(shadow, np.ones((3, 3)), iterations=round(GAP_MM / 2 / step))
    holes, count = ndimage.label(ndimage.binary_fill_holes(shadow) & ~shadow)
    best: Array | None = None
    size = 0
    for hole in range(1, count + 1):
        cells = np.argwhere(holes == hole)
        centre = cells.mean(axis=0) * step + low
        if len(cells) > size and centre[1] > 0:
            best, size = centre, len(cells)
    return best
