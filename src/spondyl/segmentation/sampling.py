"""Grids of the segmenter: a coarse copy of the scan, and values at points in it.

All arrays of this room run to the left, to the back and upward (`Volume.canonical`). A place is in mm of the scan's own
grid, index times spacing: not yet patient space, but of the same axes and lengths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spondyl.segmentation.compiled import kernel

AIR_HU = -1000.0
"""What lies outside the scan."""


def weights(count: int, step_mm: float, coarse_mm: float) -> sparse.csr_matrix:
    """(coarse, count): each coarse value is the mean of what it covers, or linear between samples farther apart."""
    coarse = max(1, round(count * step_mm / coarse_mm))
    at = (np.arange(coarse) * coarse_mm)[:, None] / step_mm
    reach = max(1.0, coarse_mm / step_mm)
    matrix = np.clip(1 - np.abs(np.arange(count)[None, :] - at) / reach, 0, None)
    matrix[matrix.sum(axis=1) == 0, -1] = 1
    return sparse.csr_matrix((matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32))


def coarse_copy(hu: NDArray[Any], spacing_mm: tuple[float, float, float], coarse_mm: float) -> NDArray[np.float32]:
    """The scan in cubes of `coarse_mm`, first voxel centres in place; slice by slice, so that no large copy is made."""
    along = [weights(n, step, coarse_mm) for n, step in zip(hu.shape, spacing_mm, strict=True)]
    x, y, z = along
    out = np.zeros((x.shape[0], y.shape[0], z.shape[0]), np.float32)
    down = z.tocsc()
    for k in range(hu.shape[2]):
        plane = x @ (y @ np.ascontiguousarray(hu[:, :, k].T, dtype=np.float32)).T
        for entry in range(down.indptr[k], down.indptr[k + 1]):
            out[:, :, down.indices[entry]] += down.data[entry] * plane
    return out


@kernel
def sample(hu: Any, spacing: Any, points: Any, out: Any) -> None:
    """Values at places in mm (n, 3), trilinear; half a voxel beyond the outermost centres, then air."""
    nx, ny, nz = hu.shape
    for p in range(len(points)):
        fx, fy, fz = points[p, 0] / spacing[0], points[p, 1] / spacing[1], points[p, 2] / spacing[2]
        out[p] = AIR_HU
        if not (-0.5 <= fx <= nx - 0.5 and -0.5 <= fy <= ny - 0.5 and -0.5 <= fz <= nz - 0.5):
            continue
        fx, fy, fz = min(max(fx, 0.0), nx - 1.0), min(max(fy, 0.0), ny - 1.0), min(max(fz, 0.0), nz - 1.0)
        x, y, z = min(int(fx), max(nx - 2, 0)), min(int(fy), max(ny - 2, 0)), min(int(fz), max(nz - 2, 0))
        x1, y1, z1 = min(x + 1, nx - 1), min(y + 1, ny - 1), min(z + 1, nz - 1)
        fx, fy, fz = fx - x, fy - y, fz - z
        low = (hu[x, y, z] * (1 - fx) + hu[x1, y, z] * fx) * (1 - fy) + (
            hu[x, y1, z] * (1 - fx) + hu[x1, y1, z] * fx
        ) * fy
        high = (hu[x, y, z1] * (1 - fx) + hu[x1, y, z1] * fx) * (1 - fy)
        high += (hu[x, y1, z1] * (1 - fx) + hu[x1, y1, z1] * fx) * fy
        out[p] = low * (1 - fz) + high * fz


def values_at(
    hu: NDArray[Any], spacing_mm: tuple[float, float, float], places_mm: NDArray[np.float64]
) -> NDArray[np.float32]:
    """HU at places (..., 3) in mm of the grid; air outside the scan."""
    points = np.ascontiguousarray(places_mm, dtype=np.float64).reshape(-1, 3)
    out = np.empty(len(points), np.float32)
    sample(hu, np.array(spacing_mm), points, out)
    return out.reshape(places_mm.shape[:-1])
