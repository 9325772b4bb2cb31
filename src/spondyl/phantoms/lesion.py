"""A lesion of known shape and tissue, in its vertebra's own frame (x left, y back, z up, mm).

The surface is r(u) about the lesion's centre, a ball with smooth lobes and, where it grows out of the bone, a
tongue in that direction. Volume and centroid are integrals of powers of r over the sphere; without a tongue r is a
polynomial of degree `MAX_DEGREE` in u, so that Gauss quadrature gives them to the last digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from scipy.optimize import minimize
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

from spondyl.anatomy.levels import Level
from spondyl.phantoms.keyed import keyed
from spondyl.values.lesion import LesionType

Points = NDArray[np.float64]

LYTIC_HU = (30.0, 60.0)
"""Own choice: unenhanced soft tissue of a tumour, about that of muscle."""
BLASTIC_HU = (600.0, 1000.0)
"""Own choice for the core: with the graded edge the mean lies mostly below 885 HU, the cut-off between untreated
osteoblastic metastases and bone islands (ulano2016)."""
EDGE_MM: dict[LesionType, float] = {"lytic": 1.0, "mixed": 2.0, "blastic": 3.0}
"""Own choice: width of the zone from intact bone to tumour; a lytic edge is fairly sharp, sclerosis fades."""
BLASTIC_TEXTURE = 0.1
"""Own choice: relative SD of the mineral within a blastic lesion, in cloudlets."""
TEXTURE_WAVE_MM = 5.0
"""Own choice: wavelength of those cloudlets."""
MIXED_BLASTIC_HU = (450.0, 850.0)
"""Own choice: sclerosis amid destruction is seldom as dense as in a lesion that is all blastic."""
MIXED_WAVES = 0.7
"""Own choice: wavelength of a mixed lesion's lytic and blastic parts, over its diameter."""
MIXED_BORDER = 0.35
"""Own choice: half width of the border between such parts, in SD of the field that tells them apart."""
DEGREES = (2, 3, 4, 5, 6)
MAX_DEGREE = max(DEGREES)
"""Own choice: lobes no finer than a sixth of the circumference; a rough surface would be below the voxel."""
LOBES = 15
THINNEST_SHARE = 0.45
"""Own choice: no radius falls below this share of the mean."""
MAX_IRREGULARITY = 0.3


class Place(StrEnum):
    """Where in the vertebra; sides are the patient's."""

    CENTRE = "centre"
    ANTERIOR = "anterior"
    POSTERIOR = "posterior"
    LEFT = "left"
    RIGHT = "right"
    SUPERIOR = "superior"
    INFERIOR = "inferior"
    PEDICLE_LEFT = "pedicle_left"
    PEDICLE_RIGHT = "pedicle_right"
    LAMINA_LEFT = "lamina_left"
    LAMINA_RIGHT = "lamina_right"
    FACET_LEFT = "facet_left"
    FACET_RIGHT = "facet_right"
    COSTOVERTEBRAL_LEFT = "costovertebral_left"
    COSTOVERTEBRAL_RIGHT = "costovertebral_right"

    @property
    def in_body(self) -> bool:
        return self in BODY_DIRECTIONS


BODY_DIRECTIONS: dict[Place, tuple[float, float, float]] = {
    Place.CENTRE: (0.0, 0.0, 0.0),
    Place.ANTERIOR: (0.0, -1.0, 0.0),
    Place.POSTERIOR: (0.0, 1.0, 0.0),
    Place.LEFT: (1.0, 0.0, 0.0),
    Place.RIGHT: (-1.0, 0.0, 0.0),
    Place.SUPERIOR: (0.0, 0.0, 1.0),
    Place.INFERIOR: (0.0, 0.0, -1.0),
}
"""From the body's centre towards the places of the body."""


class LesionSpec(BaseModel):
    """One lesion as asked for; a table of a user's TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Level
    kind: LesionType = "lytic"
    diameter_mm: float = Field(default=14.0, ge=2.0, le=60.0, description="Longest diameter, without growth outside")
    place: Place = Place.CENTRE
    irregularity: float = Field(default=0.1, ge=0.0, le=MAX_IRREGULARITY, description="Relative SD of the radius")
    breach: bool | None = Field(default=None, description="Cortex eaten; unset: only where the lesion does not fit")
    canal_growth_mm: float = Field(default=0.0, ge=0.0, le=15.0, description="Beyond the bone, into the canal")
    paravertebral_growth_mm: float = Field(default=0.0, ge=0.0, le=40.0, description="Beyond the bone, outward")

    @field_validator("level", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return Level.parse(value) if isinstance(value, str) else value

    @property
    def grows_out(self) -> bool:
        return self.canal_growth_mm > 0 or self.paravertebral_growth_mm > 0


@dataclass(frozen=True, eq=False)
class Outgrowth:
    """A tongue of a lesion: where to (unit vector), how far from the lesion's centre, how wide at its root."""

    direction: Points
    reach_mm: float
    width_mm: float


@dataclass(frozen=True, eq=False)
class LesionShape:
    """The closed surface r(u) about `centre_mm`."""

    centre_mm: Points
    radius_mm: float
    """Scale of the lobed ball: r = radius * (1 + lobes)."""
    lobe_axes: Points
    """Unit vectors, (n, 3)."""
    lobe_series: Points
    """Legendre coefficients of each lobe in the cosine to its axis, (n, MAX_DEGREE + 1)."""
    outgrowths: tuple[Outgrowth, ...] = ()

    def radius_at(self, u: Points) -> Points:
        """r in mm for unit vectors (..., 3), tongues included."""
        ball = self.ball_radius_at(u)
        return ball + self._tongues(u)

    def ball_radius_at(self, u: Points) -> Points:
        """r in mm without the tongues."""
        total = np.ones(u.shape[:-1])
        for axis, series in zip(self.lobe_axes, self.lobe_series, strict=True):
            total += legendre.legval(u @ axis, series)
        return self.radius_mm * total

    def depth_mm(self, local_mm: Points, *, tongues: bool = True) -> Points:
        """r(u) - distance to the centre: positive inside, zero on the surface; points (..., 3) in the frame."""
        away = np.asarray(local_mm) - self.centre_mm
        distance = np.linalg.norm(away, axis=-1)
        u = away / np.maximum(distance, 1e-12)[..., None]
        return (self.radius_at(u) if tongues else self.ball_radius_at(u)) - distance

    def in_tongue_mm(self, local_mm: Points) -> Points:
        """Positive within the tongues, from the centre to their tips; for who keeps the rest of a lesion in bone."""
        away = np.asarray(local_mm) - self.centre_mm
        distance = np.linalg.norm(away, axis=-1)
        u = away / np.maximum(distance, 1e-12)[..., None]
        depth = self.radius_at(u) - distance
        beside = np.full(distance.shape, -np.inf)
        for growth in self.outgrowths:
            angle = np.arccos(np.clip(u @ growth.direction, -1, 1))
            beside = np.maximum(beside, (1.5 * self._half_angle(growth) - angle) * distance)
        return np.minimum(depth, beside)

    @cached_property
    def volume_mm3(self) -> float:
        u, weight = _sphere()
        return float(weight @ self.radius_at(u) ** 3 / 3)

    @cached_property
    def centroid_mm(self) -> Points:
        u, weight = _sphere()
        moment = (weight * self.radius_at(u) ** 4 / 4) @ u
        return np.asarray(self.centre_mm + moment / self.volume_mm3)

    @cached_property
    def longest_diameter_mm(self) -> float:
        """Greatest distance between two points of the surface."""
        return _longest(self.radius_at)

    @cached_property
    def box_mm(self) -> tuple[Points, Points]:
        """Lowest and highest coordinates in the frame, with a little to spare."""
        u = _sphere()[0]
        surface = self.radius_at(u)[:, None] * u * 1.02
        return self.centre_mm + surface.min(axis=0), self.centre_mm + surface.max(axis=0)

    @cached_property
    def furthest_mm(self) -> float:
        """Radius of the ball about the centre that holds the lesion, with a little to spare."""
        return float(self.radius_at(_sphere()[0]).max()) * 1.02

    def _half_angle(self, growth: Outgrowth) -> float:
        ball = float(self.ball_radius_at(growth.direction))
        return float(np.clip(np.arctan(growth.width_mm / 2 / (0.7 * max(growth.reach_mm, ball))), 0.15, 1.0))

    def _tongues(self, u: Points) -> Points:
        total = np.zeros(u.shape[:-1])
        for growth in self.outgrowths:
            gain = max(0.0, growth.reach_mm - float(self.ball_radius_at(growth.direction)))
            aside = (1 - u @ growth.direction) / (1 - np.cos(self._half_angle(growth)))
            total = np.maximum(total, gain * np.exp(-np.log(2) * aside**2))  # flat on top: a mass, not a spike
        return total


def make_shape(
    diameter_mm: float,
    irregularity: float,
    key: tuple[object, ...],
    *,
    centre_mm: Points,
    outgrowths: tuple[Outgrowth, ...] = (),
) -> LesionShape:
    """A lobed ball whose longest diameter is `diameter_mm` (tongues come on top); the same key, the same shape."""
    rng = keyed(*key, "lesion shape")
    axes = rng.normal(size=(LOBES, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    series = np.zeros((LOBES, MAX_DEGREE + 1))
    for n in range(LOBES):
        degree = DEGREES[n % len(DEGREES)]
        series[n, degree] = rng.choice([-1.0, 1.0]) / (degree - 1)
    u, weight = _sphere()
    unit = LesionShape(np.zeros(3), 1.0, axes, series)
    lobes = unit.ball_radius_at(u) - 1
    scale = irregularity / np.sqrt(weight @ lobes**2 / weight.sum())
    scale = min(scale, (1 - THINNEST_SHARE) / -lobes.min())
    unit = LesionShape(np.zeros(3), 1.0, axes, series * scale)
    radius = diameter_mm / _longest(unit.radius_at)
    return LesionShape(np.asarray(centre_mm, dtype=np.float64), radius, axes, series * scale, outgrowths)


@dataclass(frozen=True, eq=False)
class SmoothField:
    """A random function of place with mean 0 and SD 1: plane waves of one wavelength."""

    waves: Points
    """Wave vectors in rad/mm, (n, 3)."""
    phases: Points

    def at(self, local_mm: Points) -> Points:
        total = np.zeros(local_mm.shape[:-1])
        for wave, phase in zip(self.waves, self.phases, strict=True):
            total += np.cos(local_mm @ wave + phase)
        return total * np.sqrt(2 / len(self.phases))


def smooth_field(wavelength_mm: float, key: tuple[object, ...], *, waves: int = 24) -> SmoothField:
    rng = keyed(*key, "smooth field")
    directions = rng.normal(size=(waves, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return SmoothField(directions * 2 * np.pi / wavelength_mm, rng.uniform(0, 2 * np.pi, waves))


@dataclass(frozen=True, eq=False)
class LesionTissue:
    """What bone becomes within a lesion."""

    kind: LesionType
    lytic_hu: float
    blastic_hu: float
    texture: SmoothField
    parts: SmoothField
    """Of a mixed lesion: lytic where negative."""

    def blastic_share_at(self, local_mm: Points) -> Points:
        """0 where lytic, 1 where blastic."""
        if self.kind != "mixed":
            return np.full(np.shape(local_mm)[:-1], float(self.kind == "blastic"))
        return 0.5 * (1 + np.tanh(self.parts.at(local_mm) / MIXED_BORDER))

    def hu_at(self, local_mm: Points) -> Points:
        """HU of the tumour at points (..., 3) of the frame, before any scanner."""
        share = self.blastic_share_at(local_mm)
        mineral = self.blastic_hu * (1 + BLASTIC_TEXTURE * self.texture.at(local_mm))
        return self.lytic_hu + share * (mineral - self.lytic_hu)

    def cover(self, depth_mm: Points) -> Points:
        """How much of the bone is replaced, 0 to 1, by depth under the lesion's surface; one half on it."""
        edge = EDGE_MM[self.kind]
        part = np.clip(0.5 + depth_mm / edge, 0.0, 1.0)
        return part * part * (3 - 2 * part)


def make_tissue(spec: LesionSpec, key: tuple[object, ...]) -> LesionTissue:
    """Densities and texture of a lesion; the same key, the same tissue."""
    rng = keyed(*key, "lesion tissue")
    return LesionTissue(
        kind=spec.kind,
        lytic_hu=float(rng.uniform(*LYTIC_HU)),
        blastic_hu=float(rng.uniform(*(MIXED_BLASTIC_HU if spec.kind == "mixed" else BLASTIC_HU))),
        texture=smooth_field(TEXTURE_WAVE_MM, (*key, "texture")),
        parts=smooth_field(MIXED_WAVES * spec.diameter_mm, (*key, "parts")),
    )


def settle_centre(
    depth_mm: Callable[[Points], Points], start_mm: Points, direction: Points, clearance_mm: float, reach_mm: float
) -> Points:
    """The furthest point along a ray that still lies `clearance_mm` deep in the bone; without one, the deepest.

    `depth_mm` gives the depth under the bone's surface at points (n, 3); `direction` zero keeps the start.
    """
    if not np.any(direction):
        return np.asarray(start_mm, dtype=np.float64)
    steps = np.arange(0.0, reach_mm, 0.25)
    ray = np.asarray(start_mm) + steps[:, None] * np.asarray(direction, dtype=np.float64)
    depth = depth_mm(ray)
    within = depth > 0
    end = len(steps) if within.all() else int(np.argmin(within))
    clear = np.flatnonzero(depth[:end] >= clearance_mm)
    best = clear[-1] if len(clear) else int(np.argmax(depth[: max(end, 1)]))
    return np.asarray(ray[best])


def _sphere() -> tuple[Points, Points]:
    """Nodes (n, 3) and weights of a quadrature over the sphere: Gauss in cos(theta), even steps in phi."""
    return _NODES


def _nodes(rows: int) -> tuple[Points, Points]:
    z, row_weight = np.polynomial.legendre.leggauss(rows)
    phi = (np.arange(2 * rows) + 0.5) * np.pi / rows
    flat = np.sqrt(1 - z**2)
    u = np.stack(
        [np.outer(flat, np.cos(phi)), np.outer(flat, np.sin(phi)), np.broadcast_to(z[:, None], (rows, 2 * rows))], -1
    )
    return u.reshape(-1, 3), np.repeat(row_weight * np.pi / rows, 2 * rows)


_NODES = _nodes(48)
_COARSE_NODES = _nodes(20)
"""Enough to see which two lobes lie furthest apart; the search from there gives the distance."""


def _longest(radius_at: Callable[[Points], Points]) -> float:
    u = _COARSE_NODES[0]
    points = radius_at(u)[:, None] * u
    hull = ConvexHull(points).vertices
    apart = cdist(points[hull], points[hull])
    a, b = np.unravel_index(int(np.argmax(apart)), apart.shape)

    def shorter(at: Points) -> float:
        ends = at.reshape(2, 3)
        ends = ends / np.linalg.norm(ends, axis=1, keepdims=True)
        ends = radius_at(ends)[:, None] * ends
        return -float(np.linalg.norm(ends[0] - ends[1]))

    start = np.concatenate([u[hull[a]], u[hull[b]]])
    return -float(minimize(shorter, start, method="BFGS").fun)
