"""Flat cement caps on the uneven ends of a block of bone, as in compression tests.

Each column of voxels is filled from the bone's outermost voxel to a flat face, some layers beyond the highest point,
over the endplate's footprint: the columns whose surface lies near the plane that fits the endplate best. What begins
further down (the root of a pedicle, a waist, an osteophyte of the other end) would get a pillar of cement beside the
bone that carries load past it, and gets none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError

CAP_MM = 3.0
"""Cement beyond the bone's outermost point, as in the published models (bonelab_spinefe: three voxels of 1 mm)."""
ENDPLATE_REACH = 0.15
"""Share of the height that an endplate's surface may lie below its best plane. Own choice: 4 mm in a body of 27 mm
holds the concavity; on the published vertebra 0.1 to 0.25 give a stiffness within 0.6 %, while 0.35 lets in the
pedicles' roots and gives 24 % too much."""
FITS = 5
"""Rounds of fitting the plane and leaving out what lies too far below; own choice, two or three settle it."""


TIP_SHARE = 0.1
"""Outermost layers of less than this share of the median layer's area are stray tips and add no height. Own choice: it
gives the 29 mm that bonelab_spinefe prints for the vertebra in the tests, whose tips reach over 31 mm."""


@dataclass(frozen=True, eq=False)
class CappedBlock:
    """Bone between two caps; arrays (x, y, z) on a grid that may reach further along z than the block's own."""

    bone: NDArray[np.bool_]
    cement: NDArray[np.bool_]
    offset: int
    """Layer z of the block that was handed in is layer z + offset here."""
    height_mm: float
    """From the lowest to the highest layer of bone between the caps, stray tips left out."""
    lower_layer: int
    """Node layer of the lower cap's outer face; the upper one's is `upper_layer`."""
    upper_layer: int

    def face(self, layer: int, solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Nodes (x + 1, y + 1, z + 1) of a cap's outer face, on elements that are `solid`."""
        voxels = layer if layer == self.lower_layer else layer - 1
        flat = np.pad(self.cement[:, :, voxels] & solid[:, :, voxels], 1)
        nodes = np.zeros([size + 1 for size in self.bone.shape], dtype=bool)
        nodes[:, :, layer] = flat[:-1, :-1] | flat[1:, :-1] | flat[:-1, 1:] | flat[1:, 1:]
        return nodes


def capped(bone: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> CappedBlock:
    """Bone (x, y, z) with a cap cast on each end."""
    layers = np.flatnonzero(bone.any(axis=(0, 1)))
    bottom, top = int(layers[0]), int(layers[-1]) + 1
    thickness = max(1, round(CAP_MM / spacing_mm[2]))
    body = np.pad(bone[:, :, bottom:top], ((0, 0), (0, 0), (thickness, thickness)))
    lower_upside_down = _cap_above(body[:, :, ::-1], top - bottom)
    return CappedBlock(
        bone=body,
        cement=_cap_above(body, top - bottom) | lower_upside_down[:, :, ::-1],
        offset=thickness - bottom,
        height_mm=_height_in_layers(bone) * spacing_mm[2],
        lower_layer=0,
        upper_layer=body.shape[2],
    )


def with_given_caps(
    bone: NDArray[np.bool_], cement: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> CappedBlock:
    """Bone and its own caps (x, y, z): cement below the middle of the bone and above it.

    Raises ModelError when there is no cement on one of the ends.
    """
    bone_layers = np.flatnonzero(bone.any(axis=(0, 1)))
    middle = (bone_layers[0] + bone_layers[-1] + 1) // 2
    cement = cement & ~bone
    below, above = (np.flatnonzero(part.any(axis=(0, 1))) for part in (cement[:, :, :middle], cement[:, :, middle:]))
    if not len(below) or not len(above):
        raise ModelError(
            f"the labels hold no cement {'above' if len(below) else 'below'} the bone.",
            "Give a cap on each end, or none at all: they are then cast.",
        )
    under_both = np.logical_and(cement[:, :, :middle].any(axis=2), cement[:, :, middle:].any(axis=2))
    return CappedBlock(
        bone=bone,
        cement=cement,
        offset=0,
        height_mm=_height_in_layers(bone & under_both[:, :, None]) * spacing_mm[2],
        lower_layer=int(below[0]),
        upper_layer=int(middle + above[-1]) + 1,
    )


def _height_in_layers(bone: NDArray[np.bool_]) -> int:
    area = bone.sum(axis=(0, 1))
    wide = np.flatnonzero(area >= TIP_SHARE * np.median(area[area > 0]))
    return int(wide[-1] - wide[0]) + 1


def _cap_above(bone: NDArray[np.bool_], layers: int) -> NDArray[np.bool_]:
    """Cement above the bone of each column of the upper endplate; bone is `layers` high."""
    top = bone.shape[2] - np.argmax(bone[:, :, ::-1], axis=2)
    endplate = _endplate(top, np.any(bone, axis=2), layers)
    return endplate[:, :, None] & (np.arange(bone.shape[2]) >= top[:, :, None])


def _endplate(top: NDArray[np.int64], has_bone: NDArray[np.bool_], layers: int) -> NDArray[np.bool_]:
    """Columns (x, y) whose top lies in the upper half and at most `ENDPLATE_REACH` below the plane of such tops."""
    x, y = np.nonzero(has_bone)
    height = top[x, y]
    columns = np.stack([np.ones(len(x)), x, y], axis=1)
    upper_half = 2 * (top.max() - height) < layers
    chosen = upper_half
    for _ in range(FITS):
        plane = np.linalg.lstsq(columns[chosen], height[chosen], rcond=None)[0]
        chosen = upper_half & (columns @ plane - height <= ENDPLATE_REACH * layers)
    endplate = np.zeros_like(has_bone)
    endplate[x[chosen], y[chosen]] = True
    return endplate
