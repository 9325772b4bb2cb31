"""Yielding bone: Drucker-Prager plasticity with linear softening, one state an element; its kernels are in `yielding`.

The yield surface q + a I1 = k (q the von Mises stress, I1 the trace of the stress) is fitted to the uniaxial yield
stresses: a = (sc - st) / (sc + st) and k = 2 sc st / (sc + st); equal ones give von Mises. Flow is associated, so that
the tangent is symmetric, and the return to the surface is closed (desouzaneto2008): along the cone, or to its
apex. The equivalent plastic strain is the one that an axial test in compression reads off.

The state is taken at the element's centre and acts on the linear modes. The hourglass modes of an element (bending and
warping of one voxel) are weakened with it, as left elastic they overstiffen yielded zones. With r the secant ratio of
the stress deviator at the centre, their deviatoric stiffness is taken times r^1.5 and their volumetric one times r^4.5:
where bone flows, points off the centre add no stress along the flow and a part r across it, and a flow that keeps its
volume must not lock. Own choice of powers: of those tried (r to r^4 for either) these come within 2 % of eight-point
integration without locking (B-bar) on the tests' block; lower ones overstiffen, higher ones double the iterations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.compiled import ALONE, Workers
from spondyl.mechanics.element import Spacing, lame
from spondyl.mechanics.grid import Lattice
from spondyl.mechanics.yielding import SHEAR, SOFTENING, STATES, TANGENTS, U, internal_forces, tangent_forces
from spondyl.values.voxel_model import VoxelModel

BAND_MM = 1.0
"""Softening gathers in bands one voxel thick, whatever the voxel. So that a band always takes up the same energy per
area, `Plasticity.softening_strain` is meant for voxels of this size and is used times BAND_MM / voxel size. Own choice:
a band in vertebral bone is about one trabecular spacing (about 1 mm) thick or more."""
NEVER = 1e30
"""Stands for an infinite yield strain: kernels compiled with fast arithmetic must not see an infinity."""
STEEPEST = 0.5
"""Share of the shear stiffness 3 G that softening may take away, so that one element never snaps back. Own choice."""


@dataclass(frozen=True, eq=False)
class Plasticity:
    """When the voxels of a model yield and how they soften; only the isotropic material may yield."""

    compression_mpa: NDArray[np.float64]
    """(nx, ny, nz), yield stress in an axial test in compression; inf never yields; not read in voids."""
    tension_mpa: NDArray[np.float64]
    """(nx, ny, nz), in tension; inf where, and only where, `compression_mpa` is."""
    residual_share: float = 1.0
    """Share of the yield stress left after softening, 0 .. 1; 1 is perfectly plastic."""
    softening_strain: float = np.inf
    """Equivalent plastic strain over which the yield stress falls linearly to its residual, for voxels of `BAND_MM`."""


def check_plasticity(model: VoxelModel, plasticity: Plasticity) -> None:
    """Raise ModelError for yield stresses that don't fit the model."""
    if model.material is not None:
        raise ModelError(
            "a yielding model with grained materials.", "Leave `material` out: only isotropic bone yields."
        )
    bone = model.modulus_mpa > 0
    stresses = plasticity.compression_mpa, plasticity.tension_mpa
    if any(np.shape(stress) != bone.shape for stress in stresses):
        raise ModelError(
            f"yield stresses of shape {np.shape(stresses[0])} and {np.shape(stresses[1])} for voxels {bone.shape}.",
            "Give one of each a voxel.",
        )
    compression, tension = (stress[bone] for stress in stresses)
    if not ((compression > 0).all() and (tension > 0).all()):
        raise ModelError(
            "some yield stresses are not positive.", "Give a positive one (inf: never) wherever there is a modulus."
        )
    if (np.isinf(compression) != np.isinf(tension)).any():
        raise ModelError("some voxels yield in one direction only.", "Give both yield stresses, or inf for both.")
    if not 0 <= plasticity.residual_share <= 1 or not plasticity.softening_strain > 0:
        raise ModelError(
            f"a residual share of {plasticity.residual_share} and a softening strain of {plasticity.softening_strain}.",
            "The share must lie in 0 .. 1 and the strain must be positive.",
        )


@dataclass(eq=False)
class Body:
    """A model that may yield. `after` and `tangent` are written by `internal_force`; a body belongs to one curve."""

    grid: Lattice
    modulus: NDArray[np.float64]
    single_modulus: NDArray[np.float32]
    yields: NDArray[np.float64]
    """k / E of each element."""
    pressure: NDArray[np.float64]
    """a of each element."""
    constants: NDArray[np.float64]
    single_constants: NDArray[np.float32]
    before: NDArray[np.float64]
    """(7, elements) at the last accepted step: plastic strain xx, yy, zz, xy, yz, zx (tensor), and its equivalent."""
    after: NDArray[np.float64]
    """The same for the displacements last looked at."""
    tangent: NDArray[np.float32]
    """(10, elements); the last row is what weakens the hourglass modes."""

    def internal_force(
        self, u: NDArray[np.float64], out: NDArray[np.float64], team: Workers = ALONE, *, weakens: bool = True
    ) -> None:
        """Nodal forces in N that displacements in mm need; sets `after` and `tangent`.

        With `weakens` the hourglass modes are weakened by what is found here, else by what was found last.
        """
        team.run(
            internal_forces,
            u,
            out,
            self.modulus,
            self.yields,
            self.pressure,
            self.before,
            self.after,
            self.tangent,
            weakens,
            U(self.grid.stride),
            self.grid.runs,
            self.grid.blocks,
            self.constants,
            phases=2,
        )

    def apply_tangent(self, u: NDArray[np.float32], out: NDArray[np.float32], team: Workers = ALONE) -> None:
        """Change of the nodal forces for a small change of the displacements last looked at, in single precision."""
        grid, constants = self.grid, self.single_constants
        stride = U(grid.stride)
        modulus, tangent = self.single_modulus, self.tangent
        team.run(tangent_forces, u, out, modulus, tangent, stride, grid.runs, grid.blocks, constants, phases=2)

    def accept(self) -> None:
        """The displacements last looked at become the accepted ones."""
        self.before, self.after = self.after, self.before


def body(grid: Lattice, model: VoxelModel, plasticity: Plasticity) -> Body:
    """The elements of a checked model, unstrained."""
    modulus = model.modulus_mpa.T[grid.active].astype(np.float64)
    compression, tension = (
        np.asarray(stress, dtype=np.float64).T[grid.active]
        for stress in (plasticity.compression_mpa, plasticity.tension_mpa)
    )
    never = np.isinf(compression)
    compression, tension = (np.where(never, NEVER, stress / modulus) for stress in (compression, tension))
    total = compression + tension
    constants = _constants(model.spacing_mm, model.poisson_ratio, plasticity)
    yields = 2 * compression * (tension / total)
    _check_softening(constants, yields[~never])
    tangent = np.zeros((TANGENTS, len(modulus)), dtype=np.float32)
    tangent[-1] = 1
    return Body(
        grid=grid,
        modulus=modulus,
        single_modulus=modulus.astype(np.float32),
        yields=yields,
        pressure=(compression - tension) / total,
        constants=constants,
        single_constants=constants.astype(np.float32),
        before=np.zeros((STATES, len(modulus))),
        after=np.zeros((STATES, len(modulus))),
        tangent=tangent,
    )


TANGENT_KEPT = 0.96
"""Share of the loss of stiffness by yielding that the linear solves see: all of it would leave perfectly plastic zones
without any, and corrections there would overshoot. It bears on the number of iterations and not on their result. Own
choice: 0.9 to 0.96 take a quarter fewer than 0.99 on the published vertebra."""


def _constants(spacing_mm: Spacing, poisson_ratio: float, plasticity: Plasticity) -> NDArray[np.float64]:
    """What the kernels need to know of the element and the material, in the order of their indices."""
    lam, mu = lame(poisson_ratio)
    volume = float(np.prod(spacing_mm))
    strain = plasticity.softening_strain * BAND_MM / np.cbrt(volume)
    return np.array(
        [
            *(1 / (4 * step) for step in spacing_mm),
            volume,
            lam + 2 * mu / 3,
            1 / 3,
            0.5,
            lam,
            mu,
            plasticity.residual_share,
            (1 - plasticity.residual_share) / strain,
            TANGENT_KEPT,
        ]
    )


def _check_softening(constants: NDArray[np.float64], yields: NDArray[np.float64]) -> None:
    steepest = constants[SOFTENING] * yields.max(initial=0.0)
    allowed = STEEPEST * 3 * constants[SHEAR]
    if steepest > allowed:
        raise ModelError(
            f"softening {steepest / allowed:.3g} times too steep for voxels of this size.",
            "Give a larger softening strain or residual share, or smaller voxels.",
        )
