"""Anatomy and harmless changes that look like lesions and must not be reported as such."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import InvalidAnswer
from spondyl.phantoms.shapes import Array, Bar, ellipsoid
from spondyl.phantoms.spine import Placed

VEIN_HU, NODE_HU, SCLEROSIS_HU, ISLAND_HU, SPUR_HU = 45.0, 75.0, 480.0, 1150.0, 700.0
"""Own choice; bone islands lie above 885 HU, the cut-off against blastic metastases (ulano2016)."""
STRIPE_MM = 3.2
STRIPES_HU = (-40.0, 330.0)
"""Own choice: a haemangioma shows thick vertical trabeculae (polka dots in axial slices) in fat."""
STRIPE_RADIUS_MM = 0.75


@dataclass(frozen=True, eq=False)
class Mimic:
    """`solids` are added to the bone (osteophytes); elsewhere `hu` takes the bone's place inside `distance`."""

    kind: str
    placed: Placed
    centre_mm: NDArray
    solid: Bar | None
    size_mm: float
    phase: tuple[float, float]

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Signed, in the vertebra's frame."""
        c, s = self.centre_mm.tolist(), self.size_mm
        if self.kind == "basivertebral vein":
            wall = self.placed.shape.size.depth / 2
            return Bar((0, wall + 1, 0), (0, wall - 2 * s, 0), (s / 4, s / 2.2), (s / 7, s / 5))(x, y, z)
        if self.kind == "endplate sclerosis":
            return ellipsoid(x, y, z, (c[0], c[1], c[2]), (1.6 * s, 1.2 * s, 0.35 * s))
        if self.solid is not None:
            return self.solid(x, y, z)
        return ellipsoid(x, y, z, (c[0], c[1], c[2]), (s / 2, s / 2, s / 2))

    def hu(self, x: Array, y: Array, z: Array, bone_hu: float) -> Array:
        if self.kind == "haemangioma":
            dots = np.hypot(
                (x + self.phase[0]) % STRIPE_MM - STRIPE_MM / 2, (y + self.phase[1]) % STRIPE_MM - STRIPE_MM / 2
            )
            share = np.clip(STRIPE_RADIUS_MM - dots + 0.5, 0, 1)
            return STRIPES_HU[0] + (STRIPES_HU[1] - STRIPES_HU[0]) * share
        flat = {
            "basivertebral vein": VEIN_HU,
            "Schmorl node": NODE_HU,
            "endplate sclerosis": max(SCLEROSIS_HU, 1.6 * bone_hu),
            "bone island": ISLAND_HU,
            "osteophyte": SPUR_HU,
        }[self.kind]
        return np.full(x.shape, flat, dtype=x.dtype)


def build_mimic(kind: str, size_mm: float, placed: Placed, rng: np.random.Generator) -> Mimic:
    """Raises InvalidAnswer for C1, which has no body."""
    body, size = placed.shape.body, placed.shape.size
    if body is None:
        raise InvalidAnswer(f"mimics: {placed.level.name} has no body for a {kind}.", "Name another level.")
    side, x = float(rng.choice([-1.0, 1.0])), float(rng.uniform(-0.25, 0.25)) * size.width
    y = float(rng.uniform(-0.2, 0.2)) * size.depth
    top, low = body.endplates_at(x, y)
    up = side > 0
    phase = tuple(rng.uniform(0, STRIPE_MM, 2).tolist())
    centre, solid = np.array([x, y, 0.0]), None
    if kind == "Schmorl node":
        centre[2] = top - 0.2 * size_mm if up else low + 0.2 * size_mm
    elif kind == "endplate sclerosis":
        centre[2] = top - 0.3 * size_mm if up else low + 0.3 * size_mm
    elif kind == "haemangioma":
        centre[:2] *= 0.5
    elif kind == "osteophyte":
        half = (size.upper_width if up else size.lower_width) / 2
        edge = (size.height / 2 - 1.5) if up else -(size.height / 2 - 1.5)
        start = (side * (half - 4.0), -0.25 * size.depth, edge * 0.9)
        end = (side * (half + 0.5 * size_mm), -0.25 * size.depth - 1.0, edge * 1.05)
        solid = Bar(start, end, (2.0, 4.0), (1.3, 2.0))
        centre = np.array(end)
    return Mimic(kind, placed, centre, solid, size_mm, (phase[0], phase[1]))
