"""The V-cycle of `multigrid`, launched on the GPU: the same levels, polynomials and transfers, kernel by kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import cuda

from spondyl.mechanics.gpu import kernels
from spondyl.mechanics.gpu.boxes import BoxedLevel, BoxedOperator

THREADS = 128
"""Threads in a block. Own choice: a thread of the operator uses many registers, so larger blocks fit worse."""


def launch(kernel: Any, threads: int, *arguments: Any) -> None:
    """Run a kernel on so many threads and not a block more."""
    kernel[-(-threads // THREADS), THREADS](*arguments)


@dataclass(frozen=True, eq=False)
class DeviceOperator:
    """K on the device. Vectors are flat, 3 * size, zero where no node is."""

    nodes: int
    places: Any
    strides: tuple[np.uint64, np.uint64, np.uint64]
    arguments: tuple[Any, ...]
    """What every kernel that applies K ends with."""

    @property
    def entries(self) -> int:
        """Length of a vector."""
        return 3 * int(self.strides[2])

    @property
    def of_nodes(self) -> tuple[Any, np.uint64]:
        """What every kernel ends with that looks at no neighbour."""
        return self.places, self.strides[2]

    def apply(self, u: Any, out: Any) -> None:
        """out = K u; forces in N for displacements in mm."""
        launch(kernels.apply, self.nodes, u, out, *self.arguments)


def on_device(operator: BoxedOperator, places: Any = None) -> DeviceOperator:
    """Copy an operator to the device; `places` where they already lie there."""
    if places is None:
        places = cuda.to_device(operator.box.places)
    arrays = [cuda.to_device(part) for part in (operator.modulus, operator.material, operator.table)]
    strides = operator.box.strides
    return DeviceOperator(len(operator.box.places), places, strides, (*arrays, places, *strides))


@dataclass(frozen=True, eq=False)
class DeviceLevel:
    operator: DeviceOperator
    weight: Any
    largest: float
    degree: int
    inverse: Any
    """None but on the coarsest level."""
    vectors: tuple[Any, ...]
    """Right-hand side, solution, residual, change, next change."""


def levels_on_device(levels: list[BoxedLevel]) -> list[DeviceLevel]:
    """Copy the levels to the device and give them their vectors."""
    return [_level_on_device(level) for level in levels]


def _level_on_device(level: BoxedLevel) -> DeviceLevel:
    zeros = np.zeros(len(level.weight), np.float32)
    return DeviceLevel(
        operator=on_device(level.operator),
        weight=cuda.to_device(level.weight),
        largest=level.largest,
        degree=level.degree,
        inverse=None if level.inverse is None else cuda.to_device(level.inverse),
        vectors=tuple(cuda.to_device(zeros) for _ in range(5)),
    )


def v_cycle(levels: list[DeviceLevel], depth: int = 0) -> Any:
    """One cycle for the right-hand side in that level's first vector; gives the vector that holds the result."""
    level = levels[depth]
    k = level.operator
    b, x, r, *changes = level.vectors
    if level.inverse is not None:
        launch(kernels.dense, k.nodes, level.inverse, b, x, *k.of_nodes)
        return x
    below = levels[depth + 1]
    coarse = below.operator

    launch(kernels.smooth_from_zero, k.nodes, b, r, changes[0], x, level.weight, _first(level), *k.of_nodes)
    _smooth_on(level)
    launch(kernels.residual, k.nodes, b, x, r, level.weight, *k.arguments)
    length = np.uint64(k.strides[2] // k.strides[1])
    into = below.vectors[0], below.weight, coarse.places, *coarse.strides
    launch(kernels.restrict, coarse.nodes, r, *k.strides, length, *into)

    correction = v_cycle(levels, depth + 1)
    launch(kernels.prolong, k.nodes, x, level.weight, k.places, *k.strides, correction, *coarse.strides)
    launch(kernels.residual, k.nodes, b, x, r, level.weight, *k.arguments)
    launch(kernels.smooth_again, k.nodes, r, changes[0], x, level.weight, _first(level), *k.of_nodes)
    _smooth_on(level)
    return x


def _first(level: DeviceLevel) -> np.float32:
    return chebyshev(0, level.largest)[1]


def _smooth_on(level: DeviceLevel) -> None:
    """The steps after the first."""
    _, x, r, change, following = level.vectors
    for step in range(1, level.degree):
        beta, alpha = chebyshev(step, level.largest)
        arguments = change, r, following, x, level.weight, beta, alpha
        launch(kernels.smooth, level.operator.nodes, *arguments, *level.operator.arguments)
        change, following = following, change


def chebyshev(step: int, largest: float) -> tuple[np.float32, np.float32]:
    """beta and alpha of one step of Chebyshev's polynomial of the fourth kind, as `multigrid` has them."""
    alpha = (8 * step + 4) / (2 * step + 3) / largest
    beta = (2 * step - 1) / (2 * step + 3) if step else 0
    return np.float32(beta), np.float32(alpha)
