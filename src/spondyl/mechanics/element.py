"""The eight-node hexahedron of a box-shaped voxel, linear-elastic, isotropic or with a grain along z.

Corner a of a voxel has x, y, z bits a & 1, a & 2, a & 4. `stiffness` is the textbook element (2x2x2 Gauss points, full
integration, exact for a box). `modal_coefficients` is the same matrix in the basis of the eight products of 1, xi, eta
and zeta, in which 45 of its 576 entries are left, because monomials of different parity are orthogonal over a box.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.values.voxel_model import TransverselyIsotropic

Spacing = tuple[float, float, float]


Material = float | TransverselyIsotropic
"""Poisson's ratio of an isotropic solid, or a solid with a grain; the modulus along z is 1 MPa in either."""


def lame(poisson_ratio: float) -> tuple[float, float]:
    """Lamé's lambda and mu of an isotropic solid with Young's modulus 1."""
    mu = 1 / (2 * (1 + poisson_ratio))
    return 2 * mu * poisson_ratio / (1 - 2 * poisson_ratio), mu


def elasticity(material: Material) -> NDArray[np.float64]:
    """(6, 6), strain (xx, yy, zz, xy, yz, zx; shear strains are angles) to stress, for Young's modulus (along z) 1."""
    return np.asarray(np.linalg.inv(_compliance(material)), dtype=np.float64)


def _compliance(material: Material) -> NDArray[np.float64]:
    if isinstance(material, TransverselyIsotropic):
        across, axial_shear = material.transverse_modulus, material.axial_shear
        axial_ratio, ratio = material.axial_poisson_ratio, material.transverse_poisson_ratio
    else:
        across, axial_shear, axial_ratio, ratio = 1.0, 1 / (2 * (1 + material)), material, material
    shear = across / (2 * (1 + ratio))
    compliance = np.diag([1 / across, 1 / across, 1.0, 1 / shear, 1 / axial_shear, 1 / axial_shear])
    compliance[0, 1] = compliance[1, 0] = -ratio / across
    compliance[:2, 2] = compliance[2, :2] = -axial_ratio
    return compliance


def is_physical(material: TransverselyIsotropic) -> bool:
    """Whether every strain stores energy: all constants finite and the compliance positive definite."""
    constants = (
        material.transverse_modulus,
        material.axial_shear,
        material.axial_poisson_ratio,
        material.transverse_poisson_ratio,
    )
    if not np.isfinite(constants).all() or min(constants[:2]) <= 0 or material.transverse_poisson_ratio <= -1:
        return False
    return bool(np.linalg.eigvalsh(_compliance(material)).min() > 0)


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


def stiffness(spacing_mm: Spacing, material: Material) -> NDArray[np.float64]:
    """(24, 24) stiffness in N/mm for Young's modulus (along z) 1 MPa; row 3 a + component."""
    law = elasticity(material)
    total = np.zeros((24, 24))
    for point in corner_signs() / np.sqrt(3):
        strain = strain_displacement(point, spacing_mm)
        total += strain.T @ law @ strain
    return total * np.prod(spacing_mm) / 8


def modal_coefficients(spacing_mm: Spacing, material: Material) -> NDArray[np.float64]:
    """(15,) in N/mm for Young's modulus (along z) 1 MPa, for mode sums without the factor 1/8.

    0-8: [3 * axis + component], stretch of `component` along `axis` (C_ii where they agree, else the shear modulus).
    9-14: pairs (x, y), (x, z), (y, z): first coupling d_i u_i * d_j u_j (C_ij), then d_j u_i * d_i u_j (shear modulus).
    """
    law = elasticity(material)
    slope = 2 / np.array(spacing_mm)
    scale = np.prod(spacing_mm) / 64
    shear = np.diag([np.nan] * 3)
    for row, (i, j) in enumerate(((0, 1), (1, 2), (2, 0)), start=3):
        shear[i, j] = shear[j, i] = law[row, row]
    table = np.zeros(15)
    for axis in range(3):
        for component in range(3):
            modulus = law[axis, axis] if axis == component else shear[axis, component]
            table[3 * axis + component] = modulus * slope[axis] ** 2 * scale
    for pair, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        table[9 + 2 * pair] = law[i, j] * slope[i] * slope[j] * scale
        table[10 + 2 * pair] = shear[i, j] * slope[i] * slope[j] * scale
    return table
