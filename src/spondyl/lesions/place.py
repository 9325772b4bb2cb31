"""Where each voxel of a vertebra lies: which part, how deep under the surface, where across the body.

Parts that the scan cuts off and bone near metal have no kind: they are no measure of normal bone and are not judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Vertebra

KINDS = (
    (SubRegion.BODY,),
    (SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT),
    (SubRegion.LAMINA_LEFT, SubRegion.LAMINA_RIGHT),
    (SubRegion.FACET_LEFT, SubRegion.FACET_RIGHT),
    (SubRegion.TRANSVERSE_LEFT, SubRegion.TRANSVERSE_RIGHT),
    (SubRegion.SPINOUS,),
)
"""Parts that are alike; left and right of a kind are one, so that each side is held against the other."""
BODY_KIND, PEDICLE_KIND = 0, 1
LEFT_RIGHT_CELLS, BACK_CELLS, UP_CELLS = 2, 3, 5
"""Body cells by distance from the midline (left and right folded), front to back, bottom to top. Own choice: the
smallest that still hold enough voxels at 2.5 mm slices in a T3."""
BODY_CELLS = LEFT_RIGHT_CELLS * BACK_CELLS * UP_CELLS
CELLS = BODY_CELLS + len(KINDS) - 1
DEPTHS_MM = (1.2, 2.4, 3.6, 5.0)
"""Own choice: borders of the layers under the surface: wall, wall blurred, what a mask one voxel off makes of it."""
LAYERS = len(DEPTHS_MM) + 1
SPONGY_MM = 3.6
"""Own choice: deeper lies no wall (about 0.5 mm), even blurred and with a mask that errs by a voxel or two."""
COLUMN_MM = 3.0
"""Own choice: footprint of the columns along the vertebra's axis in which the distance to the endplates is taken."""
VEIN_LEFT, VEIN_BACK, VEIN_UP = 0.15, 0.1, 0.3
"""Own choice, after the place of the basivertebral foramen [tzika2021]; relative to the body."""
METAL_HU, METAL_MM = 2500.0, 5.0
"""Own choice: no bone is that dense; streaks and blur spoil what lies this near."""
RIM_PERCENT = 2.0
"""Share of the body's voxels left beyond its relative coordinates on each side: osteophytes must not stretch them."""


@dataclass(frozen=True, eq=False)
class Place:
    """Arrays on the grid of a vertebra's `parts`; left, back and up run from -1 to 1 across the body."""

    depth_mm: NDArray[np.float32]
    """Distance to the nearest voxel outside the vertebra; 0 outside."""
    left: NDArray[np.float32]
    back: NDArray[np.float32]
    up: NDArray[np.float32]
    """From the lower to the upper endplate of the voxel's own column; NaN outside the body."""
    endplate_mm: NDArray[np.float32]
    """Along the vertebra's axis to the nearer endplate; NaN outside the body."""
    kind: NDArray[np.int8]
    """Index into `KINDS`; -1 outside and where bone is not judged."""
    cell: NDArray[np.int16]
    """Cell and layer as one index, below CELLS * LAYERS; -1 where bone is not judged."""

    @property
    def bone(self) -> NDArray[np.bool_]:
        return self.depth_mm > 0

    @property
    def judged(self) -> NDArray[np.bool_]:
        return self.kind >= 0

    @property
    def at_vein(self) -> NDArray[np.bool_]:
        """Where the basivertebral vein runs: in the midline of the back half, at mid-height [tzika2021]."""
        with np.errstate(invalid="ignore"):
            return (np.abs(self.left) < VEIN_LEFT) & (self.back > VEIN_BACK) & (np.abs(self.up) < VEIN_UP)

    @property
    def spongy(self) -> NDArray[np.bool_]:
        """The body's core, free of wall and endplate."""
        return (self.kind == BODY_KIND) & (self.depth_mm > SPONGY_MM)


def crop_to(ct: Volume, vertebra: Vertebra) -> NDArray[np.float32]:
    """HU on the grid of the vertebra's `parts`, which is a crop of the CT's own grid (else it is sampled there)."""
    grid = vertebra.parts
    start = np.rint(ct.to_index(grid.affine[:3, 3])).astype(int)
    crop = ct.crop(tuple(start), tuple(start + grid.shape)) if (start >= 0).all() else ct
    if not crop.same_grid(grid):
        crop = ct.resampled_onto(grid, order=1, outside=-1000.0)
    return np.ascontiguousarray(crop.array, dtype=np.float32)


def locate(vertebra: Vertebra, hu: NDArray[np.float32]) -> Place:
    """The place of every voxel of one vertebra; `hu` on the grid of its parts tells where metal is."""
    parts = vertebra.parts
    bone = parts.array > 0
    depth = ndimage.distance_transform_edt(np.pad(bone, 1), sampling=parts.spacing_mm)[1:-1, 1:-1, 1:-1]
    is_body = parts.array == int(SubRegion.BODY)
    nowhere = np.full(parts.shape, np.nan, dtype=np.float32)
    left, back, up, endplate = nowhere.copy(), nowhere.copy(), nowhere.copy(), nowhere.copy()
    kinds = np.full(max(SubRegion) + 1, -1, dtype=np.int8)
    for number, members in enumerate(KINDS):
        kinds[[int(part) for part in members]] = number
    kinds[[int(part) for part in vertebra.cut_parts]] = -1
    kind = kinds[parts.array]
    kind[_near_metal(hu, parts)] = -1
    cell = np.where(kind > 0, kind + BODY_CELLS - 1, -1).astype(np.int16)
    if is_body.any():
        local = vertebra.frame.to_local(parts.to_lps(np.argwhere(is_body)))
        low, high = np.percentile(local[:, :2], [RIM_PERCENT, 100 - RIM_PERCENT], axis=0)
        across = np.clip(2 * (local[:, :2] - low) / np.maximum(high - low, 1e-6) - 1, -1, 1)
        bottom, top = _column_ends(local)
        left[is_body], back[is_body] = across.T
        up[is_body] = 2 * (local[:, 2] - bottom) / np.maximum(top - bottom, 1e-6) - 1
        endplate[is_body] = np.minimum(local[:, 2] - bottom, top - local[:, 2])
        cell[is_body] = (
            _bin(np.abs(left[is_body]) * 2 - 1, LEFT_RIGHT_CELLS) * BACK_CELLS + _bin(back[is_body], BACK_CELLS)
        ) * UP_CELLS + _bin(up[is_body], UP_CELLS)
    layered = (cell * LAYERS + np.digitize(depth, DEPTHS_MM)).astype(np.int16)
    layered[kind < 0] = -1
    return Place(depth.astype(np.float32), left, back, up, endplate, kind, layered)


def _near_metal(hu: NDArray[np.float32], grid: Volume) -> NDArray[np.bool_]:
    metal = hu > METAL_HU
    if not metal.any():
        return metal
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~metal, sampling=grid.spacing_mm) <= METAL_MM
    return near


def _bin(value: NDArray, count: int) -> NDArray[np.intp]:
    """-1..1 into `count` equal bins."""
    return np.clip(((value + 1) / 2 * count).astype(np.intp), 0, count - 1)


def _column_ends(local: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each point (n, 3), lowest and highest z of the body in its column: endplates are curved and tilted."""
    columns = np.floor(local[:, :2] / COLUMN_MM).astype(np.intp)
    columns -= columns.min(axis=0)
    flat = columns[:, 0] * (columns[:, 1].max() + 1) + columns[:, 1]
    bottom = np.full(flat.max() + 1, np.inf)
    top = np.full(flat.max() + 1, -np.inf)
    np.minimum.at(bottom, flat, local[:, 2])
    np.maximum.at(top, flat, local[:, 2])
    return bottom[flat], top[flat]
