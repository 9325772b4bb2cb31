"""The eight-node hexahedron of a box-shaped voxel, isotropic and linear-elastic.

Corner a of a voxel has x, y, z bits a & 1, a & 2, a & 4. `stiffness` is the textbook element (2x2x2 Gauss points, full
integration, exact for a box). `modal_coefficients` is the same matrix in the basis of the eight products of 1, xi, eta
and zeta, in which 45 of its 576 entries are left, because monomials of different parity are orthogonal over a box.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Spacing = tuple[float, float, float]


def lame(poisson_ratio: float) -> tuple[float, float]:
    """Lamé's lambda and mu of an isotropic solid with Young's modulus 1."""
    mu = 1 / (2 * (1 + poisson_ratio))
    return 2 * mu * poisson_ratio / (1 - 2 * poisson_ratio), mu


def elasticity(poisson_ratio: float) -> NDArray[np.float64]:
    """(6, 6), strain (xx, yy, zz, xy, yz, zx; shear strains are angles) to stress, for Young's modulus 1."""
    lam, mu = lame(poisson_ratio)
    matrix = np.diag(np.array([2 * mu] * 3 + [mu] * 3, dtype=np.float64))
    matrix[:3, :3] += lam
    return matrix


def corner_signs() -> NDArray[np.float64]:
    """(8, 3), -1 or +1: the corners in natural coordinates."""
    corner = np.arange(8)[:, None]
    return np.where(corner >> np.arange(3) & 1, 1.0, -1.0)


def strain_displacement(point: NDArray[np.float64], spacing_mm: Spacing) -> NDArray[np.float64]:
    """(6, 24): corner displacements (3 a + component) to strain at natural coordinates (3,) in -1 .. 1."""
    signs = corner_signs()
    factor = 1 + signs * point
    gradient = np.empty((8, 3))
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        gradient[:, axis] = signs[:, axis] * factor[:, others].prod(axis=1) / 8 * (2 / spacing_mm[axis])
    matrix = np.zeros((6, 24))
    for row in range(3):
        matrix[row, row::3] = gradient[:, row]
    for row, (first, second) in enumerate(((0, 1), (1, 2), (2, 0)), start=3):
        matrix[row, first::3] = gradient[:, second]
        matrix[row, second::3] = gradient[:, first]
    return matrix


def stiffness(spacing_mm: Spacing, poisson_ratio: float) -> NDArray[np.float64]:
    """(24, 24) stiffness in N/mm for Young's modulus 1 MPa; row 3 a + component."""
    law = elasticity(poisson_ratio)
    total = np.zeros((24, 24))
    for point in corner_signs() / np.sqrt(3):
        strain = strain_displacement(point, spacing_mm)
        total += strain.T @ law @ strain
    return total * np.prod(spacing_mm) / 8


def modal_coefficients(spacing_mm: Spacing, poisson_ratio: float) -> NDArray[np.float64]:
    """(15,) in N/mm for Young's modulus 1 MPa, for mode sums without the factor 1/8.

    0-8: [3 * axis + component], stretch of `component` along `axis` (lambda + 2 mu where they agree, else mu).
    9-14: pairs (x, y), (x, z), (y, z): first coupling d_i u_i * d_j u_j (lambda), then d_j u_i * d_i u_j (mu).
    """
    lam, mu = lame(poisson_ratio)
    slope = 2 / np.array(spacing_mm)
    scale = np.prod(spacing_mm) / 64
    table = np.zeros(15)
    for axis in range(3):
        for component in range(3):
            modulus = lam + 2 * mu if axis == component else mu
            table[3 * axis + component] = modulus * slope[axis] ** 2 * scale
    for pair, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        table[9 + 2 * pair] = lam * slope[i] * slope[j] * scale
        table[10 + 2 * pair] = mu * slope[i] * slope[j] * scale
    return table
