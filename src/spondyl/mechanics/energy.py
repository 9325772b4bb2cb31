"""Strain energy of each element."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.element import corner_signs, stiffness
from spondyl.mechanics.solve import Solution
from spondyl.values.voxel_model import VoxelModel

AT_ONCE = 32768
"""Elements worked on at a time, to bound memory. Own choice."""


def strain_energy_density(model: VoxelModel, solution: Solution) -> NDArray[np.float64]:
    """Mean strain energy over each element's volume, (nx, ny, nz) in MPa (mJ/mm3); 0 in voids."""
    element = stiffness(model.spacing_mm, model.poisson_ratio) / (2 * np.prod(model.spacing_mm))
    corners = (corner_signs() > 0).astype(int)
    active = np.argwhere(model.modulus_mpa > 0)
    energy = np.zeros(model.modulus_mpa.shape)
    for start in range(0, len(active), AT_ONCE):
        at = active[start : start + AT_ONCE]
        x, y, z = (at[:, None, axis] + corners[:, axis] for axis in range(3))
        u = solution.displacement_mm[:, x, y, z].transpose(1, 2, 0).reshape(len(at), 24)
        per_mpa = ((u @ element) * u).sum(axis=1)
        voxel = tuple(at.T)
        energy[voxel] = per_mpa * model.modulus_mpa[voxel]
    return energy
