"""An upright block of a vertebra: the CT and its parts resampled in the vertebra's own frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame, Vertebra

BEYOND_SCAN_HU = -1000.0
"""Air, for the corners of a block that reach beyond the scan."""


@dataclass(frozen=True, eq=False)
class Block:
    """Arrays (x, y, z) in the vertebra's frame: x to its left, y to its back, z up."""

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]
    origin_mm: NDArray[np.float64]
    """Local coordinates of the first voxel's centre, (3,)."""
    spacing_mm: tuple[float, float, float]
    frame: Frame

    def coordinates_mm(self, axis: int) -> NDArray[np.float64]:
        """Local coordinates of the voxel centres along x (0), y (1) or z (2)."""
        return self.origin_mm[axis] + self.spacing_mm[axis] * np.arange(self.values.shape[axis])

    def as_volume(self) -> Volume:
        """The values as a (usually oblique) Volume in patient LPS."""
        return Volume(self.values, block_affine(self.frame, self.origin_mm, self.spacing_mm), "HU")


def block_affine(
    frame: Frame, origin_mm: NDArray[np.float64], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """4x4 affine from indices of a block to patient LPS in mm."""
    affine = np.eye(4)
    affine[:3, :3] = frame.axes * np.array(spacing_mm)
    affine[:3, 3] = frame.to_lps(np.asarray(origin_mm, dtype=np.float64))
    return affine


@dataclass(frozen=True, eq=False)
class LocalGrid:
    """A grid of voxels along a frame's axes."""

    frame: Frame
    first_mm: NDArray[np.float64]
    step_mm: float
    shape: tuple[int, int, int]

    @property
    def affine(self) -> NDArray[np.float64]:
        return block_affine(self.frame, self.first_mm, (self.step_mm,) * 3)

    def coordinates_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Local x, y and z of the voxel centres."""
        x, y, z = (self.first_mm[axis] + self.step_mm * np.arange(self.shape[axis]) for axis in range(3))
        return x, y, z

    def sample(self, volume: Volume, *, outside: float) -> NDArray[np.float32]:
        """A volume's values here, interpolated linearly; a mask comes back as 0 to 1."""
        grid = Volume(np.broadcast_to(np.zeros((), np.uint8), self.shape), self.affine, "mask")
        return volume.resampled_onto(grid, order=1, outside=outside).array.astype(np.float32, copy=False)


def grid_around(mask: Volume, frame: Frame, *, step_mm: float, margin_mm: float) -> LocalGrid:
    """A grid that holds a boolean mask's voxels widened by a margin. Raises ValueError when the mask is empty.

    It is laid through the frame's origin, so that grids of one frame and step share their voxel centres.
    """
    local = frame.to_local(mask.to_lps(np.argwhere(mask.array)))
    if not len(local):
        raise ValueError("the mask is empty")
    # Half a voxel's diagonal: the bounds are those of voxels, not of their centres.
    reach = 0.5 * float(np.linalg.norm(mask.spacing_mm)) + margin_mm
    first = np.floor((local.min(axis=0) - reach) / step_mm)
    nx, ny, nz = (int(n) for n in np.ceil((local.max(axis=0) + reach) / step_mm) - first + 1)
    return LocalGrid(frame, first * step_mm, step_mm, (nx, ny, nz))


def signed_distance(mask: Volume) -> Volume:
    """Distance to the mask's surface in mm, positive inside, crossing zero on the voxels' faces.

    Interpolated linearly it gives shape-based interpolation (raya1990): no staircase between thick slices.
    """
    padded = np.pad(mask.array.astype(bool), 1)
    spacing = mask.spacing_mm
    distance = ndimage.distance_transform_edt(padded, spacing) - ndimage.distance_transform_edt(~padded, spacing)
    affine = mask.affine.copy()
    affine[:3, 3] = mask.to_lps((-1, -1, -1))
    return Volume(distance.astype(np.float32), affine, "mask")


def sample_block(
    volume: Volume,
    vertebra: Vertebra,
    *,
    voxel_mm: float,
    margin_mm: float,
    parts: tuple[SubRegion, ...] = (),
) -> Block:
    """Resample `volume` and the mask of `parts` (all of the vertebra when none is named) in the vertebra's frame.

    The block holds the named parts widened by `margin_mm`. Values are interpolated linearly, and are air beyond
    the volume; the mask's surface is interpolated by its signed distance. `volume` may have any grid.

    Raises ValueError when the vertebra has no voxel of the named parts or `voxel_mm` is not positive.
    """
    if voxel_mm <= 0:
        raise ValueError(f"a block needs a positive voxel size, not {voxel_mm} mm")
    mask = vertebra.parts.like(vertebra.mask(*parts), "mask")
    if not mask.array.any():
        raise ValueError(f"{vertebra.level.name} has no voxel of {', '.join(part.words for part in parts) or 'itself'}")
    grid = grid_around(mask, vertebra.frame, step_mm=voxel_mm, margin_mm=margin_mm)
    values = grid.sample(volume, outside=BEYOND_SCAN_HU)
    inside = grid.sample(signed_distance(mask), outside=-1.0) > 0
    return Block(values, inside, grid.first_mm, (voxel_mm, voxel_mm, voxel_mm), vertebra.frame)
