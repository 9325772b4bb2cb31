"""A vertebral body: its walls, its endplates and what a fracture makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.phantoms.deform import EDGE_SHARE, INTACT, Fracture, drops
from spondyl.phantoms.morphometry import Dimensions
from spondyl.phantoms.shapes import Array, ellipsoid, lame, smooth_max

POWERS = (2.4, 4.0)
"""Own choice: an axial slice is round in front and nearly square behind."""
RIM_SHARE = 0.85
"""Own choice: endplates are hollow inside this share of the half width and half depth."""
HOLLOW = (0.05, 0.07)
"""Own choice: depth of the upper and lower endplate's hollow over the body's height (1.2 and 1.7 mm in L3)."""
WAIST = 0.08
"""Own choice: share of the half width lost at mid-height, and at the front of the depth."""
EDGE_ROUNDING_MM = 2.0
FRAGMENT_WIDTH = 0.75
"""Own choice: half width of a retropulsed fragment over that of the canal."""
FRAGMENT_HEIGHT = 0.3
"""Own choice: its half height over the body's height; it sits at the upper back corner, where burst bodies break."""


@dataclass(frozen=True)
class Body:
    """In the vertebra's frame: origin in the middle of the intact body, back wall upright, y = depth / 2 at z = 0."""

    size: Dimensions
    fracture: Fracture = INTACT
    waist: float = WAIST
    hollow: tuple[float, float] = HOLLOW
    rounding_mm: float = EDGE_ROUNDING_MM
    canal_half_width_mm: float = 10.0

    def outline(self, z: Array) -> tuple[Array, Array, Array]:
        """Half width, half depth and the y of their middle at heights z."""
        size = self.size
        up = np.clip(z / size.height + 0.5, 0.0, 1.0)
        waist = self.waist * 4 * up * (1 - up)
        width = size.lower_width + (size.upper_width - size.lower_width) * up
        depth = size.lower_depth + (size.upper_depth - size.lower_depth) * up
        front = -depth / 2 * (1 - waist)
        return width / 2 * (1 - waist), (depth / 2 - front) / 2, (depth / 2 + front) / 2

    def wall_y(self, z: Array) -> Array:
        """The back wall in the midline, without a fragment."""
        _, half, middle = self.outline(z)
        return middle + half

    def side(self, x: Array, y: Array, z: Array) -> Array:
        """Distance to the side walls."""
        width, depth, middle = self.outline(z)
        return lame(x, y - middle, width, depth, POWERS)

    def intact_heights(self) -> tuple[float, float, float]:
        """Front, middle and back height before the fracture."""
        size = self.size
        return size.front_height, size.height * (1 - sum(self.hollow)), size.back_height

    def heights(self) -> tuple[float, float, float]:
        """Front, middle and back height in the mid-sagittal plane, in closed form."""
        front, middle, back = self.intact_heights()
        lost = self.fracture.losses()
        if self.fracture.shape == "wedge":
            # Half of the front's loss reaches the middle, whatever the hollow there.
            return front * (1 - lost[0]), middle - front * self.fracture.loss / 2, back
        return front * (1 - lost[0]), middle * (1 - lost[1]), back * (1 - lost[2])

    def height_loss(self) -> float:
        """Of front, middle and back the largest share lost."""
        return max(1 - now / intact for now, intact in zip(self.heights(), self.intact_heights(), strict=True))

    def endplates(self, x: Array, y: Array) -> tuple[Array, Array]:
        """z of the upper and of the lower endplate."""
        size = self.size
        share = y / size.depth + 0.5
        rim = size.front_height + (size.back_height - size.front_height) * (share - EDGE_SHARE) / (1 - 2 * EDGE_SHARE)
        square = (x / (RIM_SHARE * size.width / 2)) ** 2 + (y / (RIM_SHARE * size.depth / 2)) ** 2
        bowl = np.maximum(1 - square**2, 0.0) ** 2
        down, up = drops(self.fracture, share, np.sqrt(square), *self.intact_heights())
        return (
            rim / 2 - self.hollow[0] * size.height * bowl - down,
            -rim / 2 + self.hollow[1] * size.height * bowl + up,
        )

    def endplates_at(self, x: float, y: float) -> tuple[float, float]:
        """z of the upper and of the lower endplate at one place."""
        top, bottom = self.endplates(np.array([x]), np.array([y]))
        return float(top[0]), float(bottom[0])

    def tilts(self) -> tuple[float, float]:
        """Slope of the upper and lower endplate's rim along y (mm a mm), from front and back."""
        front, _, back = self.heights()
        intact_front, _, intact_back = self.intact_heights()
        span = (1 - 2 * EDGE_SHARE) * self.size.depth
        lower = -(intact_back - intact_front) / (2 * span)
        return (back - front) / span + lower, lower

    def centre_heights(self) -> tuple[float, float]:
        """z of the rims' planes at the body's middle, above and below: where the discs begin."""
        front, _, back = self.heights()
        low = -self.size.height / 2
        return low + (front + back) / 2, low

    def __call__(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance, without the fragment that stands into the canal."""
        top, bottom = self.endplates(x, y)
        side = self.side(x, y, z)
        upper, lower = self.tilts()
        over = (z - top) / float(np.hypot(1.0, upper))
        under = (bottom - z) / float(np.hypot(1.0, lower))
        if self.rounding_mm == 0.0:
            return np.maximum(np.maximum(over, under), side)
        return smooth_max(np.maximum(over, under), side, self.rounding_mm)

    def fragment(self, x: Array, y: Array, z: Array) -> Array | None:
        """Distance to the retropulsed back wall, None where there is none."""
        reach = self.fracture.retropulsion_mm
        if reach <= 0.0:
            return None
        top, _ = self.centre_heights()
        height = FRAGMENT_HEIGHT * self.size.height
        wall = self.size.depth / 2
        radii = (FRAGMENT_WIDTH * self.canal_half_width_mm, reach + 2.0, height)
        whole = ellipsoid(x, y, z, (0.0, wall - 2.0, top - height), radii)
        # Only what lies behind the front of the body's back third, so that no fragment crosses the body.
        return smooth_max(whole, wall - 8.0 - y, 1.0)
