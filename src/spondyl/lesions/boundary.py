"""From a seed to the lesion's edge: where the density is halfway between the lesion's own and the bone's around it."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.volume import Volume
from spondyl.lesions.normal import smooth
from spondyl.lesions.place import SPONGY_MM, Place

SMOOTHING_MM = 1.0
"""Own choice: takes most voxel noise away and rounds a ball of 10 mm by little."""
HALF = {"lytic": 0.46, "blastic": 0.5, "arch": 0.62}
"""Half-contrast: where a blurred straight edge lies. """
GROWTH_MM = 5.0
"""Own choice: the edge lies at most so far from the seed, which is most of the lesion."""
RING_MM = (3.0, 8.0)
"""Own choice: bone this far from the seed tells what the bone around the lesion is like."""
OFFSET_HU = 60.0
"""Own choice: the bone around may differ from the expected by at most this; more would be lesion itself."""
LEAST_CONTRAST_HU = 25.0
"""Own choice: where the lesion and the bone expected differ by less, an edge can't be seen."""


def grow(
    seed: NDArray[np.bool_],
    sign: float,
    hu: NDArray[np.float32],
    normal: NDArray[np.float32],
    place: Place,
    grid: Volume,
) -> NDArray[np.bool_]:
    """The lesion around one seed; `sign` is -1 for loss and 1 for gain of density, `normal` the density expected."""
    whole = np.zeros(seed.shape, dtype=bool)
    box = box_around(seed, RING_MM[1] + 1, grid)
    seed, hu, normal, depth = seed[box], hu[box], normal[box], place.depth_mm[box]
    bone, judged = depth > 0, np.isfinite(normal)
    away = ndimage.distance_transform_edt(~seed, sampling=grid.spacing_mm)
    around = judged & (away > RING_MM[0]) & (away <= RING_MM[1]) & (depth > 1.2)
    offset = float(np.clip(np.median((hu - normal)[around]), -OFFSET_HU, OFFSET_HU)) if around.sum() > 30 else 0.0
    background = normal + offset
    even = smooth(hu, judged, SMOOTHING_MM, grid)
    level = float(np.median(even[seed]))
    contrast = level - background
    seen = judged & (sign * contrast > LEAST_CONTRAST_HU)
    share = np.where(seen, (even - background) / np.where(seen, contrast, 1), np.nan)
    near = away <= GROWTH_MM
    half = HALF["lytic"] if sign < 0 else np.where(place.kind[box] > 0, HALF["arch"], HALF["blastic"])
    inside = near & (np.nan_to_num(share, nan=-1.0) > half)
    if sign > 0:
        # Blastic tumour is as dense as the wall: of the wall only what lies over the lesion is taken.
        inner = inside & (depth > 2.4)
        if inner.any():
            deep = bone & (depth > 2.4)
            reach, under = ndimage.distance_transform_edt(~deep, sampling=grid.spacing_mm, return_indices=True)
            shell = bone & ~deep
            inside = inner | (shell & (reach <= SPONGY_MM) & inner[tuple(under)] & (even > background - OFFSET_HU))
    labels = cc3d.connected_components(inside.astype(np.uint8), connectivity=6)
    kept = (labels > 0) & np.isin(labels, np.unique(labels[seed & inside]))
    kept = ndimage.binary_fill_holes(kept)
    whole[box] = kept & bone
    return whole


def box_around(mask: NDArray[np.bool_], margin_mm: float, grid: Volume) -> tuple[slice, ...]:
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    extra = [int(np.ceil(margin_mm / step)) for step in grid.spacing_mm]
    return tuple(slice(max(0, s.start - e), s.stop + e) for s, e in zip(box, extra, strict=True))


def ball(radius_mm: float, grid: Volume) -> NDArray[np.bool_]:
    """Footprint of a ball on the grid, at least the voxel itself."""
    reach = [int(radius_mm / step) for step in grid.spacing_mm]
    offsets = np.meshgrid(
        *[np.arange(-r, r + 1) * step for r, step in zip(reach, grid.spacing_mm, strict=True)], indexing="ij"
    )
    inside: NDArray[np.bool_] = sum(axis**2 for axis in offsets) <= radius_mm**2 + 1e-6
    return inside
