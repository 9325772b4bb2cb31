"""Where in a real vertebra a lesion goes: from the vertebra's mask to a centre, a shape and what of it is bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level, Region
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.errors import InputError, MaskMismatch
from spondyl.core.volume import Volume
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.lesion import (
    BODY_DIRECTIONS,
    LesionShape,
    LesionSpec,
    Outgrowth,
    Place,
    Points,
    make_shape,
    settle_centre,
)
from spondyl.values.level_map import LevelMap
from spondyl.values.vertebra import Vertebra
from spondyl.vertebrae.build import build_vertebrae

GRID_MM = 0.8
"""Own choice: step of the grid on which the depth under the bone's surface is kept."""
MARGIN_MM = 12.0
SMOOTHING_MM = 0.8
"""Own choice: takes the staircase of a mask away."""
CORTEX_MM = 1.5
"""Own choice: a lesion that spares the cortex stays this deep; a CT shows a wall of under 1 mm about this thick."""
OVER_EDGE = 0.2
"""Own choice: share of the diameter by which a lesion that breaches the cortex is set beyond it."""
JOINT_DEPTH_MM = 2.0
"""Own choice: depth of the centre of a lesion of the costovertebral joint under the body's side."""
BEFORE_WALL_MM, ABOVE_CENTRE = 5.0, 0.25
"""Own choice: the rib's head meets the body in front of the posterior wall, above mid-height (share of the height)."""
SPARED_SHARE = 0.1
"""Own choice: a lesion of which more than this would be cut off by a spared cortex breaches it instead."""
SMALLEST_SHARE = 0.35
"""Own choice: of a lesion's ball so much must be bone, else it is larger than the bone there."""
SMALLEST_PART_MM3 = 60.0
"""Own choice: a part with less than this in the mask is not there."""
CANAL_DEPTH_MM = 15.0
"""Where no lamina closes the canal in the midline: about the mean depth of thoracic and lumbar canals."""
PART_OF = {place: SubRegion[place.name] for place in Place if place.name in SubRegion.__members__}


@dataclass(frozen=True, eq=False)
class BoneSite:
    """One vertebra with the depth under its surface."""

    vertebra: Vertebra
    depth: Volume
    """mm, positive inside; negative outside."""

    def depth_mm(self, local_mm: Points) -> Points:
        """At points (..., 3) in the vertebra's frame."""
        return np.asarray(self.depth.sample(self.vertebra.frame.to_lps(local_mm), order=1, outside=-MARGIN_MM))

    def exit_mm(self, start_mm: Points, direction: Points, reach_mm: float = 60.0) -> float:
        """Distance from a point in the bone to where a ray leaves it."""
        steps = np.arange(0.0, reach_mm, 0.25)
        outside = self.depth_mm(start_mm + steps[:, None] * direction) < 0
        return float(steps[np.argmax(outside)]) if outside.any() else reach_mm


@dataclass(frozen=True, eq=False)
class PlacedLesion:
    """A shape in its vertebra, and what of it counts: bone, or bone but for its cortex, and tongues outside."""

    spec: LesionSpec
    site: BoneSite
    shape: LesionShape
    breach: bool
    whole: bool
    """Nothing of the shape is cut off by the bone's surface, so that the shape's integrals are the truth."""

    def depth_mm(self, local_mm: Points, *, sweep_mm: float = 0.0) -> Points:
        """Positive inside the lesion; `sweep_mm` widens it past a breached surface, where eaten cortex shines."""
        ball = self.shape.depth_mm(local_mm, tongues=False)
        if self.whole:
            return ball
        limit = sweep_mm if self.breach else -CORTEX_MM
        inside = np.minimum(ball, self.site.depth_mm(local_mm) + limit)
        return np.maximum(inside, self.shape.in_tongue_mm(local_mm)) if self.shape.outgrowths else inside


def site_of(mask: Volume, vertebra: Vertebra) -> BoneSite:
    """`mask` is boolean and canonical, one vertebra on any crop of the scan."""
    box = ndimage.find_objects(mask.array.astype(np.uint8))[0]
    corners = mask.to_lps(np.array(np.meshgrid(*[(s.start, s.stop - 1) for s in box], indexing="ij")).reshape(3, -1).T)
    low, high = corners.min(axis=0) - MARGIN_MM, corners.max(axis=0) + MARGIN_MM
    affine = np.diag([GRID_MM, GRID_MM, GRID_MM, 1.0])
    affine[:3, 3] = low
    shape = tuple(int(n) for n in np.ceil((high - low) / GRID_MM) + 1)
    grid = Volume(np.broadcast_to(np.uint8(0), shape), affine, "mask")
    smooth = Volume(mask.array.astype(np.float32), mask.affine, "mask").resampled_onto(grid, order=1, outside=0.0)
    filled = ndimage.binary_fill_holes(ndimage.gaussian_filter(smooth.array, SMOOTHING_MM / GRID_MM) > 0.5)
    depth = ndimage.distance_transform_edt(filled, sampling=GRID_MM) - ndimage.distance_transform_edt(
        ~filled, sampling=GRID_MM
    )
    depth = ndimage.gaussian_filter(depth.astype(np.float32), 0.5 * SMOOTHING_MM / GRID_MM)
    return BoneSite(vertebra, Volume(depth, affine, "mask"))


def vertebra_from(mask: Volume, level: Level) -> Vertebra:
    """Frame and parts of one vertebra from its boolean mask alone. Raises MaskMismatch where they can't be found."""
    if not mask.array.any():
        raise MaskMismatch(f"{level.name} is not in the vertebra mask.", "Name a level that the mask holds.")
    labels = mask.like(np.where(mask.array, np.uint8(level), np.uint8(0)), "label").canonical()
    found, reasons = build_vertebrae(LevelMap(labels, "verse"), labels)
    if level not in found:
        raise MaskMismatch(
            f"no lesion can be placed in {level.name}: {reasons[level]}.", "Choose a vertebra that is seen whole."
        )
    return found[level]


def place_lesion(spec: LesionSpec, site: BoneSite, key: tuple[object, ...]) -> PlacedLesion:
    """Centre and shape for what was asked. Raises InputError where the place is absent or the lesion too large."""
    _check_size(spec, site)
    centre = _centre(spec, site)
    outgrowths = _outgrowths(spec, site, centre, key)
    shape = make_shape(spec.diameter_mm, spec.irregularity, key, centre_mm=centre, outgrowths=outgrowths)
    spared, in_bone = _shares(shape, site)
    breach = (
        spec.breach if spec.breach is not None else spec.place.name.startswith("COSTO") or 1 - spared > SPARED_SHARE
    )
    breach = breach or spec.grows_out
    where = f"a {spec.kind} lesion of {spec.diameter_mm:g} mm at {spec.place} of {spec.level.name}"
    if (in_bone if breach else spared) < SMALLEST_SHARE:
        raise InputError(
            f"{where} is larger than the bone there: only {in_bone if breach else spared:.0%} of it would be inside.",
            "Make it smaller, or choose another place." if breach else "Make it smaller, or let it breach the cortex.",
        )
    if spec.breach and not spec.grows_out and in_bone > 0.999 and spared > 0.999:
        raise InputError(
            f"{where} does not reach the cortex.", "Make it larger, or choose a place nearer to the surface."
        )
    return PlacedLesion(spec, site, shape, breach, whole=spared > 0.9999 and not outgrowths)


def _check_size(spec: LesionSpec, site: BoneSite) -> None:
    body = site.vertebra.mask(SubRegion.BODY)
    local = site.vertebra.frame.to_local(site.vertebra.parts.to_lps(np.argwhere(body)))
    largest = float(np.ptp(local, axis=0).max())
    if spec.diameter_mm > largest:
        raise InputError(
            f"a lesion of {spec.diameter_mm:g} mm is larger than {spec.level.name}, {largest:.0f} mm.",
            "Make it smaller.",
        )


def _centre(spec: LesionSpec, site: BoneSite) -> Points:
    clearance = spec.diameter_mm / 2 + CORTEX_MM
    if (spec.breach or spec.grows_out) and spec.place is not Place.CENTRE:
        clearance = (0.5 - OVER_EDGE) * spec.diameter_mm
    if spec.place.in_body:
        direction = np.array(BODY_DIRECTIONS[spec.place])
        return settle_centre(site.depth_mm, np.zeros(3), direction, clearance, 40.0)
    if spec.place in PART_OF:
        return _deepest(spec, site)
    return _joint(spec, site)


def _deepest(spec: LesionSpec, site: BoneSite) -> Points:
    part = PART_OF[spec.place]
    mask = site.vertebra.mask(part)
    if mask.sum() * site.vertebra.parts.voxel_volume_mm3 < SMALLEST_PART_MM3 or part in site.vertebra.cut_parts:
        raise InputError(
            f"{spec.level.name} has no whole {part.words} in the mask.", "Choose another place or another level."
        )
    local = site.vertebra.frame.to_local(site.vertebra.parts.to_lps(np.argwhere(mask)))
    # Of the deep points the one nearest the part's middle: the very deepest may lie where the part meets the body.
    depth = site.depth_mm(local)
    deep = local[depth >= np.percentile(depth, 70)]
    return np.asarray(deep[np.argmin(np.linalg.norm(deep - local.mean(axis=0), axis=1))])


def _joint(spec: LesionSpec, site: BoneSite) -> Points:
    if spec.level.region is not Region.THORACIC:
        raise InputError(f"{spec.level.name} bears no rib.", "Costovertebral joints are at T1 to T12.")
    wall, top = (
        site.exit_mm(np.zeros(3), np.array([0.0, 1.0, 0.0])),
        site.exit_mm(np.zeros(3), np.array([0.0, 0.0, 1.0])),
    )
    start = np.array([0.0, wall - BEFORE_WALL_MM, 2 * ABOVE_CENTRE * top])
    side = 1.0 if spec.place is Place.COSTOVERTEBRAL_LEFT else -1.0
    return settle_centre(site.depth_mm, start, np.array([side, 0.0, 0.0]), JOINT_DEPTH_MM, 40.0)


def _outgrowths(spec: LesionSpec, site: BoneSite, centre: Points, key: tuple[object, ...]) -> tuple[Outgrowth, ...]:
    ahead, found = np.array([0.0, 1.0, 0.0]), []
    if spec.canal_growth_mm > 0:
        wall = site.exit_mm(np.zeros(3), ahead)
        target = np.array([0.0, wall + CANAL_DEPTH_MM / 2, np.clip(centre[2], -6, 6)])
        found.append(_tongue(spec, site, centre, target - centre, spec.canal_growth_mm))
    if spec.paravertebral_growth_mm > 0:
        outward = np.array(BODY_DIRECTIONS.get(spec.place, (centre[0], min(centre[1], 0.0), 0.0)))
        outward *= [1, outward[1] < 0, 0]  # neither into the canal nor into a disc
        if not outward.any():
            outward = np.array([keyed(*key, "side").choice([-1.0, 1.0]), -0.3, 0.0])
        found.append(_tongue(spec, site, centre, outward, spec.paravertebral_growth_mm))
    return tuple(found)


def _tongue(spec: LesionSpec, site: BoneSite, centre: Points, towards: Points, growth_mm: float) -> Outgrowth:
    direction = towards / np.linalg.norm(towards)
    return Outgrowth(direction, site.exit_mm(centre, direction) + growth_mm, 0.8 * spec.diameter_mm)


def _shares(shape: LesionShape, site: BoneSite) -> tuple[float, float]:
    """Of the ball's volume: what lies deeper than the cortex, and what lies in the bone."""
    reach = np.arange(-shape.furthest_mm, shape.furthest_mm + 0.3, 0.6)
    local = shape.centre_mm + np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), -1).reshape(-1, 3)
    depth: NDArray = site.depth_mm(local[shape.depth_mm(local, tongues=False) > 0])
    return float(np.mean(depth >= CORTEX_MM)), float(np.mean(depth >= 0))
