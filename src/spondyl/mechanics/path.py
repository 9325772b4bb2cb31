"""How a similar model moved along its load curve, as a guess of how this one will."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.grid import Lattice
from spondyl.mechanics.solve import to_vector


@dataclass(frozen=True, eq=False)
class Path:
    """Load factors, from 0 on, and displacements there (3, nx + 1, ny + 1, nz + 1), on this model's grid of voxels."""

    grid: Lattice
    load_factor: NDArray[np.float64]
    displacement_mm: tuple[NDArray[np.float32], ...]

    def moved_on(
        self,
        u: NDArray[np.float64],
        otherwise: NDArray[np.float64],
        elastic: NDArray[np.float64],
        start: float,
        stop: float,
    ) -> NDArray[np.float64]:
        """`u` at load factor `start` moved on to `stop`; `otherwise` at nodes that the similar model lacks.

        Its elastic motion (its first step stands for that) is taken out for this model's own, `elastic` at load factor
        1: what yielding does is more alike than what stiffness does.
        """
        theirs = self.displacement_mm[1] / self.load_factor[1]
        change = self._at(stop) - self._at(start) - (stop - start) * theirs
        last = self.displacement_mm[-1]
        known = to_vector(self.grid, np.broadcast_to(last.any(axis=0), last.shape)) > 0
        return np.where(known, u + (stop - start) * elastic + to_vector(self.grid, change), otherwise)

    def _at(self, factor: float) -> NDArray[np.float32]:
        """Displacements at a load factor within the path, between two points straight."""
        after = max(1, int(np.searchsorted(self.load_factor, factor)))
        low, high = self.load_factor[after - 1 : after + 1]
        share = np.float32((factor - low) / (high - low))
        before = self.displacement_mm[after - 1]
        return before + share * (self.displacement_mm[after] - before)
