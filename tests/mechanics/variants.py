"""The published vertebra with one assumption changed at a time: what could explain the published stiffness?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mechanics.models import (
    PUBLISHED_SHORTENING_MM,
    PUBLISHED_TOP,
    largest_piece,
    published_images,
    published_vertebra,
)
from spondyl.mechanics.solve import solve
from spondyl.values.strength import SolveStatus
from spondyl.values.voxel_model import VoxelModel

PRINTED_N_PER_MM = 12362.0
RIGID_MPA = 1e5
SOFTEST_MPA = 1e-4
"""Where the linear law falls to nothing, as published."""


def variants() -> dict[str, VoxelModel]:
    """The model as described comes first. Skips where the files are not."""
    model = published_vertebra()
    density, labels = published_images()
    cement = (labels >= 5) & (model.modulus_mpa > 0)
    held = model.held | model.held[2]
    sides_and_linear = replace(_with(model, _linear_law(model, density, cement)), held=held)
    return {
        "as described": model,
        "linear law of the same authors": _with(model, _linear_law(model, density, cement)),
        "sides of both faces held": replace(model, held=held),
        "rigid cement": _with(model, np.where(cement, RIGID_MPA, model.modulus_mpa)),
        "Poisson's ratio 0.4": replace(model, poisson_ratio=0.4),
        "body without its arch": _with(model, _piece(np.where(np.isin(labels, (3, 4)), 0.0, model.modulus_mpa))),
        "linear law, sides held and rigid cement": _with(
            sides_and_linear, np.where(cement, RIGID_MPA, sides_and_linear.modulus_mpa)
        ),
    }


def _linear_law(model: VoxelModel, density: NDArray, cement: NDArray) -> NDArray[np.float64]:
    """E = -34.7 + 3230 rho (rho in g/cc), as Kopperdahl 2002 and Crawford 2003 are coded elsewhere."""
    law = np.maximum(3230.0 * density / 1000 - 34.7, SOFTEST_MPA)
    return np.where((model.modulus_mpa > 0) & ~cement, law, model.modulus_mpa)


def _piece(modulus: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(largest_piece(modulus > 0), modulus, 0.0)


def _with(model: VoxelModel, modulus: NDArray[np.float64]) -> VoxelModel:
    return replace(model, modulus_mpa=modulus)


def stiffness_n_per_mm(model: VoxelModel) -> float:
    solution = solve(model)
    assert solution.report.status is SolveStatus.CONVERGED
    return float(-solution.reaction_n[2, :, :, PUBLISHED_TOP].sum() / PUBLISHED_SHORTENING_MM)
