"""Vertebrae stacked into a spine: the curve, its deformities, and the course of the canal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level, Region
from spondyl.phantoms.deform import INTACT, Fracture
from spondyl.phantoms.morphometry import Sex, dimensions
from spondyl.phantoms.shapes import Array
from spondyl.phantoms.vertebra import VertebraShape
from spondyl.values.vertebra import Frame

Vector = NDArray[np.float64]
Variant = Literal["usual", "T13", "L6", "eleven thoracic", "four lumbar"]

SACRAL_SLOPE_SHARE = 0.65
"""Own choice: sacral slope over lumbar lordosis (about 40 and 60 degrees)."""
LUMBAR_WEIGHTS = (0.09, 0.14, 0.20, 0.25, 0.32)
"""Own choice: share of the lordosis of each joint from L1-L2 down; most of it lies at L4-S1."""
THORACIC_WEIGHTS = (0.5, 0.7, 0.9, 1.0, 1.1, 1.2, 1.2, 1.1, 1.0, 0.8, 0.5)
"""Own choice: the apex of the kyphosis lies at T6-T7."""
JOINT_GAP_MM = 1.0
"""Own choice: where two vertebrae would touch, the lower one gives way by this gap."""
LEAST_DISC_MM = 1.5
"""Own choice: at its narrowest edge a disc keeps this height, so that no body eats into its neighbour."""
DENS_ROOM_MM = 5.0
"""Own choice: at C1 the cord runs this far behind the middle of the ring, whose front the dens fills."""


def row_of(variant: Variant) -> tuple[Level, ...]:
    """C1 to S1 from the head down."""
    thoracic = {"T13": 13, "eleven thoracic": 11}.get(variant, 12)
    lumbar = {"L6": 6, "four lumbar": 4}.get(variant, 5)
    names = [f"C{n}" for n in range(1, 8)]
    names += [f"T{n}" for n in range(1, thoracic + 1)] + [f"L{n}" for n in range(1, lumbar + 1)]
    return (*(Level[name] for name in names), Level.S1)


@dataclass(frozen=True)
class Curve:
    """Angles in degrees. `scoliosis_deg` is the Cobb angle, its apex leaning to the left where positive."""

    cervical_lordosis_deg: float = 20.0
    thoracic_kyphosis_deg: float = 40.0
    lumbar_lordosis_deg: float = 55.0
    scoliosis_deg: float = 0.0
    scoliosis_apex: Level = Level.T9
    scoliosis_reach: int = 4
    """Levels from the apex to either end of the scoliotic curve."""


@dataclass(frozen=True)
class Joint:
    """What has happened to the joint of a level with the one above it."""

    kyphosis_deg: float = 0.0
    translation_ap_mm: float = 0.0
    """Of the level above on this one, backward positive."""
    translation_lr_mm: float = 0.0
    """To the patient's left positive."""


@dataclass(frozen=True, eq=False)
class Placed:
    """One vertebra where it lies."""

    shape: VertebraShape
    frame: Frame

    @property
    def level(self) -> Level:
        return self.shape.level

    def local(self, lps_mm: NDArray) -> tuple[Array, Array, Array]:
        """Points (n, 3) in LPS to x, y, z of the vertebra."""
        x, y, z = self.frame.to_local(lps_mm).T
        return x, y, z

    def seen_from(self, other: Placed, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Points of this vertebra's frame in the frame of another."""
        turn = (other.frame.axes.T @ self.frame.axes).tolist()
        shift = other.frame.to_local(self.frame.origin_mm).tolist()
        # Written out: a product with a 3x3 matrix takes ten times as long.
        a, b, c = (row[0] * x + row[1] * y + row[2] * z + move for row, move in zip(turn, shift, strict=True))
        return a, b, c

    def body_axis(self) -> Vector:
        """Half-way between the normals of both endplates, LPS; the frame's own z for C1."""
        if self.shape.body is None:
            return self.frame.axes[:, 2]
        normals = [np.array([0.0, -slope, 1.0]) for slope in self.shape.body.tilts()]
        middle = sum(normal / np.linalg.norm(normal) for normal in normals)
        return self.frame.axes @ (middle / np.linalg.norm(middle))


@dataclass(frozen=True, eq=False)
class Spine:
    vertebrae: tuple[Placed, ...]
    """From the head down."""

    @cached_property
    def of(self) -> dict[Level, Placed]:
        return {placed.level: placed for placed in self.vertebrae}

    def above(self, level: Level) -> Placed | None:
        place = [v.level for v in self.vertebrae].index(level)
        return self.vertebrae[place - 1] if place else None

    def evaluate(self, level: Level, x: Array, y: Array, z: Array) -> tuple[Array, NDArray[np.uint8]]:
        """Distance to one vertebra's bone at points of its own frame (flat arrays), and the sub-regions.

        Where it would run into the vertebra above it gives way by `JOINT_GAP_MM`.
        """
        placed = self.of[level]
        distance, part = placed.shape.evaluate(x, y, z)
        above = self.above(level)
        if above is not None:
            near = np.flatnonzero(distance < JOINT_GAP_MM + 1.0)
            other = above.shape.distance(*placed.seen_from(above, x[near], y[near], z[near]))
            distance[near] = np.maximum(distance[near], JOINT_GAP_MM - other)
        return distance, part

    @cached_property
    def canal_path(self) -> CubicHermiteSpline:
        """LPS mm by position along the row: 0 at the first vertebra's canal, 1 at the second's, downward."""
        centres, downs = [], []
        for placed in self.vertebrae:
            x, y = placed.shape.canal.centre
            y += DENS_ROOM_MM if placed.level is Level.C1 else 0.0
            centres.append(placed.frame.to_lps(np.array([x, y, 0.0])))
            downs.append(-placed.frame.axes[:, 2])
        points, tangents = np.array(centres), np.array(downs)
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        lengths = np.concatenate([steps[:1], (steps[1:] + steps[:-1]) / 2, steps[-1:]])
        return CubicHermiteSpline(np.arange(len(points)), points, tangents * lengths[:, None])


def build_spine(
    sex: Sex,
    age: float,
    stature_cm: float | None = None,
    *,
    variant: Variant = "usual",
    curve: Curve | None = None,
    fractures: Mapping[Level, Fracture] | None = None,
    joints: Mapping[Level, Joint] | None = None,
    compensated: bool = False,
) -> Spine:
    """Stacks C1 to S1 from the sacrum up, the middle of the row near the origin of LPS.

    A wedged body tilts all that lies above it by its own wedge; `compensated`, the discs take that back.
    """
    curve, fractures, joints = curve or Curve(), fractures or {}, joints or {}
    row = row_of(variant)
    shapes = [VertebraShape(n, dimensions(n, sex, stature_cm, age), fractures.get(n, INTACT)) for n in row]
    turn = Rotation.from_euler("x", SACRAL_SLOPE_SHARE * curve.lumbar_lordosis_deg, degrees=True)
    kyphosis, lean = _sagittal(row, curve), _coronal(row, curve)
    point = np.zeros(3)
    placed = [Placed(shapes[-1], Frame(point, turn.as_matrix()))]
    for n in range(len(row) - 2, -1, -1):
        below, here = shapes[n + 1], shapes[n]
        joint = joints.get(row[n + 1], Joint())
        wedge = 0.0 if compensated else wedge_deg(below)
        flexion = kyphosis[n] + joint.kyphosis_deg + wedge
        bend = Rotation.from_euler("xy", [flexion, lean[n]], degrees=True)
        over = turn * bend
        disc = Rotation.from_rotvec(bend.as_rotvec() / 2)
        top, low = _top(below), _low(here)
        point = (
            point
            + turn.apply([joint.translation_lr_mm, joint.translation_ap_mm, top])
            + (turn * disc).apply([0.0, 0.0, _disc_mm(below, here, flexion, lean[n])])
            + over.apply([0.0, 0.0, -low])
        )
        turn = over
        placed.append(Placed(here, Frame(point, turn.as_matrix())))
    middle = np.mean([v.frame.origin_mm for v in placed], axis=0)
    return Spine(tuple(Placed(v.shape, Frame(v.frame.origin_mm - middle, v.frame.axes)) for v in reversed(placed)))


def _disc_mm(below: VertebraShape, here: VertebraShape, flexion_deg: float, lean_deg: float) -> float:
    """The disc's own height, or more where the endplates would meet at its edge: a sharp bend hinges there."""
    if below.body is None or here.body is None:
        return here.size.disc
    slope = here.body.tilts()[1] + np.tan(np.radians(flexion_deg)) - below.body.tilts()[0]
    narrowed = below.size.upper_depth / 2 * abs(slope) + below.size.upper_width / 2 * abs(np.tan(np.radians(lean_deg)))
    return max(here.size.disc, LEAST_DISC_MM + float(narrowed))


def _top(shape: VertebraShape) -> float:
    return shape.body.centre_heights()[0] if shape.body else shape.size.height / 2


def _low(shape: VertebraShape) -> float:
    return shape.body.centre_heights()[1] if shape.body else -shape.size.height / 2


def wedge_deg(shape: VertebraShape) -> float:
    """By how much a fracture has tilted the upper endplate forward."""
    if shape.body is None or shape.fracture.loss == 0.0:
        return 0.0
    intact = VertebraShape(shape.level, shape.size).body
    assert intact is not None
    return float(np.degrees(np.arctan(shape.body.tilts()[0]) - np.arctan(intact.tilts()[0])))


def _sagittal(row: Sequence[Level], curve: Curve) -> list[float]:
    """Kyphosis of each joint (level n on level n + 1) in degrees."""
    angles = [0.0] * (len(row) - 1)
    # A joint goes with the region of its upper vertebra, but T12-L1 and C7-T1 are straight and C1 sits flat on C2.
    members = {
        region: [n for n in range(1, len(row) - 1) if row[n].region is region and row[n + 1].region in (region, end)]
        for region, end in ((Region.CERVICAL, None), (Region.THORACIC, None), (Region.LUMBAR, Region.SACRAL))
    }
    shapes = {
        Region.CERVICAL: ((1.0,) * 5, -curve.cervical_lordosis_deg),
        Region.THORACIC: (THORACIC_WEIGHTS, curve.thoracic_kyphosis_deg),
        Region.LUMBAR: (LUMBAR_WEIGHTS, -curve.lumbar_lordosis_deg),
    }
    for region, (weights, total) in shapes.items():
        places = members[region]
        share = np.interp(np.linspace(0, 1, len(places)), np.linspace(0, 1, len(weights)), weights)
        for n, part in zip(places, share / share.sum(), strict=True):
            angles[n] = float(total * part)
    return angles


def _coronal(row: Sequence[Level], curve: Curve) -> list[float]:
    """Lean of each level on the one below, to the left positive: out to the apex and back, straight above it."""
    angles = [0.0] * (len(row) - 1)
    if curve.scoliosis_deg == 0.0 or curve.scoliosis_apex not in row:
        return angles
    apex, reach = list(row).index(curve.scoliosis_apex), curve.scoliosis_reach
    # The tilt is half the Cobb angle at either end of the curve, opposite in sign, and dies away beyond.
    tilt = np.zeros(len(row))
    for n in range(len(row)):
        away = (n - apex) / reach
        if abs(away) < 2:
            tilt[n] = curve.scoliosis_deg / 2 * np.sin(np.pi / 2 * away)
    return [float(tilt[n] - tilt[n + 1]) for n in range(len(row) - 1)]
