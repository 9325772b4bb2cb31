"""A body of voxels, how it is held and how it is loaded: what the mechanics room solves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class VoxelModel:
    """Every voxel with a modulus is one linear-elastic hexahedron; nodes lie on the voxels' corners.

    Node arrays are (3, nx + 1, ny + 1, nz + 1): component first, then the corner's index. Entries at corners that
    touch no element are not read.
    """

    modulus_mpa: NDArray[np.float64]
    """(nx, ny, nz); 0 is void."""
    spacing_mm: tuple[float, float, float]
    poisson_ratio: float
    held: NDArray[np.bool_]
    """True where that component of the displacement is prescribed."""
    displacement_mm: NDArray[np.float64]
    """The prescribed displacements; read only where `held`."""
    force_n: NDArray[np.float64] | None = None
    """Nodal forces, read where not `held`; None is no force."""
