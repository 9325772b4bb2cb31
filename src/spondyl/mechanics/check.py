"""What a voxel model must satisfy before it can be solved."""

from __future__ import annotations

from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.compiled import kernel
from spondyl.mechanics.element import is_physical
from spondyl.values.voxel_model import VoxelModel

HELD, HELD_ON_BODY, MOVED, MOVED_ON_BODY, BAD = range(5)


def check(model: VoxelModel) -> None:
    """Raise ModelError when the model can't be posed."""
    modulus = model.modulus_mpa
    nodes = (3, *(size + 1 for size in modulus.shape))
    if model.held.shape != nodes or model.displacement_mm.shape != nodes:
        raise ModelError(
            f"supports of shape {model.held.shape} and {model.displacement_mm.shape} for nodes {nodes}.",
            "Give one entry a component and corner.",
        )
    # Lowest and highest carry any NaN with them, without an array of answers.
    if modulus.size and not (modulus.min() >= 0 and modulus.max() < np.inf):
        raise ModelError("some moduli are negative or no numbers.", "Give 0 for void and a positive modulus elsewhere.")
    held = _held(model)
    if held[BAD]:
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
    _check_places(model, held)


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


def _check_places(model: VoxelModel, held: NDArray[np.int64]) -> None:
    """Forces must lie on the body, and so must some of what is held and some of what is moved."""
    if model.force_n is not None:
        if not np.isfinite(model.force_n).all():
            raise ModelError("some forces are no numbers.", "Give 0 where no force acts.")
        loaded = np.argwhere(model.force_n.any(axis=0))
        outside = sum(not _touches(model.modulus_mpa, x, y, z) for x, y, z in loaded)
        if outside:
            raise ModelError(
                f"forces act on {outside} node(s) that touch no element.", "Put the load on nodes of the body."
            )
    for all_, on_body, what in ((HELD, HELD_ON_BODY, "held"), (MOVED, MOVED_ON_BODY, "moved")):
        if held[all_] and not held[on_body]:
            raise ModelError(
                f"none of the {held[all_]} components that are {what} lies on the body.",
                "Hold or move nodes that touch an element.",
            )


def _held(model: VoxelModel) -> NDArray[np.int64]:
    """(5,): how many components are held and moved, how many of both lie on the body, how many are no numbers."""
    counts = np.zeros(5, dtype=np.int64)
    bits = np.ascontiguousarray(model.displacement_mm, dtype=np.float64).view(np.uint64)
    _count_held(np.ascontiguousarray(model.held).view(np.uint8), bits, model.modulus_mpa, counts)
    return counts


@kernel
def _count_held(held: Any, displacement_bits: Any, modulus: Any, counts: Any) -> None:
    sign, not_finite = np.uint64(1 << 63), np.uint64(0x7FF << 52)
    for component in range(3):
        for x in range(held.shape[1]):
            for y in range(held.shape[2]):
                for z in range(held.shape[3]):
                    if not held[component, x, y, z]:
                        continue
                    # Kernels are compiled as if there were no NaN, so the bits are asked.
                    bits = displacement_bits[component, x, y, z]
                    on_body, moved = _touches(modulus, x, y, z), (bits & ~sign) != 0
                    counts[BAD] += (bits & not_finite) == not_finite
                    counts[HELD] += 1
                    counts[HELD_ON_BODY] += on_body
                    counts[MOVED] += moved
                    counts[MOVED_ON_BODY] += moved and on_body


@kernel
def _touches(modulus: Any, x: int, y: int, z: int) -> bool:
    """Whether node x, y, z touches an element."""
    for i in range(max(x - 1, 0), min(x + 1, modulus.shape[0])):
        for j in range(max(y - 1, 0), min(y + 1, modulus.shape[1])):
            for k in range(max(z - 1, 0), min(z + 1, modulus.shape[2])):
                if modulus[i, j, k] > 0:
                    return True
    return False
