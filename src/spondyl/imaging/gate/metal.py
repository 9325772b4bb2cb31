"""Metal in a CT: screws, rods, cages, clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.volume import Volume

METAL_HU = 2500.0
"""Own choice: above the densest cortical or sclerotic bone of the spine (below about 2000 HU) and below 3071 HU,
where scanners that store 12 bits clip. Dense bone cement can reach it, and spoils a measurement as metal does."""
SMALLEST_CLUSTER_MM3 = 5.0
"""Own choice: less than a wire of 1 mm x 6 mm, more than a noisy voxel or two of a thin, sharp scan."""


def metal_mask(ct: Volume) -> Volume:
    """Voxels (boolean) of clusters at or above METAL_HU on the grid of `ct`."""
    return Volume(metal_in(ct.array, ct.voxel_volume_mm3), ct.affine, "mask")


def metal_in(hu: NDArray, voxel_volume_mm3: float) -> NDArray[np.bool_]:
    """As `metal_mask`, for a bare array."""
    import cc3d

    dense = hu >= METAL_HU
    if not dense.any():
        return dense
    smallest = int(np.ceil(SMALLEST_CLUSTER_MM3 / voxel_volume_mm3))
    box = ndimage.find_objects(dense.view(np.uint8), max_label=1)[0]
    dense[box] = cc3d.dust(dense[box].copy(order="K"), threshold=smallest, connectivity=26)
    return dense
