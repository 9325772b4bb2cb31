"""Multigrid levels kept up to date with yielding: every element takes the mean of its tangent's stiffnesses.

The lattices, the smoothers' bounds and the held components stay; only moduli and diagonals are worked out anew. The
cycle remains one for an isotropic body, which bears on the number of iterations and not on their result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.compiled import Workers
from spondyl.mechanics.cycle import ELEMENT, STRIDE
from spondyl.mechanics.multigrid import Levels, coarsened, invert_around
from spondyl.mechanics.plasticity import Body
from spondyl.mechanics.yielding import BULK, KEPT, SHEAR


def stiffness_share(solid: Body) -> NDArray[np.float32]:
    """(elements,): trace of the tangent over that of the elastic stiffness, for the displacements last looked at.

    Own choice: on the published vertebra it saves a fifth of all iterations, and shares nearer to the softest direction
    (harmonic or geometric means, what is left of the deviator) save none or cost more.
    """
    shear, bulk, kept = solid.single_constants[[SHEAR, BULK, KEPT]]
    across, along, volumetric = solid.tangent[6:9]
    lost = 4 * across + along * along + 3 * volumetric * volumetric
    return 1 - lost * (kept / (3 * bulk + 10 * shear))


def soften(levels: Levels, solid: Body, team: Workers) -> None:
    """Give all levels the moduli of the tangent."""
    packed = levels.packed
    modulus = np.zeros(solid.grid.active.shape)
    modulus[solid.grid.active] = solid.modulus * stiffness_share(solid)
    for depth, level in enumerate(levels):
        grid = level.operator.lattice
        begin, end = packed.table[depth], packed.table[depth + 1]
        elements = packed.modulus[begin[ELEMENT] : end[ELEMENT]]
        before = elements.sum(dtype=np.float64)
        elements[:] = modulus[grid.active]
        team.run(invert_around, modulus, grid.node, packed.inverse_diagonal[begin[STRIDE] : end[STRIDE]])
        if depth < len(levels) - 1:
            modulus = coarsened(modulus, team)
    packed.inverse[:] *= np.float32(before / elements.sum(dtype=np.float64))
