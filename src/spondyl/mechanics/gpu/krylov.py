"""The conjugate gradients of `mechanics.krylov` on the GPU: single precision, its residual renewed in double.

The same steps and constants. Only sums come back to the CPU, which decides from them how to go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from spondyl.mechanics.gpu import kernels
from spondyl.mechanics.gpu.cycle import DeviceLevel, DeviceOperator, launch, v_cycle
from spondyl.mechanics.krylov import CONVERGED, DROP, OUT_OF_STEPS, ROUND_OFF, STAGNANT

PARTIAL_SUMS = 32768
"""Threads that share an inner product; each leaves one number for the CPU to add. Own choice: fills a large GPU with
few enough numbers to fetch in some microseconds. Fixed, so that the order of the sum is."""


@dataclass(frozen=True, eq=False)
class Search:
    """The vectors of one solve on the device."""

    double: DeviceOperator
    levels: list[DeviceLevel]
    load: Any
    x: Any
    """The answer; on entry the prescribed displacements."""
    product: Any
    """K x after each renewal."""
    p: Any
    y: Any
    """Change of x since the last renewal, in its units."""
    partial: Any

    def renewed(self, scale: float) -> float:
        """Take the change into x; the length of the true residual, which is left in the finest b over `scale`."""
        level, nodes, of_nodes = self.levels[0], self.double.nodes, self.double.of_nodes
        launch(kernels.take_change, nodes, self.x, self.y, scale, *of_nodes)
        self.double.apply(self.x, self.product)
        b = level.vectors[0]
        launch(kernels.true_residual, nodes, self.load, self.product, b, level.weight, 1 / scale, *of_nodes)
        return float(np.sqrt(self.dot(b, b))) * scale

    def rescale(self, factor: float) -> None:
        """b times a factor."""
        launch(kernels.rescale, self.double.nodes, self.levels[0].vectors[0], np.float32(factor), *self.double.of_nodes)

    def step(self, rho_before: float, carried: float) -> tuple[float, float]:
        """One iteration: b . V b, and the length of the new b."""
        level, nodes, of_nodes = self.levels[0], self.double.nodes, self.double.of_nodes
        b, *_, q = level.vectors
        z = v_cycle(self.levels)
        rho = self.dot(b, z)
        launch(kernels.new_direction, nodes, self.p, z, np.float32(rho / rho_before * carried), *of_nodes)
        level.operator.apply(self.p, q)
        alpha = np.float32(rho / self.dot(self.p, q))
        launch(kernels.advance, nodes, self.y, self.p, b, q, level.weight, alpha, *of_nodes)
        return rho, float(np.sqrt(self.dot(b, b)))

    def dot(self, a: Any, b: Any) -> float:
        """Inner product, added in an order that depends on the problem alone."""
        launch(kernels.inner, len(self.partial), a, b, self.partial, *self.double.of_nodes)
        return float(self.partial.copy_to_host().sum())


def search(
    double: DeviceOperator, levels: list[DeviceLevel], load: NDArray[np.float64], prescribed: NDArray[np.float64]
) -> Search:
    """Vectors for a load and prescribed displacements in box layout."""
    product = cuda.to_device(np.zeros_like(load))
    p, y = (cuda.to_device(np.zeros(len(load), np.float32)) for _ in range(2))
    partial = cuda.to_device(np.zeros(min(PARTIAL_SUMS, double.nodes)))
    return Search(double, levels, cuda.to_device(load), cuda.to_device(prescribed), product, p, y, partial)


def conjugate_gradients(found: Search, tolerance: float, max_iterations: int) -> tuple[list[float], int]:
    """Bring x to equilibrium; relative residuals, and one of `mechanics.krylov`'s outcomes."""
    history: list[float] = []
    scale, rho_before = 1.0, 1.0
    start = last = norm = found.renewed(scale)
    while norm > tolerance * start and len(history) < max_iterations:
        found.rescale(scale / norm)
        carried = norm / scale if history else 0.0
        scale, last, size = norm, norm, 1.0
        while size > DROP and size * scale > tolerance * start and len(history) < max_iterations:
            rho_before, size = found.step(rho_before, carried)
            history.append(size * scale / start)
            carried = 1.0
        norm = found.renewed(scale)
        history[-1] = norm / start
        if norm > STAGNANT * last:
            return history, CONVERGED if norm <= tolerance * start else ROUND_OFF
    return history, CONVERGED if norm <= tolerance * start else OUT_OF_STEPS
