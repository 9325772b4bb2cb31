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


@dataclass(frozen=True, eq=False)
class Strength:
    stiffness_n_per_mm: float
    failure_load_n: float
    failure_load_interval_n: tuple[float, float]
    """95 %, from the sources named in `method`."""
    method: str
    """Law, load case, failure criterion and what the interval holds, in one sentence."""
    height_mm: float
    voxel_mm: tuple[float, float, float]
    elements: int
    solve: SolveReport
    strain_energy_density_mpa: NDArray[np.float32] = field(repr=False)
    """(x, y, z) at the estimated failure load, on the block's grid; 0 outside bone."""
    bone: NDArray[np.bool_] = field(repr=False)
    """(x, y, z) voxels of bone, without caps."""
    citations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
