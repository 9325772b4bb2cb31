"""A block of bone as the strength model takes it, and what can be changed in it: its surface, its lesions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from spondyl.core.errors import ModelError

RIM_VOXELS = 1
"""Voxels around a lesion that are not taken for the patient's own healthy bone: they hold some of both. Own choice."""
DEPTH_EDGES_MM = (1.0, 2.0, 4.0)
"""Bone is denser towards its surface: own bone is averaged in these layers of depth. Own choice, shell to core."""
HEIGHT_ZONES = 3
"""And in these zones from bottom to top, because endplates are denser than the middle. Own choice."""
FEWEST_VOXELS = 20
"""Healthy voxels that a layer of a zone must hold to speak for it; else the layer over all zones does. Own choice."""
FEWEST_HEALTHY = 0.2
"""Share of the bone that must be free of lesions for it to say what the rest was like. Own choice."""
SMOOTH_VOXELS = 0.6
"""Gaussian width by which a mask is blurred to move its surface by half a voxel; own choice, checked on spheres of 8 to
16 voxels' radius: their volumes are those of a radius half a voxel smaller or larger within 2.5 %."""

LesionKind = Literal["lytic", "mixed", "blastic"]


@dataclass(frozen=True, eq=False)
class BoneLesion:
    mask: NDArray[np.bool_]
    """(x, y, z) on the block's grid."""
    kind: LesionKind


@dataclass(frozen=True, eq=False)
class BoneBlock:
    """Arrays (x, y, z), z up along the load, y to the back, x to the left."""

    density_mg_cc: NDArray[np.float64]
    """K2HPO4-equivalent; read in the bone and half a voxel around it."""
    bone: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    lesions: tuple[BoneLesion, ...] = ()
    cement: NDArray[np.bool_] | None = None
    """Loading caps that come with the block; None lets them be cast on its ends."""


def check_block(block: BoneBlock) -> None:
    """Raise ModelError for a block that can't be modelled."""
    bone, density = block.bone, block.density_mg_cc
    if len(block.spacing_mm) != 3 or not all(np.isfinite(step) and step > 0 for step in block.spacing_mm):
        raise ModelError(f"voxels of {block.spacing_mm} mm.", "Give three positive sizes.")
    masks = [lesion.mask for lesion in block.lesions] + ([] if block.cement is None else [block.cement])
    if bone.ndim != 3 or any(array.shape != bone.shape for array in (density, *masks)):
        shapes = ", ".join(str(array.shape) for array in (density, bone, *masks))
        raise ModelError(
            f"density, bone and the other masks are of shapes {shapes}.", "Give all on one (x, y, z) grid."
        )
    if not bone.any():
        raise ModelError("the bone mask of the block is empty.", "Check that the mask and the CT show the same level.")
    missing = int((~np.isfinite(density[bone])).sum())
    if missing:
        raise ModelError(
            f"{missing} of {int(bone.sum())} bone voxels have no density.",
            "Cut the block where the scan ends, or leave these voxels out of the mask.",
        )


def surface_moved(bone: NDArray[np.bool_], voxels: float) -> NDArray[np.bool_]:
    """The mask (x, y, z) with its surface moved outward by so many voxels (inward where negative), at most half a one.

    A flat surface blurred by a Gaussian takes the value Phi(-d) at d widths outside it: the mask is cut there.
    """
    blurred = ndimage.gaussian_filter(np.pad(bone.astype(np.float64), 2), SMOOTH_VOXELS)
    moved = blurred > special.ndtr(-voxels / SMOOTH_VOXELS)
    return np.asarray(moved[2:-2, 2:-2, 2:-2], dtype=bool)


def coarser(block: BoneBlock) -> BoneBlock:
    """The block with voxels twice as large: density of the bone in them, masks by majority."""
    bone = _pooled(block.bone) >= HALF
    # Density is averaged over the bone alone, so that its surface is not thinned by what lies outside it.
    known = np.isfinite(block.density_mg_cc)
    of_bone = _pooled(np.where(block.bone & known, block.density_mg_cc, 0.0))
    of_all = _pooled(np.where(known, block.density_mg_cc, 0.0))
    weight, weight_all = _pooled(block.bone & known), _pooled(known)
    density = np.where(
        weight > 0,
        of_bone / np.maximum(weight, 1),
        np.where(weight_all > 0, of_all / np.maximum(weight_all, 1), np.nan),
    )
    return BoneBlock(
        density_mg_cc=density,
        bone=bone,
        spacing_mm=(2 * block.spacing_mm[0], 2 * block.spacing_mm[1], 2 * block.spacing_mm[2]),
        lesions=tuple(BoneLesion(_pooled(lesion.mask) >= HALF, lesion.kind) for lesion in block.lesions),
        cement=None if block.cement is None else (_pooled(block.cement) >= HALF) & ~bone,
    )


HALF = 4
"""Voxels of the eight in a larger one."""


def _pooled(values: NDArray) -> NDArray[np.float64]:
    """Sums over 2 x 2 x 2 voxels; an odd end is filled up with zeros."""
    padded = np.pad(values.astype(np.float64), [(0, size % 2) for size in values.shape])
    x, y, z = (size // 2 for size in padded.shape)
    return padded.reshape(x, 2, y, 2, z, 2).sum(axis=(1, 3, 5))


def own_bone(block: BoneBlock) -> tuple[NDArray[np.float64] | None, str]:
    """What the density (x, y, z) would be with the patient's own bone in place of all lesions, and why not if None.

    A voxel takes the mean of the healthy bone at its depth below the surface and its third of the height.
    """
    lesions = np.any([lesion.mask for lesion in block.lesions], axis=0) & block.bone
    healthy = block.bone & ~ndimage.binary_dilation(lesions, iterations=RIM_VOXELS)
    if healthy.sum() < FEWEST_HEALTHY * block.bone.sum():
        share = healthy.sum() / block.bone.sum()
        return None, f"only {share:.0%} of this bone is free of lesions: too little to tell what it was like before."
    depth = np.digitize(ndimage.distance_transform_edt(block.bone, block.spacing_mm), DEPTH_EDGES_MM)
    zone = _zones(block.bone)
    filled = block.density_mg_cc.copy()
    everywhere = float(block.density_mg_cc[healthy].mean())
    for layer in range(len(DEPTH_EDGES_MM) + 1):
        of_layer = _mean(block.density_mg_cc, healthy & (depth == layer), everywhere)
        for height in range(HEIGHT_ZONES):
            here = (depth == layer) & (zone[None, None, :] == height)
            filled[lesions & here] = _mean(block.density_mg_cc, healthy & here, of_layer)
    return filled, ""


def _mean(density: NDArray[np.float64], where: NDArray[np.bool_], otherwise: float) -> float:
    return float(density[where].mean()) if where.sum() >= FEWEST_VOXELS else otherwise


def _zones(bone: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each layer z the zone of the bone's height that it lies in."""
    layers = np.flatnonzero(bone.any(axis=(0, 1)))
    share = (np.arange(bone.shape[2]) - layers[0] + 0.5) / (layers[-1] + 1 - layers[0])
    return np.clip((share * HEIGHT_ZONES).astype(np.int64), 0, HEIGHT_ZONES - 1)
