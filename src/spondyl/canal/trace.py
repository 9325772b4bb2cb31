"""Finds the canal: its middle and direction in each vertebra, then one smooth centreline through all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CubicHermiteSpline

from spondyl.anatomy.levels import Level, along_spine, are_adjacent
from spondyl.anatomy.subregions import SubRegion
from spondyl.canal.rings import GAP_MM, MAX_RADIUS_MM, closed_radii, ray_lengths_mm, tube_along
from spondyl.canal.surface import surface_of
from spondyl.canal.tube import ANGLES, DIRECTIONS, PLANE_STEP_MM, Array, Path, Tube
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame, Vertebra

MAX_TILT = np.tan(np.deg2rad(25.0))
"""Own choice: the canal may lean on the vertebra's axis by no more; beyond, the wall found is not its wall."""
MIN_RUN_MM = 6.0
"""Own choice: a direction is fitted only over a stretch this long."""
OWN_COURSE = 0.5
"""Own choice: how much of the centreline's direction at a level is the level's own; the rest is the course from the
level above to the level below. The first follows a canal that bends, the second does not mind a broken body."""
REACH_MM = MAX_RADIUS_MM + GAP_MM
"""Bone further from the centreline than this is not looked at."""
BACK_PERCENT = 60.0
"""Own choice: a body's voxels behind this percentile are its back, beside the canal; hooks and slopes lie before it."""
NO_BODY = frozenset({Level.C1})
NO_RING = "no cross-section in which body, pedicles and laminae close a ring around the canal"
_FRONT = np.sin(ANGLES) < -np.cos(np.deg2rad(25.0))
"""Rays that end at the back wall of the body."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """The canal through levels without a gap between them, and which of its planes lie beside which body."""

    tube: Tube
    bodies: Mapping[Level, NDArray[np.intp]]
    """Planes beside each level's body."""
    territories: Mapping[Level, NDArray[np.intp]]
    """The same with half of the discs above and below; each plane belongs to one level."""


@dataclass(frozen=True, eq=False)
class _Node:
    """Where the canal's axis runs at one level, and how far along it the body reaches."""

    level: Level
    axis: Frame
    low_mm: float
    high_mm: float


def find_canal(
    vertebrae: Mapping[Level, Vertebra], cord: Mapping[Level, Volume] | None = None
) -> tuple[tuple[Stretch, ...], dict[Level, str]]:
    """The canal through these vertebrae, and why it can't be seen at some of them.

    cord: masks beside the vertebrae on any grid; they only help to find the canal. A level whose own ring is open
    (laminae removed or eaten) is crossed by the centreline when levels on both sides show it or its cord is given.
    """
    nodes: dict[Level, _Node] = {}
    failed: dict[Level, str] = {}
    for level in along_spine(vertebrae):
        found = _node(vertebrae[level], (cord or {}).get(level))
        if isinstance(found, str):
            failed[level] = found
        else:
            nodes[level] = found
    stretches = []
    for run in _runs(vertebrae):
        known = [nodes[level] for level in run if level in nodes]
        if not known:
            continue
        inner = [level for level in run if known[0].level.order <= level.order <= known[-1].level.order]
        bones = [Volume(vertebrae[level].mask(), vertebrae[level].parts.affine, "mask") for level in run]
        stretches.append(_stretch(known, {level: vertebrae[level] for level in inner}, bones))
        for level in inner:
            failed.pop(level, None)
    return tuple(stretches), failed


def _runs(levels: Mapping[Level, Vertebra]) -> list[list[Level]]:
    """Levels from the head down, parted where one is absent."""
    runs: list[list[Level]] = []
    for level in along_spine(levels):
        if runs and are_adjacent(runs[-1][-1], level):
            runs[-1].append(level)
        else:
            runs.append([level])
    return runs


def _stretch(nodes: Sequence[_Node], vertebrae: Mapping[Level, Vertebra], bones: Sequence[Volume]) -> Stretch:
    path, places = _path(nodes, vertebrae)
    tube = tube_along(path, surface_of(bones, path.centres_mm, REACH_MM))
    height = np.arange(len(path.centres_mm)) * PLANE_STEP_MM
    levels = list(places)  # from the head down
    bodies, territories = {}, {}
    owner = _owners(path, [vertebrae[level] for level in levels])
    for n, level in enumerate(levels):
        low, high = places[level]
        top = np.inf if n == 0 else (high + places[levels[n - 1]][0]) / 2
        bottom = -np.inf if n == len(levels) - 1 else (low + places[levels[n + 1]][1]) / 2
        bodies[level] = np.flatnonzero((height >= max(low, bottom)) & (height <= min(high, top)))
        territories[level] = np.flatnonzero(owner == n)
    return Stretch(tube, bodies, territories)


def _owners(path: Path, vertebrae: Sequence[Vertebra]) -> NDArray[np.intp]:
    """To which of these vertebrae, from the head down, each plane belongs: the nearer end of the bodies' back walls."""
    places, ends = [], []
    for vertebra in vertebrae:
        body = _local_points(vertebra, vertebra.mask(SubRegion.BODY))
        back = body[body[:, 1] >= np.percentile(body[:, 1], BACK_PERCENT)] if len(body) else body
        places.append(vertebra.frame.to_local(path.centres_mm)[:, 2])
        ends.append(np.percentile(back[:, 2], [1.0, 99.0]) if len(back) else np.zeros(2))
    owner = np.zeros(len(path.centres_mm), dtype=np.intp)
    for n in range(1, len(vertebrae)):
        past_upper, past_lower = ends[n - 1][0] - places[n - 1], places[n] - ends[n][1]
        owner[(owner == n - 1) & (past_lower <= past_upper)] = n
    return owner


def _path(nodes: Sequence[_Node], vertebrae: Mapping[Level, Vertebra]) -> tuple[Path, dict[Level, tuple[float, float]]]:
    """The centreline, and where along it each body begins and ends in mm."""
    upward = nodes[::-1]
    points = np.array([node.axis.origin_mm for node in upward])
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    own = np.array([node.axis.axes[:, 2] for node in upward])
    tangents = own
    if len(upward) > 1:
        course = np.gradient(points, run, axis=0)
        tangents = OWN_COURSE * own + (1 - OWN_COURSE) * course / np.linalg.norm(course, axis=1, keepdims=True)
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    ends = (upward[0].low_mm, upward[-1].high_mm)
    # Straight on from the first and last ring to the end of its body.
    points = np.concatenate([[points[0] + ends[0] * tangents[0]], points, [points[-1] + ends[1] * tangents[-1]]])
    run = np.concatenate([[ends[0]], run, [run[-1] + ends[1]]])
    tangents = np.concatenate([tangents[:1], tangents, tangents[-1:]])
    curve = CubicHermiteSpline(run, points, tangents)
    fine = np.arange(run[0], run[-1], PLANE_STEP_MM / 4)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve(fine), axis=0), axis=1))])
    at = np.interp(np.arange(0.0, length[-1], PLANE_STEP_MM), length, fine)
    lefts = np.array([np.interp(at, run[1:-1], [node.axis.axes[c, 0] for node in upward]) for c in range(3)]).T
    path = Path(curve(at), _axes_along(curve(at, 1), lefts))
    return path, _places(path, nodes, vertebrae)


def _axes_along(tangents: Array, lefts: Array) -> Array:
    z = tangents / np.linalg.norm(tangents, axis=1, keepdims=True)
    x = lefts - (lefts * z).sum(axis=1, keepdims=True) * z
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _places(
    path: Path, nodes: Sequence[_Node], vertebrae: Mapping[Level, Vertebra]
) -> dict[Level, tuple[float, float]]:
    """Lowest and highest of each body in mm along the path."""
    by_level = {node.level: node for node in nodes}
    places = {}
    for level in along_spine(vertebrae):
        node = by_level.get(level)
        if node is not None:
            middle = float(path.nearest(node.axis.origin_mm)) * PLANE_STEP_MM
            places[level] = (middle + node.low_mm, middle + node.high_mm)
            continue
        low, high = body_range_mm(vertebrae[level])
        middle = float(path.nearest(vertebrae[level].frame.origin_mm)) * PLANE_STEP_MM
        places[level] = (middle + low, middle + high)
    return places


def _node(vertebra: Vertebra, cord: Volume | None) -> _Node | str:
    """The canal's axis in one vertebra, with its origin at the height of the ring; or why it can't be seen."""
    if vertebra.level in NO_BODY:
        return "the first vertebra has no body"
    bone = Volume(vertebra.mask(), vertebra.parts.affine, "mask")
    low, high = body_range_mm(vertebra)
    positions = np.arange(np.ceil(low), np.floor(high) + 1, PLANE_STEP_MM)
    by_cord = _cord_seed(vertebra, cord, low, high)
    if positions.size:
        for seed in (by_cord, _ring_seed(vertebra, bone)):
            if seed is None:
                continue
            axis, closed = _follow(bone, vertebra.frame, seed, positions)
            if closed.any():
                return _at_height(axis, vertebra, float(np.median(positions[closed])))
        if by_cord is not None:
            return _at_height(_axis_frame(vertebra.frame, by_cord, np.zeros(2)), vertebra, (low + high) / 2)
    return NO_RING


def _at_height(axis: Frame, vertebra: Vertebra, height_mm: float) -> _Node:
    low, high = body_range_mm(vertebra)
    moved = Frame(axis.to_lps(np.array([0.0, 0.0, height_mm])), axis.axes)
    return _Node(vertebra.level, moved, low - height_mm, high - height_mm)


def _follow(bone: Volume, frame: Frame, seed: Array, positions: Array) -> tuple[Frame, NDArray[np.bool_]]:
    """The axis in the middle of the lumen and along it, and at which positions its ring is closed."""
    axis = _axis_frame(frame, seed, np.zeros(2))
    # Three rounds: the first finds the walls, the second the middle, the third says where the ring is closed.
    for _ in range(2):
        axis = _recentred(axis, positions, _straight_rays(bone, axis, positions))
    return axis, np.isfinite(closed_radii(_straight_rays(bone, axis, positions))[:, 0])


def _straight_rays(bone: Volume, axis: Frame, positions: Array) -> Array:
    def outside(lps: Array) -> NDArray[np.floating]:
        return np.asarray(0.5 - bone.sample(lps, order=1, outside=0.0))

    centres = axis.to_lps(positions[:, None] * np.array([0.0, 0.0, 1.0]))
    return ray_lengths_mm(outside, centres, np.broadcast_to(axis.axes, (positions.size, 3, 3)), near=0.5)


def _axis_frame(frame: Frame, shift_xy_mm: Array, tilt_xy: Array) -> Frame:
    """The frame moved by mm along its x and y, its z leaning by `tilt_xy` (mm sideways a mm up)."""
    z = frame.axes @ np.array([tilt_xy[0], tilt_xy[1], 1.0])
    z /= np.linalg.norm(z)
    x = frame.axes[:, 0] - (frame.axes[:, 0] @ z) * z
    x /= np.linalg.norm(x)
    return Frame(
        frame.to_lps(np.array([shift_xy_mm[0], shift_xy_mm[1], 0.0])), np.stack([x, np.cross(z, x), z], axis=1)
    )


def _recentred(axis: Frame, positions: Array, radii: Array) -> Frame:
    """The axis moved into the middle of the lumen and laid along the canal.

    Its lean forward or back is that of the body's back wall, which runs the body's whole height; its lean to a side
    that of the middle between the pedicles. The laminae slope and would mislead.
    """
    closed = closed_radii(radii)
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


def body_range_mm(vertebra: Vertebra) -> tuple[float, float]:
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
