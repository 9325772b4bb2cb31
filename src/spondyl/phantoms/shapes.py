"""Smooth solids as signed distances in mm: negative inside, right to first order near the surface.

Points are three float arrays x, y, z of one shape. A distance need not be exact far from the surface; it is what
partial volume and shells of a millimetre need.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Distance = Callable[[Array, Array, Array], Array]
Point = tuple[float, float, float]

FAR_MM = 1e3


def smooth_min(a: Array, b: Array, blend_mm: float) -> Array:
    """Union of two solids with a fillet; never thinner than both, and the plain minimum where they lie apart."""
    share = np.maximum(blend_mm - np.abs(a - b), 0.0) / blend_mm
    return np.minimum(a, b) - share * share * (blend_mm / 4)


def smooth_max(a: Array, b: Array, blend_mm: float) -> Array:
    """Intersection of two solids with a rounded edge."""
    return -smooth_min(-a, -b, blend_mm)


def coverage(distance: Array, voxel_mm: float) -> Array:
    """Share of a voxel that a solid fills, from the distance at its centre (a plane's, averaged over directions)."""
    return np.clip(0.5 - distance / voxel_mm, 0.0, 1.0)


def ellipsoid(x: Array, y: Array, z: Array, centre: Point, radii: Point) -> Array:
    """Distance to an ellipsoid along the axes, exact on a sphere."""
    return _ellipsoidal(x - centre[0], y - centre[1], z - centre[2], *radii)


def _ellipsoidal(u: Array, v: Array, w: Array, a: Array | float, b: Array | float, c: Array | float) -> Array:
    scaled = np.sqrt((u / a) ** 2 + (v / b) ** 2 + (w / c) ** 2)
    slope = np.sqrt((u / a**2) ** 2 + (v / b**2) ** 2 + (w / c**2) ** 2)
    least = np.minimum(np.minimum(a, b), c)
    # At the very centre the slope vanishes: the nearest surface is the smallest radius away.
    return np.where(scaled > 1e-3, scaled * (scaled - 1.0) / np.maximum(slope, 1e-6), -least)


@dataclass(frozen=True)
class Tube:
    """A straight tube along z whose cross-section is round in front and behind by two powers of a Lamé curve.

    `centre` is (x, y), `half` the half width and half depth; `powers` those of the front (y below the centre) and
    back half: 2 is an ellipse, higher is squarer.
    """

    centre: tuple[float, float]
    half: tuple[float, float]
    powers: tuple[float, float]

    def __call__(self, x: Array, y: Array) -> Array:
        return lame(x - self.centre[0], y - self.centre[1], self.half[0], self.half[1], self.powers)

    @property
    def area_mm2(self) -> float:
        """In closed form."""
        quarter = (math.gamma(1 + 1 / n) ** 2 / math.gamma(1 + 2 / n) for n in self.powers)
        return 2 * self.half[0] * self.half[1] * sum(quarter)


def lame(u: Array, v: Array, a: Array | float, b: Array | float, powers: tuple[float, float]) -> Array:
    """Distance to the curve |u/a|^n + |v/b|^n = 1, n being the first power where v < 0 and the second elsewhere."""
    n = np.where(v < 0, np.float32(powers[0]), np.float32(powers[1]))
    p, q = np.abs(u) / a, np.abs(v) / b
    radius = np.maximum((p**n + q**n) ** (1 / n), 1e-6)
    slope = radius ** (1 - n) * np.hypot(p ** (n - 1) / a, q ** (n - 1) / b)
    return (radius - 1) / np.maximum(slope, 1e-6)


@dataclass(frozen=True)
class Bar:
    """A rod of elliptic cross-section from `start` to `end` with rounded ends, its half axes going over linearly.

    The first half axis lies across the rod as near to `towards` as it can, the second across both.
    """

    start: Point
    end: Point
    half_start: tuple[float, float]
    half_end: tuple[float, float]
    towards: Point = (0.0, 0.0, 1.0)

    @cached_property
    def axes(self) -> tuple[list[float], list[float], list[float], float]:
        """Unit vectors along, first and second, and the length; plain floats, which leave float32 points float32."""
        along = np.subtract(self.end, self.start).astype(float)
        length = float(np.linalg.norm(along))
        along /= length
        first = np.asarray(self.towards, float) - np.dot(self.towards, along) * along
        first /= np.linalg.norm(first)
        return along.tolist(), first.tolist(), np.cross(along, first).tolist(), length

    def box(self, margin_mm: float) -> tuple[NDArray, NDArray]:
        reach = max(*self.half_start, *self.half_end) + margin_mm
        return np.minimum(self.start, self.end) - reach, np.maximum(self.start, self.end) + reach

    def __call__(self, x: Array, y: Array, z: Array) -> Array:
        along, first, second, length = self.axes
        dx, dy, dz = x - self.start[0], y - self.start[1], z - self.start[2]
        t = dx * along[0] + dy * along[1] + dz * along[2]
        u = dx * first[0] + dy * first[1] + dz * first[2]
        v = dx * second[0] + dy * second[1] + dz * second[2]
        on = np.clip(t, 0.0, length)
        share = on / length
        a = self.half_start[0] + (self.half_end[0] - self.half_start[0]) * share
        b = self.half_start[1] + (self.half_end[1] - self.half_start[1]) * share
        return _ellipsoidal(u, v, t - on, a, b, np.minimum(a, b))

    def mirrored(self) -> Bar:
        """The same rod on the other side of the mid-sagittal plane."""

        def flip(p: Point) -> Point:
            return -p[0], p[1], p[2]

        return Bar(flip(self.start), flip(self.end), self.half_start, self.half_end, flip(self.towards))
