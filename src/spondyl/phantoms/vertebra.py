"""One vertebra as a smooth solid in its own frame: x to its left, y to its back, z up, origin in its body's middle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion as Part
from spondyl.phantoms.arch import Arch, build_arch
from spondyl.phantoms.body import Body
from spondyl.phantoms.deform import INTACT, Fracture
from spondyl.phantoms.morphometry import Dimensions
from spondyl.phantoms.shapes import FAR_MM, Array, Tube, smooth_max, smooth_min

BLEND_MM = 2.5
"""Own choice: fillets between rods, and between arch and body."""
REACH_MM = 4.0
"""Solids are evaluated this far beyond their surface; beyond, a distance is only known to be larger."""
SHELL_MM = 0.5
ENDPLATE_MM = 0.6
ARCH_SHELL_MM = 1.2
"""Own choice: cortical thickness of bodies (0.2 to 0.5 mm by micro-CT, more with the rim), endplates and arches."""


@dataclass(frozen=True)
class VertebraShape:
    """Distances are signed, in mm, negative in bone; points are three arrays of one shape in the vertebra's frame."""

    level: Level
    size: Dimensions
    fracture: Fracture = INTACT

    @cached_property
    def arch(self) -> Arch:
        return build_arch(self.level, self.size)

    @property
    def canal(self) -> Tube:
        """The bony canal: a tube along z, of which `arch.ring` says where its ring is closed."""
        return self.arch.canal

    @cached_property
    def body(self) -> Body | None:
        """None for C1."""
        if self.level is Level.C1:
            return None
        return Body(self.size, self.fracture, canal_half_width_mm=self.canal.half[0])

    @cached_property
    def box(self) -> tuple[NDArray, NDArray]:
        """Lowest and highest corner of all bone."""
        corners = [rod.box(1.0) for rod, _ in self.arch.rods]
        half = np.array([max(self.size.upper_width, self.size.lower_width) / 2, 0, self.size.height / 2 + 4])
        half[1] = max(self.size.upper_depth, self.size.lower_depth) / 2
        corners.append((-half - 1.0, half + 1.0))
        return np.min([low for low, _ in corners], axis=0), np.max([high for _, high in corners], axis=0)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        return self.evaluate(x, y, z)[0]

    def evaluate(self, x: Array, y: Array, z: Array) -> tuple[Array, NDArray[np.uint8]]:
        """Distance to the bone and the sub-region that each point belongs to (0 where nothing is near)."""
        shape, kind = x.shape, x.dtype
        x, y, z = (np.ascontiguousarray(c).ravel() for c in (x, y, z))
        arch, part = self._arch(x, y, z)
        body = self._body(x, y, z)
        bone = smooth_min(arch, body, BLEND_MM)
        if self.level not in (Level.C1, Level.S1):
            part[(body < 0.3) | (body <= arch)] = Part.BODY
        elif self.level is Level.S1:
            part[(body <= arch)] = Part.BODY
        bone = smooth_max(bone, -self.canal(x, y), 0.5)
        if self.body is not None and self.fracture.retropulsion_mm > 0:
            near = np.flatnonzero(bone < 30.0)
            fragment = self.body.fragment(x[near], y[near], z[near])
            if fragment is not None:
                part[near[fragment < np.minimum(bone[near], 0.5)]] = Part.BODY
                bone[near] = smooth_min(bone[near], fragment, 1.0)
        part[bone > REACH_MM] = 0
        return bone.astype(kind).reshape(shape), part.reshape(shape)

    def shell_mm(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Cortical thickness by sub-region."""
        return np.where(part == Part.BODY, np.float32(SHELL_MM), np.float32(ARCH_SHELL_MM))

    def _body(self, x: Array, y: Array, z: Array) -> Array:
        out = np.full(x.shape, FAR_MM, dtype=x.dtype)
        if self.body is None:
            return out
        reach = self.size.height / 2 + 6.0
        half_width = max(self.size.upper_width, self.size.lower_width) / 2 + REACH_MM
        half_depth = max(self.size.upper_depth, self.size.lower_depth) / 2 + REACH_MM
        near = np.flatnonzero((np.abs(z) < reach) & (np.abs(x) < half_width) & (np.abs(y) < half_depth))
        out[near] = self.body(x[near], y[near], z[near])
        return out

    def _arch(self, x: Array, y: Array, z: Array) -> tuple[Array, NDArray[np.uint8]]:
        # Each side by itself and then both, since a blended union depends on the order of its parts a little.
        sides = {side: np.full(x.shape, FAR_MM, dtype=x.dtype) for side in ("LEFT", "RIGHT", "")}
        best = np.full(x.shape, FAR_MM, dtype=x.dtype)
        part = np.zeros(x.shape, dtype=np.uint8)
        for rod, name in self.arch.rods:
            bone = sides[name.name.partition("_")[2]]
            (x0, y0, z0), (x1, y1, z1) = (corner.tolist() for corner in rod.box(REACH_MM))
            near = np.flatnonzero((x > x0) & (x < x1) & (y > y0) & (y < y1) & (z > z0) & (z < z1))
            here = rod(x[near], y[near], z[near])
            bone[near] = smooth_min(bone[near], here, BLEND_MM)
            first = here < best[near]
            best[near[first]] = here[first]
            part[near[first]] = name
        bone = smooth_min(smooth_min(sides["LEFT"], sides["RIGHT"], BLEND_MM), sides[""], BLEND_MM)
        self._close_ring(x, y, z, bone, best, part)
        return bone, part

    def _close_ring(self, x: Array, y: Array, z: Array, bone: Array, best: Array, part: NDArray[np.uint8]) -> None:
        """A sleeve around the canal, so that the ring is closed and its lumen is the canal itself; in place."""
        low, high, thick = self.arch.ring
        near = np.flatnonzero((z > low - REACH_MM) & (z < high + REACH_MM) & (bone < FAR_MM / 2))
        if self.arch.ring_in_front is False:
            wall = self.size.depth / 2 - 3.0
            near = near[y[near] > wall]
        along = np.abs(z[near] - (low + high) / 2) - (high - low) / 2
        here = smooth_max(self.canal(x[near], y[near]) - thick, along, 1.0)
        bone[near] = smooth_min(bone[near], here, 1.0)
        first = (here < best[near]) & (part[near] == 0)
        side = x[near] >= 0
        back = y[near] > self.canal.centre[1]
        left = np.where(back, int(Part.LAMINA_LEFT), int(Part.PEDICLE_LEFT))
        right = np.where(back, int(Part.LAMINA_RIGHT), int(Part.PEDICLE_RIGHT))
        part[near[first]] = np.where(side, left, right)[first]
