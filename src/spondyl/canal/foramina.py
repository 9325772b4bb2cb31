"""The bony foramina: openings between the pedicles of two levels, one on each side.

Each is looked at along its own passage: bone of a slab as thick as a pedicle is seen as one shadow, and rays from the
opening's middle end at it. In front the ring has a natural gap, the disc: it is taken to be flush with the bodies'
ends that face it (the hull of both), so that a disc that bulges is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import convex_hull_image

from spondyl.anatomy.levels import Level, Region, along_spine, are_adjacent
from spondyl.anatomy.subregions import SubRegion
from spondyl.canal.rings import closed_radii
from spondyl.canal.surface import Surface, surface_of
from spondyl.canal.tube import ANGLES, DIRECTIONS, polygon_areas_mm2
from spondyl.core.volume import Volume
from spondyl.values.canal import Foramen
from spondyl.values.vertebra import Vertebra

Array = NDArray[np.float64]
Side = Literal["left", "right"]

PEDICLES: dict[Side, SubRegion] = {"left": SubRegion.PEDICLE_LEFT, "right": SubRegion.PEDICLE_RIGHT}
CERVICAL_OBLIQUE_DEG = 45.0
"""Own choice: cervical foramina lead forward as much as sideways (anatomy textbooks); the others sideways."""
SLAB_MM = 3.0
"""Own choice: half the depth of the shadow, less than half of most pedicles' width, so that the shadow's edge is the
pedicles' own."""
REACH_MM = 20.0
"""Own choice: beyond half of the longest distance between two lumbar pedicles (about 35 mm)."""
PIXEL_MM = 0.4
"""Own choice: below a CT's voxel."""
CENTRE_MM = 7.0
"""Own choice: the opening's middle is sought this far around the middle between the pedicles."""
BODY_END_SHARE = 1 / 3
"""Own choice: this much of a body's height is its end; over more, the spine's curve would show."""
MIN_AREA_MM2 = 5.0
"""Own choice: a smaller opening can't be told from a hole in a mask."""
FAT_HU = (-190.0, -30.0)
"""Own choice: the CT numbers of fat, as most body-composition studies take them."""
METAL_HU = 2500.0
"""Own choice: above bone; beside metal the CT numbers of fat mean nothing."""


@dataclass(frozen=True, eq=False)
class _Bone:
    """What both foramina above and below look at, found once for each vertebra; LPS mm."""

    vertebra: Vertebra
    mask: Volume
    body_mm: Array
    """(n, 3)"""
    pedicles_mm: Mapping[Side, Array | None]


def foramina(vertebrae: Mapping[Level, Vertebra], *, ct: Volume | None = None) -> tuple[Foramen, ...]:
    """Both foramina between each two adjacent levels, from the head down, left before right."""
    found: list[Foramen] = []
    levels = along_spine(vertebrae)
    bones = {level: _bone(vertebrae[level]) for level in levels}
    for above, below in pairwise(levels):
        if are_adjacent(above, below):
            found += _pair(bones[above], bones[below], ct)
    return tuple(_compared(one, found) for one in found)


def _compared(one: Foramen, found: list[Foramen]) -> Foramen:
    if one.area_mm2 is None:
        return one
    other = next(f.area_mm2 for f in found if f.above is one.above and f.below is one.below and f.side != one.side)
    areas = [
        f.area_mm2
        for f in found
        if f.side == one.side and f.area_mm2 is not None and (f.below is one.above or f.above is one.below)
    ]
    return replace(
        one,
        area_to_other_side=None if other is None else one.area_mm2 / other,
        area_to_neighbours=one.area_mm2 / float(np.mean(areas)) if areas else None,
    )


def _bone(vertebra: Vertebra) -> _Bone:
    pedicles = {}
    for side, part in PEDICLES.items():
        voxels = np.argwhere(vertebra.mask(part))
        pedicles[side] = vertebra.parts.to_lps(voxels).mean(axis=0) if len(voxels) else None
    body = vertebra.parts.to_lps(np.argwhere(vertebra.mask(SubRegion.BODY)))
    return _Bone(vertebra, Volume(vertebra.mask(), vertebra.parts.affine, "mask"), body, pedicles)


def _pair(above: _Bone, below: _Bone, ct: Volume | None) -> list[Foramen]:
    """Left and right, seen on one surface of both bones."""
    found = {side: Foramen(above.vertebra.level, below.vertebra.level, side) for side in PEDICLES}
    ends: dict[Side, tuple[Array, Array]] = {}
    for side, part in PEDICLES.items():
        lower, upper = below.pedicles_mm[side], above.pedicles_mm[side]
        if part in above.vertebra.cut_parts or part in below.vertebra.cut_parts:
            found[side] = replace(found[side], notes=("The scan cuts a pedicle of this foramen.",))
        elif lower is None or upper is None:
            found[side] = replace(found[side], notes=("A pedicle of this foramen is not there.",))
        else:
            ends[side] = lower, upper
    if ends:
        path = np.array([[pair[n] for pair in ends.values()] for n in (0, 1)]).reshape(-1, 3)
        surface = surface_of([above.mask, below.mask], path, REACH_MM + CENTRE_MM)
        for side, pedicles in ends.items():
            found[side] = _measured(found[side], above, below, pedicles, surface, ct)
    return list(found.values())


def _measured(
    empty: Foramen, above: _Bone, below: _Bone, pedicles_mm: tuple[Array, Array], surface: Surface, ct: Volume | None
) -> Foramen:
    """One opening, between the middles of its lower and its upper pedicle."""
    lower, upper = pedicles_mm
    middle = (upper + lower) / 2
    axes = _axes(above.vertebra, below.vertebra, empty.side, upper - lower)
    line = np.arange(-REACH_MM, REACH_MM + PIXEL_MM / 2, PIXEL_MM)
    first = middle + axes @ np.array([line[0], line[0], -SLAB_MM])
    steps = axes * np.array([PIXEL_MM, PIXEL_MM, 1.0])
    slab = surface.on_lattice_mm(first, steps, (line.size, line.size, round(2 * SLAB_MM) + 1))
    seen = slab.min(axis=-1).astype(np.float64)
    shadow = _with_disc(seen, line, axes, middle, (above, below), surface.voxel_mm)
    centre = _centre(shadow, line)
    if centre is None:
        return replace(empty, notes=("No opening is seen between the pedicles.",))
    radii = closed_radii(_rays(shadow, line, centre)[None], MIN_AREA_MM2)[0]
    if not np.isfinite(radii).all():
        return replace(empty, notes=("Bone does not bound the foramen all around, or it is too small to be measured.",))
    ends_xy = radii[:, None] * DIRECTIONS
    fat, notes = _fat_share(ct, axes, middle, line, centre, radii)
    return replace(
        empty,
        height_mm=float(np.ptp(ends_xy[:, 1])),
        width_mm=_width_mm(ends_xy),
        area_mm2=float(polygon_areas_mm2(radii)),
        fat_share=fat,
        notes=notes,
    )


def _axes(above: Vertebra, below: Vertebra, side: Side, upward: Array) -> Array:
    """Columns: toward the back within the foramen's plane, up along the pedicles, through the foramen outward."""
    z = upward / np.linalg.norm(upward)
    out = (above.frame.axes[:, 0] + below.frame.axes[:, 0]) * (1 if side == "left" else -1)
    if above.level.region is Region.CERVICAL:
        tilt = np.deg2rad(CERVICAL_OBLIQUE_DEG)
        out = np.cos(tilt) * out - np.sin(tilt) * (above.frame.axes[:, 1] + below.frame.axes[:, 1])
    out = out - (out @ z) * z
    out /= np.linalg.norm(out)
    back = np.cross(z, out) * (1 if side == "left" else -1)
    back *= np.sign(back @ above.frame.axes[:, 1])
    return np.stack([back, z, out], axis=1)


def _centre(shadow: Array, line: Array) -> Array | None:
    """The middle of the widest opening near the middle between the pedicles."""
    free = ndimage.distance_transform_edt(shadow > 0) * PIXEL_MM
    near = np.hypot(line[:, None], line[None, :]) <= CENTRE_MM
    width = np.where(near, free, 0.0)
    if width.max() <= PIXEL_MM:
        return None
    i, j = np.unravel_index(width.argmax(), width.shape)
    return np.array([line[i], line[j]])


def _rays(shadow: Array, line: Array, centre: Array) -> Array:
    """Distance from the centre to the first bone, (RAYS,), inf where none."""
    steps = np.arange(0.0, REACH_MM, PIXEL_MM / 2)
    points = centre + steps[None, :, None] * DIRECTIONS[:, None, :]
    index = (points - line[0]) / PIXEL_MM
    value = ndimage.map_coordinates(shadow, np.moveaxis(index, -1, 0), order=1, mode="nearest")
    inside = (np.abs(points) <= REACH_MM).all(axis=-1)
    hit = (value <= 0) & inside
    return np.where(hit.any(axis=1), steps[hit.argmax(axis=1)], np.inf)


def _with_disc(
    shadow: Array, line: Array, axes: Array, middle: Array, bodies: tuple[_Bone, _Bone], voxel_mm: float
) -> Array:
    """The shadow with the room between the two bodies' facing ends filled."""
    ends = np.zeros(shadow.shape, dtype=bool)
    for bone, upper in zip(bodies, (True, False), strict=True):
        away = bone.body_mm - middle
        local = away[np.abs(away @ axes[:, 2]) <= SLAB_MM] @ axes
        if len(local) == 0:
            return shadow
        height = local[:, 1]
        end = BODY_END_SHARE * np.ptp(height)
        local = local[height <= height.min() + end] if upper else local[height >= height.max() - end]
        cells = np.rint((local[:, :2] - line[0]) / PIXEL_MM).astype(int)
        cells = cells[((cells >= 0) & (cells < line.size)).all(axis=1)]
        ends[cells[:, 0], cells[:, 1]] = True
    if not ends.any():
        return shadow
    # The hull runs through voxel centres; the bone's surface lies half a voxel further out.
    beyond = ndimage.distance_transform_edt(~convex_hull_image(ends)) * PIXEL_MM - voxel_mm / 2
    return np.minimum(shadow, beyond)


def _width_mm(ends_xy: Array) -> float:
    """Front to back at the middle of the height."""
    y = ends_xy[:, 1]
    middle = (y.min() + y.max()) / 2
    nxt = np.roll(ends_xy, -1, axis=0)
    crosses = (y - middle) * (nxt[:, 1] - middle) <= 0
    step = np.where(nxt[:, 1] == y, 1.0, nxt[:, 1] - y)
    x = ends_xy[:, 0] + (middle - y) / step * (nxt[:, 0] - ends_xy[:, 0])
    return float(np.ptp(x[crosses]))


def _fat_share(
    ct: Volume | None, axes: Array, middle: Array, line: Array, centre: Array, radii: Array
) -> tuple[float | None, tuple[str, ...]]:
    """Share of the opening's middle plane with the CT numbers of fat."""
    if ct is None:
        return None, ()
    x, y = np.meshgrid(line - centre[0], line - centre[1], indexing="ij")
    inside = np.hypot(x, y) < np.interp(np.arctan2(y, x), ANGLES, radii, period=2 * np.pi)
    lps = middle + (np.column_stack([x[inside], y[inside]]) + centre) @ axes[:, :2].T
    hu = ct.sample(lps, order=1, outside=-1024.0)
    if hu.max() > METAL_HU:
        return None, ("Fat around the root not judged: metal lies in the foramen.",)
    return float(((hu >= FAT_HU[0]) & (hu <= FAT_HU[1])).mean()), ()
