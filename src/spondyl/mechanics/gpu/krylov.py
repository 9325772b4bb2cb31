"""The conjugate gradients of `mechanics.krylov` on the GPU: single precision, its residual renewed in double.

The same steps and constants. Only sums come back to the CPU, which decides from them how to go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from spondyl.mechanics.gpu import kernels
from spondyl.mechanics.gpu.cycle import DeviceLevel, DeviceOperator, launch, v_cycle
from spondyl.mechanics.krylov import CONVERGED, DROP, OUT_OF_STEPS, ROUND_OFF, STAGNANT

PARTIAL_SUMS = 32768
"""Threads that share an inner product; each leaves one number for the CPU to add. Own choice: fills a large GPU with
few enough numbers to fetch in some microseconds. Fixed, so that the order of the sum is."""


class Step(NamedTuple):
    """What one iteration leaves for the next."""

    rho: float
    """b . V b"""
    along_p: float
    """p . K p"""
    size: float
    """Length of the new b."""


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
    kp: Any
    """K p."""
    partial: Any

    def renewed(self, scale: float) -> float:
        """The length of the true residual, which is left in the finest b over `scale`."""
        level, nodes, of_nodes = self.levels[0], self.double.nodes, self.double.of_nodes
        self.double.apply(self.x, self.product)
        b = level.vectors[0]
        launch(kernels.true_residual, nodes, self.load, self.product, b, level.weight, 1 / scale, *of_nodes)
        return float(np.sqrt(self.dot(b, b))) * scale

    def rescale(self, factor: float) -> None:
        """b times a factor."""
        launch(kernels.rescale, self.double.nodes, self.levels[0].vectors[0], np.float32(factor), *self.double.of_nodes)

    def step(self, last: Step, scale: float, unit_change: float | None) -> Step:
        """One iteration; `unit_change` is given right after a renewal."""
        level, nodes, of_nodes = self.levels[0], self.double.nodes, self.double.of_nodes
        b = level.vectors[0]
        z = v_cycle(self.levels)
        rho = self.dot(b, z)
        textbook = 0.0 if unit_change is None else rho / last.rho * unit_change
        beta = -self.dot(z, self.kp) / last.along_p if unit_change is None else textbook
        launch(kernels.new_direction, nodes, self.p, z, np.float32(beta), *of_nodes)
        level.operator.apply(self.p, self.kp)
        along_p = self.dot(self.p, self.kp)
        alpha = np.float32(rho / along_p)
        launch(kernels.advance, nodes, self.x, self.p, b, self.kp, level.weight, alpha, scale, *of_nodes)
        return Step(rho, along_p, float(np.sqrt(self.dot(b, b))))

    def dot(self, a: Any, b: Any) -> float:
        """Inner product, added in an order that depends on the problem alone."""
        launch(kernels.inner, len(self.partial), a, b, self.partial, *self.double.of_nodes)
        return float(self.partial.copy_to_host().sum())


def search(
    double: DeviceOperator, levels: list[DeviceLevel], load: NDArray[np.float64], prescribed: NDArray[np.float64]
) -> Search:
    """Vectors for a load and prescribed displacements in box layout."""
    product = cuda.to_device(np.zeros_like(load))
    p, kp = (cuda.to_device(np.zeros(len(load), np.float32)) for _ in range(2))
    partial = cuda.to_device(np.zeros(min(PARTIAL_SUMS, double.nodes)))
    return Search(double, levels, cuda.to_device(load), cuda.to_device(prescribed), product, p, kp, partial)


def conjugate_gradients(found: Search, tolerance: float, max_iterations: int) -> tuple[list[float], int]:
    """Bring x to equilibrium; relative residuals, and one of `mechanics.krylov`'s outcomes."""
    history: list[float] = []
    scale, step = 1.0, Step(1.0, 1.0, 1.0)
    start = last = norm = found.renewed(scale)
    while norm > tolerance * start and len(history) < max_iterations:
        found.rescale(scale / norm)
        unit_change: float | None = norm / scale if history else 0.0
        scale, last, step = norm, norm, step._replace(size=1.0)
        while step.size > DROP and step.size * scale > tolerance * start and len(history) < max_iterations:
            step, unit_change = found.step(step, scale, unit_change), None
            history.append(step.size * scale / start)
        norm = found.renewed(scale)
        history[-1] = norm / start
        if norm > STAGNANT * last:
            return history, CONVERGED if norm <= tolerance * start else ROUND_OFF
    return history, CONVERGED if norm <= tolerance * start else OUT_OF_STEPS
