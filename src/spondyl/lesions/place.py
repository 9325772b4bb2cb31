"""Where each voxel of a vertebra lies: how deep under its surface, and in which cell of its anatomy.

Parts that the scan cuts off and bone near metal belong to no cell: they are no measure of normal bone and are not
judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Vertebra

LEFT_RIGHT_CELLS, BACK_CELLS, UP_CELLS = 2, 3, 3
"""Body cells by distance from the midline (left and right folded), front to back, bottom to top. Own choice: about
1 cm each in a lumbar body, the smallest that still holds enough voxels at 2.5 mm slices in a T3."""
BODY_CELLS = LEFT_RIGHT_CELLS * BACK_CELLS * UP_CELLS
ARCH_CELLS = (
    (SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT),
    (SubRegion.LAMINA_LEFT, SubRegion.LAMINA_RIGHT),
    (SubRegion.FACET_LEFT, SubRegion.FACET_RIGHT),
    (SubRegion.TRANSVERSE_LEFT, SubRegion.TRANSVERSE_RIGHT),
    (SubRegion.SPINOUS,),
)
CORE_CELLS = BODY_CELLS + len(ARCH_CELLS)
"""Cells of spongy bone: the body's and the core of each kind of arch part."""
CELLS = CORE_CELLS + len(ARCH_CELLS)
"""And each kind of arch part as a whole, cortex included: most of the arch is too thin to have a core in CT."""
CORTEX_MM = 2.5
"""Own choice: wall or endplate (about 0.5 mm) plus the scanner's blur and a mask that errs by one in-plane voxel."""
COLUMN_MM = 3.0
"""Own choice: footprint of the columns along the vertebra's axis in which the distance to the endplates is taken."""
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
    core_cell: NDArray[np.int8]
    """Of voxels deep enough to hold no cortex, below CORE_CELLS; -1 elsewhere."""
    arch_cell: NDArray[np.int8]
    """Of every voxel of the arch, from CORE_CELLS on; -1 elsewhere."""

    @property
    def any_cell(self) -> NDArray[np.int8]:
        """The core's cell where there is a core, else the arch's."""
        return np.where(self.core, self.core_cell, self.arch_cell)

    @property
    def core(self) -> NDArray[np.bool_]:
        return self.core_cell >= 0

    @property
    def body_core(self) -> NDArray[np.bool_]:
        return (self.core_cell >= 0) & (self.core_cell < BODY_CELLS)

    @property
    def arch(self) -> NDArray[np.bool_]:
        return self.arch_cell >= 0


def crop_to(ct: Volume, vertebra: Vertebra) -> NDArray[np.float32]:
    """HU on the grid of the vertebra's `parts`, which is a crop of the CT's own grid (else it is sampled there)."""
    grid = vertebra.parts
    start = np.rint(ct.to_index(grid.affine[:3, 3])).astype(int)
    crop = ct.crop(tuple(start), tuple(start + grid.shape)) if (start >= 0).all() else ct
    if not crop.same_grid(grid):
        crop = ct.resampled_onto(grid, order=1, outside=-1000.0)
    return np.ascontiguousarray(crop.array, dtype=np.float32)


def clear_of_cortex_mm(grid: Volume) -> float:
    """Depth beyond which a voxel holds no cortex: at least one whole voxel along the thickest axis."""
    return max(CORTEX_MM, 1.05 * max(grid.spacing_mm))


def locate(vertebra: Vertebra, hu: NDArray[np.float32]) -> Place:
    """The place of every voxel of one vertebra; `hu` on the grid of its parts tells where metal is."""
    parts = vertebra.parts
    bone = parts.array > 0
    depth = ndimage.distance_transform_edt(np.pad(bone, 1), sampling=parts.spacing_mm)[1:-1, 1:-1, 1:-1]
    is_body = parts.array == int(SubRegion.BODY)
    nowhere = np.full(parts.shape, np.nan, dtype=np.float32)
    left, back, up, endplate = nowhere.copy(), nowhere.copy(), nowhere.copy(), nowhere.copy()
    cell = np.full(parts.shape, -1, dtype=np.int8)
    arch_cell = cell.copy()
    for number, folded in enumerate(ARCH_CELLS):
        members = np.isin(parts.array, [int(part) for part in folded])
        cell[members], arch_cell[members] = BODY_CELLS + number, CORE_CELLS + number
    if is_body.any():
        local = vertebra.frame.to_local(parts.to_lps(np.argwhere(is_body)))
        low, high = np.percentile(local[:, :2], [RIM_PERCENT, 100 - RIM_PERCENT], axis=0)
        across = np.clip(2 * (local[:, :2] - low) / np.maximum(high - low, 1e-6) - 1, -1, 1)
        bottom, top = _column_ends(local)
        height = np.maximum(top - bottom, 1e-6)
        left[is_body], back[is_body] = across.T
        up[is_body] = 2 * (local[:, 2] - bottom) / height - 1
        endplate[is_body] = np.minimum(local[:, 2] - bottom, top - local[:, 2])
        cell[is_body] = (
            _bin(np.abs(left[is_body]) * 2 - 1, LEFT_RIGHT_CELLS) * BACK_CELLS + _bin(back[is_body], BACK_CELLS)
        ) * UP_CELLS + _bin(up[is_body], UP_CELLS)
    cell[depth <= clear_of_cortex_mm(parts)] = -1
    cut = np.isin(parts.array, [int(part) for part in vertebra.cut_parts])
    cut |= _near_metal(hu, parts)
    cell[cut], arch_cell[cut] = -1, -1
    return Place(depth.astype(np.float32), left, back, up, endplate, cell, arch_cell)


def _near_metal(hu: NDArray[np.float32], grid: Volume) -> NDArray[np.bool_]:
    metal = hu > METAL_HU
    if not metal.any():
        return metal
    return ndimage.distance_transform_edt(~metal, sampling=grid.spacing_mm) <= METAL_MM


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
