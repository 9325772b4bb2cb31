"""A lesion in a vertebra of known shape: where it sits, what of it is in bone, canal and soft tissue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Region
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.errors import InvalidAnswer
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.lesion import (
    BODY_DIRECTIONS,
    LesionShape,
    LesionSpec,
    LesionTissue,
    Outgrowth,
    Place,
    make_shape,
    make_tissue,
    settle_centre,
)
from spondyl.phantoms.shapes import FAR_MM
from spondyl.phantoms.spine import Placed

Points = NDArray[np.float64]

Solid = Callable[[Points], NDArray[np.floating]]
"""A value for each of points (n, 3)."""

BALL_MARGIN_MM = 1.5
SPARED_MM = 1.5
"""Own choice: a lesion that spares the cortex stays this deep under the bone's surface."""
OVER_EDGE = 0.2
"""Own choice: share of the diameter by which a lesion that breaches the cortex is set beyond it."""
FIT_SHARE = 0.9
"""Own choice: a lesion of which less than this fits inside the cortex breaches it."""
TONGUE_WIDTH = 0.8
"""Own choice: width of an outgrowth at its root over the lesion's diameter."""
JOINT_DEPTH_MM = 2.0
"""Own choice: depth of the centre of a lesion of the costovertebral joint under the body's side."""
JOINT_PLACE = (5.0, 0.25)
"""Own choice: a rib's head meets the body this far before the back wall, this share of the height above the middle."""


@dataclass(frozen=True, eq=False)
class Tumour:
    """`depth_mm` is positive inside; points are (n, 3) in the vertebra's frame."""

    number: int
    """Its label in the mask of lesions, from 1."""
    spec: LesionSpec
    placed: Placed
    shape: LesionShape
    tissue: LesionTissue
    breach: bool

    def depth_mm(self, local_mm: NDArray, bone_mm: NDArray) -> NDArray:
        """`bone_mm` is the bone's signed distance at the same points."""
        return self.limited_mm(*self.shape_mm(local_mm), bone_mm)

    def shape_mm(self, local_mm: NDArray) -> tuple[NDArray, NDArray]:
        """Depth in the lesion's ball and in its outgrowths, whatever the bone there."""
        ball: NDArray = self.shape.furthest_mm - np.linalg.norm(local_mm - self.shape.centre_mm, axis=-1)
        # Well beyond the ball that holds it, the distance to that ball will do.
        near = ball > -BALL_MARGIN_MM
        tongue = np.minimum(ball, -BALL_MARGIN_MM) if self.shape.outgrowths else np.full(ball.shape, -FAR_MM)
        ball[near] = self.shape.depth_mm(local_mm[near], tongues=False)
        if self.shape.outgrowths:
            tongue[near] = self.shape.in_tongue_mm(local_mm[near])
        return ball, tongue

    def limited_mm(self, ball_mm: NDArray, tongue_mm: NDArray, bone_mm: NDArray, sweep_mm: float = 0.0) -> NDArray:
        """Depth in what the bone leaves of the ball, and in the outgrowths; `sweep_mm` widens a breached bone."""
        limit = sweep_mm if self.breach else -SPARED_MM
        return np.maximum(np.minimum(ball_mm, limit - bone_mm), tongue_mm)

    @cached_property
    def box(self) -> tuple[Points, Points]:
        reach = self.shape.furthest_mm + 1.0
        return self.shape.centre_mm - reach, self.shape.centre_mm + reach


def place_tumour(number: int, spec: LesionSpec, placed: Placed, key: tuple[object, ...]) -> Tumour:
    """Raises InvalidAnswer where the vertebra has no such place."""

    def bone(local: Points) -> Points:
        return placed.shape.distance(*np.asarray(local, dtype=np.float64).T).astype(np.float64)

    centre = _centre(spec, placed, bone)
    shape = make_shape(
        spec.diameter_mm,
        spec.irregularity,
        (*key, "ball"),
        centre_mm=centre,
        outgrowths=_outgrowths(spec, placed, centre, bone, key),
    )
    breach = spec.breach if spec.breach is not None else _fit_share(shape, bone) < FIT_SHARE
    breach = breach or spec.grows_out or spec.place.name.startswith("COSTO")
    return Tumour(number, spec, placed, shape, make_tissue(spec, key), breach)


def _centre(spec: LesionSpec, placed: Placed, bone: Solid) -> Points:
    clearance = spec.diameter_mm / 2 + SPARED_MM
    if spec.breach and spec.place is not Place.CENTRE:
        clearance = (0.5 - OVER_EDGE) * spec.diameter_mm
    if spec.place.in_body:
        if placed.shape.body is None:
            raise InvalidAnswer(f"lesion: {placed.level.name} has no body.", "Name another place or level.")
        direction = np.array(BODY_DIRECTIONS[spec.place])
        return settle_centre(
            lambda p: -np.asarray(bone(p), dtype=np.float64), _body_middle(placed), direction, clearance, 40.0
        )
    if spec.place.name.startswith("COSTO"):
        return _joint(spec, placed, bone)
    part = SubRegion[spec.place.name]
    rods = [rod for rod, name in placed.shape.arch.rods if name is part]
    if not rods:
        raise InvalidAnswer(f"lesion: {placed.level.name} has no {part.words}.", "Name another place or level.")
    share = 0.7 if "PEDICLE" in part.name else 0.5
    return np.asarray(rods[0].start) * (1 - share) + np.asarray(rods[0].end) * share


def _body_middle(placed: Placed) -> Points:
    body = placed.shape.body
    assert body is not None
    top, low = body.endplates_at(0.0, 0.0)
    return np.array([0.0, 0.0, (top + low) / 2])


def _joint(spec: LesionSpec, placed: Placed, bone: Solid) -> Points:
    if placed.level.region is not Region.THORACIC:
        raise InvalidAnswer(f"lesion: {placed.level.name} bears no rib.", "Costovertebral joints are at T1 to T13.")
    size = placed.shape.size
    start = np.array([0.0, size.depth / 2 - JOINT_PLACE[0], JOINT_PLACE[1] * size.height])
    side = 1.0 if spec.place is Place.COSTOVERTEBRAL_LEFT else -1.0
    # The body's own side: the pedicle behind it would carry the ray on to its outer wall.
    body = placed.shape.body
    assert body is not None
    return settle_centre(
        lambda p: -np.asarray(body(*p.T), dtype=np.float64), start, np.array([side, 0.0, 0.0]), JOINT_DEPTH_MM, 40.0
    )


def _outgrowths(
    spec: LesionSpec, placed: Placed, centre: Points, bone: Solid, key: tuple[object, ...]
) -> tuple[Outgrowth, ...]:
    found = []
    if spec.canal_growth_mm > 0:
        x, y = placed.shape.canal.centre
        target = np.array([x, y, np.clip(centre[2], -6, 6)])
        reach = _edge(lambda p: placed.shape.canal(p[:, 0], p[:, 1]), centre, target - centre, 60.0)
        found.append((target - centre, reach + spec.canal_growth_mm))
    if spec.paravertebral_growth_mm > 0:
        outward = np.array([centre[0], min(centre[1], 0.0), 0.0])
        if np.linalg.norm(outward) < 2.0:
            outward = np.array([1.0 if keyed(*key, "side").random() < 0.5 else -1.0, -0.3, 0.0])
        reach = _edge(lambda p: -bone(p), centre, outward, 60.0)
        found.append((outward, reach + spec.paravertebral_growth_mm))
    width = TONGUE_WIDTH * spec.diameter_mm
    return tuple(Outgrowth(way / np.linalg.norm(way), reach, width) for way, reach in found)


def _edge(outside: Solid, start: Points, way: Points, reach_mm: float) -> float:
    """How far along a ray a function that is positive at its start first falls below zero."""
    steps = np.arange(0.0, reach_mm, 0.1)
    values = outside(start + steps[:, None] * way / np.linalg.norm(way))
    return float(steps[np.argmax(values < 0)]) if (values < 0).any() else 0.0


def _fit_share(shape: LesionShape, bone: Solid) -> float:
    """Share of the ball that lies under the cortex."""
    reach = np.linspace(-shape.furthest_mm, shape.furthest_mm, 24)
    local = shape.centre_mm + np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), -1).reshape(-1, 3)
    local = local[shape.depth_mm(local, tongues=False) > 0]
    return float(np.mean(bone(local) < -SPARED_MM))
