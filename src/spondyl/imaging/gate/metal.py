"""Metal in a CT (screws, rods, cages, clips), and what its streaks spoil around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level
from spondyl.core.memory import box_of, boxes_of
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap

METAL_HU = 2500.0
"""Own choice: above the densest cortical or sclerotic bone of the spine (below about 2000 HU) and below 3071 HU,
where scanners that store 12 bits clip. Dense bone cement can reach it, and spoils a measurement as metal does."""
SMALLEST_CLUSTER_MM3 = 5.0
"""Own choice: less than a wire of 1 mm x 6 mm, more than a noisy voxel or two of a thin, sharp scan."""
BLOOM_MM = 3.0
"""Own choice: metal's blur; a voxel this near holds some of it."""
STREAK_MM = 10.0
"""Own choice: so far in the slices of the metal, bright and dark streaks are too strong to measure between."""
_SLICE_TOLERANCE_MM = 1.5
"""Own choice: streaks lie in the metal's own slices and, by interpolation, in the next."""


@dataclass(frozen=True)
class MetalShare:
    level: Level
    metal_mm3: float
    """Inside the vertebra's label."""
    unusable_share: float
    """Of the label's voxels, metal and streak neighbourhood."""


def metal_mask(ct: Volume) -> Volume:
    """Voxels (boolean) of clusters at or above METAL_HU on the grid of `ct`."""
    return Volume(metal_in(ct.array, ct.voxel_volume_mm3), ct.affine, "mask")


def metal_in(hu: NDArray, voxel_volume_mm3: float) -> NDArray[np.bool_]:
    """As `metal_mask`, for a bare array."""
    import cc3d

    dense = hu >= METAL_HU
    box = box_of(dense)
    if box is None:
        return dense
    smallest = int(np.ceil(SMALLEST_CLUSTER_MM3 / voxel_volume_mm3))
    dense[box] = cc3d.dust(dense[box].copy(order="K"), threshold=smallest, connectivity=26)
    return dense


def unusable_voxels(ct: Volume) -> NDArray[np.bool_]:
    """Metal with its bloom, and its streak neighbourhood in the same slices; shape of `ct`, which is canonical."""
    import cc3d

    metal = metal_in(ct.array, ct.voxel_volume_mm3)
    held = box_of(metal)
    if held is None:
        return metal
    spoiled = metal.copy(order="K")
    reach = [int(np.ceil(STREAK_MM / step)) for step in ct.spacing_mm]
    within = tuple(slice(max(0, side.start - more), side.stop + more) for side, more in zip(held, reach, strict=True))
    near = spoiled[within]
    labels = cc3d.connected_components(metal[within].copy(order="K"), connectivity=26)
    # Piece by piece: one box around a clip in the neck and a hip would be the whole scan.
    for number, found in enumerate(boxes_of(labels), start=1):
        if found is None:
            continue
        box = tuple(slice(max(0, side.start - more), side.stop + more) for side, more in zip(found, reach, strict=True))
        near[box] |= _spoiled_by(labels[box] == number, ct.spacing_mm)
    return spoiled


def _spoiled_by(piece: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~piece, sampling=spacing_mm) <= BLOOM_MM
    tall = max(1, round(_SLICE_TOLERANCE_MM / spacing_mm[2]))
    in_slices = ndimage.binary_dilation(piece, np.ones((1, 1, 2 * tall + 1), dtype=bool))
    for k in np.flatnonzero(in_slices.any(axis=(0, 1))):
        plane = ndimage.distance_transform_edt(~in_slices[:, :, k], sampling=spacing_mm[:2])
        near[:, :, k] |= plane <= STREAK_MM
    return near


def metal_by_level(ct: Volume, levels: LevelMap) -> tuple[MetalShare, ...]:
    """Levels that metal touches or spoils, from the head down."""
    metal, spoiled = metal_mask(ct).array, unusable_voxels(ct)
    shares = []
    for level in levels.levels:
        box = tuple(slice(a, b) for a, b in zip(*levels.box(level), strict=True))
        inside = levels.labels.array[box] == int(level)
        share = float(spoiled[box][inside].mean())
        if share > 0:
            volume = float((metal[box] & inside).sum()) * ct.voxel_volume_mm3
            shares.append(MetalShare(level, volume, share))
    return tuple(shares)
