"""Flat cement caps on the uneven ends of a block of bone, as in compression tests.

Each column of voxels is filled from the bone's outermost voxel to a flat face, some layers beyond the highest point,
over the endplate's footprint: the columns whose surface lies in that end's half of the height. What juts out further
down, an osteophyte of the other end or a waist, gets no cement pillar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CAP_MM = 3.0
"""Cement beyond the bone's outermost point, as in the published models (bonelab_spinefe: three voxels of 1 mm)."""


@dataclass(frozen=True, eq=False)
class CappedBlock:
    """Arrays (x, y, z), with `below` layers added at the bottom of the block's own z, and as needed at the top."""

    bone: NDArray[np.bool_]
    cement: NDArray[np.bool_]
    first: int
    """Index of the block's own first layer; negative when layers of it were cut off."""
    height_mm: float
    """Between the outermost bone voxels, without caps."""


def capped(bone: NDArray[np.bool_], spacing_z_mm: float) -> CappedBlock:
    """Bone with a cap on each end; the first and last layers of the result are the caps' flat faces."""
    layers = np.flatnonzero(bone.any(axis=(0, 1)))
    bottom, top = int(layers[0]), int(layers[-1]) + 1
    thickness = max(1, round(CAP_MM / spacing_z_mm))
    body = np.pad(bone[:, :, bottom:top], ((0, 0), (0, 0), (thickness, thickness)))
    upper = _filled_above(body)
    lower = _filled_above(body[:, :, ::-1])[:, :, ::-1]
    return CappedBlock(
        bone=body,
        cement=upper | lower,
        first=thickness - bottom,
        height_mm=(top - bottom) * spacing_z_mm,
    )


def _filled_above(bone: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels above the top bone voxel of each column whose top lies in the upper half."""
    depth = bone.shape[2]
    top = depth - np.argmax(bone[:, :, ::-1], axis=2)
    endplate = bone.any(axis=2) & (2 * top > depth)
    return endplate[:, :, None] & (np.arange(depth) >= top[:, :, None])
