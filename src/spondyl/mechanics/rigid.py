"""Rigid motions that the supports leave free: they carry no strain, so the solve must not be asked about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from spondyl.mechanics.compiled import kernel
from spondyl.mechanics.element import Spacing
from spondyl.mechanics.grid import Lattice

FREE_BELOW = 1e-12
"""Share of a motion's square that held components may see before it counts as held. Own choice: round-off leaves
about 1e-30, and one held node of ten million sees 1e-8."""


@dataclass(frozen=True, eq=False)
class FreeMotions:
    """Orthonormal rigid motions that vanish at every held component."""

    grid: Lattice
    spacing_mm: NDArray[np.float64]
    centre_mm: NDArray[np.float64]
    weights: NDArray[np.float64]
    """(m, 6), m from 0 to 6: how much of each shift and of each turn about the centre."""

    def __len__(self) -> int:
        return len(self.weights)

    def __matmul__(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """(m,): inner products of a vector with the motions."""
        if not len(self.weights):
            return np.zeros(0)
        total = np.zeros(6)
        _project(self.grid.node, self.grid.stride, self.spacing_mm, self.centre_mm, vector, total)
        return self.weights @ total

    def add(self, amounts: NDArray[np.float64], vector: NDArray[np.float64]) -> None:
        """vector += sum of amounts (m,) times motions."""
        if len(self.weights):
            motion = amounts @ self.weights
            _add_motion(self.grid.node, self.grid.stride, self.spacing_mm, self.centre_mm, motion, vector)


def free_motions(grid: Lattice, spacing_mm: Spacing, held: NDArray) -> FreeMotions:
    """For held components (3, z + 1, y + 1, x + 1)."""
    spacing = np.array(spacing_mm, dtype=np.float64)
    count, first, second = _place_sums(grid.node)
    centre = first / count * spacing
    moments = second * np.outer(spacing, spacing) - count * np.outer(centre, centre)
    # Three shifts and three turns about the mean place: their inner products are the nodes' moments.
    products = linalg.block_diag(count * np.eye(3), np.trace(moments) * np.eye(3) - moments)
    seen = np.zeros((6, 6))
    _see(np.ascontiguousarray(held).view(np.uint8), grid.node, spacing, centre, seen)
    values, vectors = linalg.eigh(seen, products)
    return FreeMotions(grid, spacing, centre, np.ascontiguousarray(vectors[:, values < FREE_BELOW].T))


def free_rigid_modes(grid: Lattice, spacing_mm: Spacing, held: NDArray) -> NDArray[np.float64]:
    """(m, vector length), m from 0 to 6: orthonormal rigid motions that vanish at every held component."""
    motions = free_motions(grid, spacing_mm, held)
    modes = np.zeros((len(motions.weights), 3 * grid.stride))
    for mode, amount in zip(modes, np.eye(len(modes)), strict=True):
        motions.add(amount, mode)
    return modes


@kernel
def _place_sums(node: Any) -> Any:
    """Number of nodes, and the sums of their indices (3,) and of products of their indices (3, 3); x, y, z."""
    count = 0.0
    first, second = np.zeros(3), np.zeros((3, 3))
    for z in range(node.shape[0]):
        for y in range(node.shape[1]):
            n, sum_x, sum_xx = 0, 0, 0
            for x in range(node.shape[2]):
                if node[z, y, x] >= 0:
                    n, sum_x, sum_xx = n + 1, sum_x + x, sum_xx + x * x
            count += n
            first += np.array([sum_x, n * y, n * z])
            second[0, 0] += sum_xx
            second[1, 1] += n * y * y
            second[2, 2] += n * z * z
            second[0, 1] += sum_x * y
            second[0, 2] += sum_x * z
            second[1, 2] += n * y * z
    return count, first, second + second.T - np.diag(np.diag(second))


@kernel
def _motion_at(component: int, place: Any, motion: Any) -> None:
    """(6,): the component of the three unit shifts and the three unit turns at a place relative to the centre."""
    motion[:] = 0
    motion[component] = 1
    following, preceding = (component + 1) % 3, (component + 2) % 3
    # (turn x place) along a component: turn[following] place[preceding] - turn[preceding] place[following]
    motion[3 + following] = place[preceding]
    motion[3 + preceding] = -place[following]


@kernel
def _place(z: int, y: int, x: int, spacing: Any, centre: Any, place: Any) -> None:
    place[0], place[1], place[2] = x * spacing[0] - centre[0], y * spacing[1] - centre[1], z * spacing[2] - centre[2]


@kernel
def _see(held: Any, node: Any, spacing: Any, centre: Any, seen: Any) -> None:
    """Inner products of the six motions over held components."""
    motion, place = np.zeros(6), np.zeros(3)
    for component in range(3):
        for z in range(node.shape[0]):
            for y in range(node.shape[1]):
                for x in range(node.shape[2]):
                    if held[component, z, y, x] == 0 or node[z, y, x] < 0:
                        continue
                    _place(z, y, x, spacing, centre, place)
                    _motion_at(component, place, motion)
                    for i in range(6):
                        for j in range(6):
                            seen[i, j] += motion[i] * motion[j]


@kernel
def _project(node: Any, stride: int, spacing: Any, centre: Any, vector: Any, total: Any) -> None:
    motion, place = np.zeros(6), np.zeros(3)
    for z in range(node.shape[0]):
        for y in range(node.shape[1]):
            for x in range(node.shape[2]):
                if node[z, y, x] < 0:
                    continue
                _place(z, y, x, spacing, centre, place)
                for component in range(3):
                    _motion_at(component, place, motion)
                    total += motion * vector[component * stride + node[z, y, x]]


@kernel
def _add_motion(node: Any, stride: int, spacing: Any, centre: Any, weights: Any, vector: Any) -> None:
    motion, place = np.zeros(6), np.zeros(3)
    for z in range(node.shape[0]):
        for y in range(node.shape[1]):
            for x in range(node.shape[2]):
                if node[z, y, x] < 0:
                    continue
                _place(z, y, x, spacing, centre, place)
                for component in range(3):
                    _motion_at(component, place, motion)
                    vector[component * stride + node[z, y, x]] += (motion * weights).sum()
