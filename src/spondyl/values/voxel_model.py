"""A body of voxels, how it is held and how it is loaded: what the mechanics room solves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TransverselyIsotropic:
    """An elastic solid whose axis is z and which looks the same from all sides, relative to its Young's modulus E_z.

    E_x = E_y = `transverse_modulus` * E_z; G_xz = G_yz = `axial_shear` * E_z. `axial_poisson_ratio` is how much it
    widens when pressed along z (nu_zx); `transverse_poisson_ratio` is nu_xy. G_xy follows from E_x and nu_xy.
    """

    transverse_modulus: float
    axial_shear: float
    axial_poisson_ratio: float
    transverse_poisson_ratio: float


@dataclass(frozen=True, eq=False)
class VoxelModel:
    """Every voxel with a modulus is one linear-elastic hexahedron; nodes lie on the voxels' corners.

    Node arrays are (3, nx + 1, ny + 1, nz + 1): component first, then the corner's index. Entries at corners that
    touch no element are not read.
    """

    modulus_mpa: NDArray[np.float64]
    """(nx, ny, nz), Young's modulus, along z where the material has a grain; 0 is void."""
    spacing_mm: tuple[float, float, float]
    poisson_ratio: float
    """Of the isotropic material, number 0."""
    held: NDArray[np.bool_]
    """True where that component of the displacement is prescribed."""
    displacement_mm: NDArray[np.float64]
    """The prescribed displacements; read only where `held`."""
    force_n: NDArray[np.float64] | None = None
    """Nodal forces, read where not `held`; None is no force."""
    material: NDArray[np.uint8] | None = None
    """(nx, ny, nz), 0 for the isotropic material, k for `grained[k - 1]`; None is isotropic throughout."""
    grained: tuple[TransverselyIsotropic, ...] = ()
