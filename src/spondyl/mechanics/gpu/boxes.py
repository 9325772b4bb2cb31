"""The CPU solver's levels laid out for the GPU. All that the GPU's code knows of the CPU's data stands here.

The lattice's numbering suits rows; a GPU thread wants its neighbours without looking them up. So each level is stored
as its whole box of voxels, one layer of void around them: a node and the element whose first corner it is share one
place, and neighbours lie at fixed distances. Void costs memory and no time, as no thread visits it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spondyl.mechanics.grid import Lattice
from spondyl.mechanics.multigrid import DEGREES, Level
from spondyl.mechanics.operator import Operator
from spondyl.mechanics.solve import to_array

BYTES_A_PLACE = 240
"""Device memory for one place of the finest box: 3 vectors in double and 9 in single precision, the moduli in both,
places and materials, and a seventh more for the coarser levels; rounded up."""


@dataclass(frozen=True, eq=False)
class Box:
    """Where a lattice's nodes and elements lie in flat arrays."""

    grid: Lattice
    shape: tuple[int, int, int]
    """Places along z, y, x: two more than elements."""
    places: NDArray[np.uint64]
    """Of existing nodes, in order; node (z, y, x) lies at (z + 1, y + 1, x + 1)."""

    @property
    def size(self) -> int:
        """Places in all: the distance from one component of a vector to the next."""
        return int(np.prod(self.shape))

    @property
    def strides(self) -> tuple[np.uint64, np.uint64, np.uint64]:
        """Distance to the next row, layer and component, as the kernels want them."""
        return (np.uint64(self.shape[2]), np.uint64(self.shape[1] * self.shape[2]), np.uint64(self.size))

    def vector(self, nodal: NDArray, dtype: DTypeLike = np.float64) -> NDArray:
        """(3, nx + 1, ny + 1, nz + 1) to a flat vector of 3 * size entries, zero where no node is."""
        vector = np.zeros((3, *self.shape), dtype)
        vector[:, 1:, 1:, 1:] = np.where(self.grid.node >= 0, nodal.transpose(0, 3, 2, 1), 0)
        return vector.ravel()

    def nodal(self, vector: NDArray) -> NDArray:
        """A flat vector to (3, nx + 1, ny + 1, nz + 1)."""
        return vector.reshape(3, *self.shape)[:, 1:, 1:, 1:].transpose(0, 3, 2, 1)

    def elements(self, values: NDArray, dtype: DTypeLike) -> NDArray:
        """One value for each element in the lattice's order to a flat array of `size` entries, zero in void."""
        inner = np.zeros(self.grid.shape, dtype)
        inner[self.grid.active] = values
        return np.pad(inner, 1).ravel()


def box(grid: Lattice) -> Box:
    """The box of a lattice."""
    z, y, x = (size + 2 for size in grid.shape)
    exists = np.pad(grid.node >= 0, ((1, 0), (1, 0), (1, 0)))
    return Box(grid, (z, y, x), np.flatnonzero(exists).astype(np.uint64))


@dataclass(frozen=True, eq=False)
class BoxedOperator:
    """K of one level, in the precision of its arrays."""

    box: Box
    modulus: NDArray
    """(size,), MPa."""
    material: NDArray[np.uint8]
    """(size,), each element's row in `table`."""
    table: NDArray
    """(materials, 16): `element.modal_coefficients`, then 1/3."""


def boxed_operator(operator: Operator) -> BoxedOperator:
    """The CPU's operator in box layout and the same precision."""
    layout = box(operator.lattice)
    runs, real = operator.lattice.runs, operator.modulus.dtype
    return BoxedOperator(
        box=layout,
        modulus=layout.elements(operator.modulus, real),
        material=layout.elements(np.repeat(runs[:, 6], runs[:, 5].astype(np.int64)), np.uint8),
        table=np.hstack([operator.coefficients, np.full((len(operator.coefficients), 1), 1 / 3)]).astype(real),
    )


@dataclass(frozen=True, eq=False)
class BoxedLevel:
    operator: BoxedOperator
    weight: NDArray[np.float32]
    """(3 * size,), 1 / diag K; 0 at held components and where no node is."""
    largest: float
    """Largest eigenvalue of D^-1 K, slightly over-estimated."""
    degree: int
    """Smoothing steps before and after."""
    inverse: NDArray[np.float32] | None
    """(3, nodes, 3, nodes) on the coarsest level, else None."""


def boxed_levels(levels: list[Level]) -> list[BoxedLevel]:
    """The CPU's levels, from fine to coarse, in box layout."""
    return [_boxed_level(level, DEGREES[min(depth, len(DEGREES) - 1)]) for depth, level in enumerate(levels)]


def _boxed_level(level: Level, degree: int) -> BoxedLevel:
    operator = boxed_operator(level.operator)
    grid = operator.box.grid
    return BoxedLevel(
        operator=operator,
        weight=operator.box.vector(to_array(grid, level.inverse_diagonal.astype(np.float64)), np.float32),
        largest=level.largest,
        degree=degree,
        inverse=None if level.inverse is None else _by_node(level.inverse, grid),
    )


def _by_node(inverse: NDArray[np.float32], grid: Lattice) -> NDArray[np.float32]:
    """The coarsest inverse without the places of the CPU's vectors that hold no node, (3, nodes, 3, nodes)."""
    number = grid.node[grid.node >= 0].astype(np.int64)
    places = np.concatenate([axis * grid.stride + number for axis in range(3)])
    return inverse[np.ix_(places, places)].reshape(3, len(number), 3, len(number))
