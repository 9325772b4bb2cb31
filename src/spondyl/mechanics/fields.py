"""Strain, stress and strain-energy density of each element from a solved model's displacements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.compiled import kernel, workers
from spondyl.mechanics.element import Material, elasticity, stiffness, strain_displacement
from spondyl.mechanics.solve import Solution
from spondyl.values.voxel_model import VoxelModel


@dataclass(frozen=True, eq=False)
class Fields:
    """Of the elements' centres; components xx, yy, zz, xy, yz, zx; shear strains are angles. 0 in voids."""

    strain: NDArray[np.float32]
    """(6, nx, ny, nz)."""
    stress_mpa: NDArray[np.float32]
    """(6, nx, ny, nz)."""


def fields(model: VoxelModel, solution: Solution, *, threads: int | None = None) -> Fields:
    """Strain and stress at the centre of each element."""
    materials: tuple[Material, ...] = (model.poisson_ratio, *model.grained)
    laws = np.array([elasticity(each) for each in materials])
    at_centre = strain_displacement(np.zeros(3), model.spacing_mm)
    # In memory as [z, y, x], like the displacements; handed out as (x, y, z).
    strain, stress = np.zeros((2, 6, *model.modulus_mpa.shape[::-1]), dtype=np.float32)
    modulus, material, u = _turned(model, solution)
    with workers(threads) as team:
        team.run(_fill_fields, modulus, material, u, at_centre, laws, strain, stress)
    return Fields(strain.transpose(0, 3, 2, 1), stress.transpose(0, 3, 2, 1))


def strain_energy_density(model: VoxelModel, solution: Solution, *, threads: int | None = None) -> NDArray[np.float64]:
    """Mean strain energy over each element's volume, (nx, ny, nz) in MPa (mJ/mm3); 0 in voids."""
    volume = float(np.prod(model.spacing_mm))
    materials: tuple[Material, ...] = (model.poisson_ratio, *model.grained)
    half_per_volume = np.array([stiffness(model.spacing_mm, each) / (2 * volume) for each in materials])
    energy = np.zeros(model.modulus_mpa.shape[::-1])
    modulus, material, u = _turned(model, solution)
    with workers(threads) as team:
        team.run(_fill_energy, modulus, material, u, half_per_volume, energy)
    return energy.transpose(2, 1, 0)


def _turned(model: VoxelModel, solution: Solution) -> tuple[NDArray, NDArray[np.uint8], NDArray[np.float64]]:
    """Moduli, materials [z, y, x] and displacements (3, z, y, x)."""
    kinds = np.zeros((1, 1, 1), np.uint8) if model.material is None else model.material.T
    u = solution.displacement_mm.transpose(0, 3, 2, 1)
    return np.ascontiguousarray(model.modulus_mpa.T), np.ascontiguousarray(kinds), np.ascontiguousarray(u)


@kernel
def _corner_values(u: Any, z: int, y: int, x: int, out: Any) -> None:
    """(24,): corner displacements, 3 a + component."""
    for corner in range(8):
        for component in range(3):
            i, j, k = x + (corner & 1), y + (corner >> 1 & 1), z + (corner >> 2)
            out[3 * corner + component] = u[component, k, j, i]


@kernel
def _fill_energy(begin: int, step: int, modulus: Any, material: Any, u: Any, half_per_volume: Any, energy: Any) -> None:
    corners = np.zeros(24)
    for z in range(begin, modulus.shape[0], step):
        for y in range(modulus.shape[1]):
            for x in range(modulus.shape[2]):
                if modulus[z, y, x] <= 0:
                    continue
                kind = material[z, y, x] if material.size > 1 else 0
                _corner_values(u, z, y, x, corners)
                total = 0.0
                for row in range(24):
                    force = 0.0
                    for column in range(24):
                        force += half_per_volume[kind, row, column] * corners[column]
                    total += force * corners[row]
                energy[z, y, x] = total * modulus[z, y, x]


@kernel
def _fill_fields(
    begin: int, step: int, modulus: Any, material: Any, u: Any, at_centre: Any, laws: Any, strain: Any, stress: Any
) -> None:
    corners, here = np.zeros(24), np.zeros(6)
    for z in range(begin, modulus.shape[0], step):
        for y in range(modulus.shape[1]):
            for x in range(modulus.shape[2]):
                if modulus[z, y, x] <= 0:
                    continue
                kind = material[z, y, x] if material.size > 1 else 0
                _corner_values(u, z, y, x, corners)
                for row in range(6):
                    here[row] = 0
                    for column in range(24):
                        here[row] += at_centre[row, column] * corners[column]
                    strain[row, z, y, x] = here[row]
                for row in range(6):
                    total = 0.0
                    for column in range(6):
                        total += laws[kind, row, column] * here[column]
                    stress[row, z, y, x] = total * modulus[z, y, x]
