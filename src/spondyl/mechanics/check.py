"""What a voxel model must satisfy before it can be solved."""

from __future__ import annotations

import cc3d
import numpy as np

from spondyl.core.errors import ModelError
from spondyl.mechanics.element import is_physical
from spondyl.values.voxel_model import VoxelModel


def check(model: VoxelModel) -> None:
    """Raise ModelError when the model can't be posed."""
    modulus = model.modulus_mpa
    nodes = (3, *(size + 1 for size in modulus.shape))
    if model.held.shape != nodes or model.displacement_mm.shape != nodes:
        raise ModelError(
            f"supports of shape {model.held.shape} and {model.displacement_mm.shape} for nodes {nodes}.",
            "Give one entry a component and corner.",
        )
    if not np.isfinite(modulus).all() or (modulus < 0).any():
        raise ModelError("some moduli are negative or no numbers.", "Give 0 for void and a positive modulus elsewhere.")
    if not np.isfinite(model.displacement_mm[model.held]).all():
        raise ModelError("some prescribed displacements are no numbers.", "Give a displacement wherever one is held.")
    if not 0 <= model.poisson_ratio < 0.5 or min(model.spacing_mm) <= 0:
        raise ModelError(
            f"Poisson's ratio {model.poisson_ratio} and spacing {model.spacing_mm} mm.",
            "Poisson's ratio must lie in 0 .. 0.5 (0.5 itself excluded) and the spacing must be positive.",
        )
    _check_material(model)
    pieces = int(cc3d.connected_components(modulus > 0, connectivity=6, return_N=True)[1])
    if pieces != 1:
        raise ModelError(
            f"the voxels with a modulus form {pieces} pieces that share no face.",
            "Keep one piece: pieces that meet in an edge or corner only would swing freely.",
        )
    _check_places(model)


def _check_material(model: VoxelModel) -> None:
    for number, material in enumerate(model.grained, start=1):
        if not is_physical(material):
            raise ModelError(
                f"material {number} ({material}) would give energy back when strained.",
                "Moduli must be positive, and Poisson's ratios so small that every strain stores energy.",
            )
    if model.material is None:
        return
    if model.material.shape != model.modulus_mpa.shape or model.material.max(initial=0) > len(model.grained):
        raise ModelError(
            f"materials of shape {model.material.shape} up to number {model.material.max(initial=0)}, for voxels "
            f"{model.modulus_mpa.shape} and {len(model.grained)} materials with a grain.",
            "Give each voxel 0 (isotropic) or the number of one of the materials with a grain, counted from 1.",
        )


def _check_places(model: VoxelModel) -> None:
    """Forces must lie on the body, and so must some of what is held and some of what is moved."""
    touched = np.pad(model.modulus_mpa > 0, 1)
    for axis in range(3):
        touched = np.delete(touched, 0, axis) | np.delete(touched, -1, axis)
    if model.force_n is not None:
        if not np.isfinite(model.force_n).all():
            raise ModelError("some forces are no numbers.", "Give 0 where no force acts.")
        outside = int((model.force_n.any(axis=0) & ~touched).sum())
        if outside:
            raise ModelError(
                f"forces act on {outside} node(s) that touch no element.", "Put the load on nodes of the body."
            )
    moved = model.held & (model.displacement_mm != 0)
    for chosen, what in ((model.held, "held"), (moved, "moved")):
        if chosen.any() and not (chosen & touched).any():
            raise ModelError(
                f"none of the {int(chosen.sum())} components that are {what} lies on the body.",
                "Hold or move nodes that touch an element.",
            )
