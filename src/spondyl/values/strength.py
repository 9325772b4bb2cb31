"""What the mechanics room gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class SolveStatus(StrEnum):
    CONVERGED = "converged"
    NOT_CONVERGED = "not converged"


@dataclass(frozen=True)
class SolveReport:
    """How the linear solve went; not converging is a value with its remedy, not an exception."""

    status: SolveStatus
    iterations: int
    residuals: tuple[float, ...]
    """Relative residual norm after each iteration."""
    remedy: str = ""


class LoadCase(StrEnum):
    """How the upper face of the block is moved against the lower one."""

    AXIAL = "axial"
    FLEXION = "flexion"
    SIDE_LEFT = "side-left"
    SIDE_RIGHT = "side-right"
    TORSION = "torsion"

    @property
    def words(self) -> str:
        return _CASES[self]


_CASES = {
    LoadCase.AXIAL: "axial compression",
    LoadCase.FLEXION: "compression with forward bending",
    LoadCase.SIDE_LEFT: "compression with bending to the left",
    LoadCase.SIDE_RIGHT: "compression with bending to the right",
    LoadCase.TORSION: "torsion",
}


@dataclass(frozen=True)
class LoadCurve:
    """Load against apparent strain, from the unloaded state on.

    In the compressive cases the load is the force in N and the apparent strain is the shortening along its line over
    the bone's height; in torsion they are the moment in N mm and the shear strain at the bone's outermost place.
    """

    strain: tuple[float, ...]
    load: tuple[float, ...]
    yielded_share: tuple[float, ...]
    """Share of the elements that have yielded, 0 to 1."""


@dataclass(frozen=True)
class Criteria:
    """Failure by each stated criterion, in the load's unit; None where the curve does not get there."""

    peak: float | None
    """Highest load, where it falls after it."""
    at_limit_strain: float | None
    """Load at 1.9 % apparent strain."""
    offset: float | None
    """Load at 0.2 % permanent strain."""
    linear: float | None
    """0.0068 K H, compression only."""


@dataclass(frozen=True)
class Spread:
    """What one source of uncertainty by itself does to the failure load."""

    source: str
    low_share: float
    """Change of the failure load at the source's unfavourable end, at most 0: -0.2 is 20 % less."""
    high_share: float
    """The same at its favourable end, at least 0."""
    words: str
    """What was varied, by how much, in one sentence."""


@dataclass(frozen=True)
class LesionEffect:
    """What lesions cost, and what cement would give back: the same model with only these voxels changed."""

    lesions: tuple[int, ...]
    """Places in the tuple of lesions that was handed in, from 0; all of them in the last entry of several."""
    share_of_bone: float
    """Share of the model's bone that they hold."""
    lost_share: float | None
    """Strength lost against the same bone with the patient's own bone in their place: 0.25 is a quarter. Negative
    where the lesion is stronger than that bone. None where it could not be told; `notes` say why."""
    lost_n: float | None
    """The same in N; None in torsion too."""
    cemented_share: float | None
    """Strength with the lesions filled by PMMA over strength as it is, less one."""
    regained_n: float | None
    """The same in N; None in torsion too."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Strength:
    """Of one block of bone under one load case: a force in the compressive cases, a moment in torsion."""

    load_case: LoadCase
    law: str
    """Name of the law from density to modulus and yield stress."""
    failure_load_n: float | None
    """Along the line of the force; None in torsion."""
    failure_load_interval_n: tuple[float, float] | None
    """The sources in `spreads` added as squares, each at its ends; only the calibration's are those of 95 %."""
    failure_moment_nmm: float | None
    """In torsion; None elsewhere."""
    failure_moment_interval_nmm: tuple[float, float] | None
    stiffness_n_per_mm: float | None
    """Force over shortening along its line; None in torsion."""
    torsional_stiffness_nmm_per_rad: float | None
    method: str
    """Law, load case, failure criterion and what the interval holds, in one or two sentences."""
    height_mm: float
    voxel_mm: tuple[float, float, float]
    elements: int
    solve: SolveReport
    """The linear solve that the stiffness rests on."""
    criteria: Criteria
    curve: LoadCurve
    strain_energy_density_mpa: NDArray[np.float32] = field(repr=False)
    """(x, y, z), linear, at the failure load, on the block's grid; 0 outside bone."""
    plastic_strain: NDArray[np.float32] = field(repr=False)
    """(x, y, z), equivalent, at the highest load; 0 where nothing has yielded and outside bone."""
    bone: NDArray[np.bool_] = field(repr=False)
    """(x, y, z) voxels of bone, without caps."""
    spreads: tuple[Spread, ...] = ()
    lesions: tuple[LesionEffect, ...] = ()
    citations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
