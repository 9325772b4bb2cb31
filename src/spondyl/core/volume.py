"""`Volume`: an array with its place in the patient, the only image type in Spondyl."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

Quantity = Literal["HU", "mg/cc", "label", "mask"]

SAME_GRID_TOLERANCE_MM = 0.01
"""Two grids whose corners lie this close are the same grid: NIfTI stores affines in float32."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A read-only array (i, j, k) and the 4x4 affine that takes indices to patient LPS in mm.

    The affine maps voxel *centres*. No axis order is implied; `canonical()` gives the array
    whose axes run closest to left, posterior and superior.
    """

    array: NDArray
    affine: NDArray[np.float64]
    quantity: Quantity

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise ValueError(f"a Volume has three axes, this array has {self.array.ndim}")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError("the affine must be 4x4, finite and invertible")
        affine.setflags(write=False)
        array = self.array.view()
        array.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "array", array)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.array.shape

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along i, j, k."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @cached_property
    def voxel_volume_mm3(self) -> float:
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def to_lps(self, index: ArrayLike) -> NDArray[np.float64]:
        """Indices (..., 3), fractional allowed, to patient LPS in mm (..., 3)."""
        return np.asarray(index, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Patient LPS in mm (..., 3) to fractional indices (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(lps_mm, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]

    def like(self, array: NDArray, quantity: Quantity) -> Volume:
        """Another array on this grid."""
        if array.shape != self.array.shape:
            raise ValueError(f"array {array.shape} does not fit the grid {self.shape}")
        return Volume(array, self.affine, quantity)

    def same_grid(self, other: Volume) -> bool:
        """True when every corner of both grids lies at the same place in the patient."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape], indexing="ij")).reshape(3, -1).T
        return bool(np.abs(self.to_lps(corners) - other.to_lps(corners)).max() < SAME_GRID_TOLERANCE_MM)

    def canonical(self) -> Volume:
        """The same voxels with axes permuted and flipped to run closest to left, posterior, superior.

        Nothing is interpolated, so the 48 axis orientations of a scan give the same `Volume`.
        """
        direction = self.affine[:3, :3] / np.array(self.spacing_mm)
        # The best of the six permutations: greedy choice can name one axis twice at 45 degrees.
        permutation = max(
            ((a, b, c) for a in range(3) for b in range(3) for c in range(3) if {a, b, c} == {0, 1, 2}),
            key=lambda p: sum(abs(direction[row, column]) for row, column in enumerate(p)),
        )
        array = self.array.transpose(permutation)
        affine = self.affine.copy()
        affine[:3, :3] = self.affine[:3, list(permutation)]
        for axis in range(3):
            if affine[axis, axis] < 0:
                affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
                affine[:3, axis] *= -1
                array = np.flip(array, axis)
        return Volume(array, affine, self.quantity)

    def crop(self, start: tuple[int, int, int], stop: tuple[int, int, int]) -> Volume:
        """The half-open index box, clipped to the grid; a view, not a copy."""
        lo = np.clip(start, 0, self.shape)
        hi = np.clip(stop, lo, self.shape)
        affine = self.affine.copy()
        affine[:3, 3] = self.to_lps(lo)
        return Volume(self.array[lo[0] : hi[0], lo[1] : hi[1], lo[2] : hi[2]], affine, self.quantity)

    def sample(self, lps_mm: ArrayLike, *, order: int, outside: float) -> NDArray:
        """Values at points (..., 3) in LPS mm; order 0 (nearest) for labels, 1 for intensities."""
        points = self.to_index(lps_mm)
        source = self.array if self.array.dtype != np.bool_ else self.array.view(np.uint8)
        kind = np.float32 if order else source.dtype
        flat = ndimage.map_coordinates(
            source, points.reshape(-1, 3).T, order=order, mode="grid-constant", cval=outside, output=kind
        )
        return flat.reshape(points.shape[:-1])

    def resampled_onto(self, grid: Volume, *, order: int, outside: float) -> Volume:
        """This volume's values at the voxel centres of another grid."""
        if self.same_grid(grid):
            return self
        to_self = np.linalg.inv(self.affine) @ grid.affine
        source = self.array if self.array.dtype != np.bool_ else self.array.view(np.uint8)
        kind = np.float32 if order else source.dtype
        array = ndimage.affine_transform(
            source,
            to_self[:3, :3],
            to_self[:3, 3],
            grid.shape,
            order=order,
            mode="grid-constant",
            cval=outside,
            output=kind,
        )
        return Volume(array, grid.affine, self.quantity)

    def contiguous(self) -> Volume:
        """The same volume with its own C-ordered array."""
        return replace(self, array=np.ascontiguousarray(self.array))
