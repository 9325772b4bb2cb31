"""How a real scan looks around a vertebra: its sharpness and its noise, measured from the scan itself.

All arrays here are canonical (axes closest to left, posterior, superior), so that axis 2 runs across the slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.volume import Volume
from spondyl.phantoms.noise import FWHM_PER_SIGMA, NoiseTexture, power

AIR_HU, TISSUE_HU = (-1100.0, -900.0), (-150.0, 200.0)
"""Own choice: what lies on either side of an edge between air and the body."""
EDGE_REACH_MM = 6.0
"""Own choice: plateaus of an air edge are read this far from it."""
FEWEST_EDGES = 200
"""Own choice: with fewer edge points the cortex is asked."""
CORTEX_RATIO = 2.1
"""Peak over steepest slope of a blurred cortex, in sigma: sqrt(e) = 1.65 for a thin one, sqrt(2 pi) = 2.5 for a
thick one; the middle is taken (own choice)."""
SHARPEST = 25.0
"""Own choice, per cent: edges cut obliquely or moving look wider than the scan is sharp; the sharper ones count."""
FWHM_LIMITS_MM = (0.5, 3.0)
"""Own choice: no clinical body CT lies outside (in-plane)."""
SLICE_LIMITS = (0.8, 1.6)
"""Own choice: slice profile over slice distance."""
HIGH_PASS_MM = 1.6
"""Own choice: sigma of the in-plane smoothing whose residual is the noise; wide against noise, narrow against bone."""
SOFT_HU = (-20.0, 120.0)
"""Own choice: muscle, blood, organs, with contrast medium or not."""
FEWEST_SOFT = 500
"""Own choice: voxels of soft tissue that show the noise; with fewer the bone's own inside is taken."""


@dataclass(frozen=True)
class Look:
    in_plane_fwhm_mm: float
    slice_fwhm_mm: float
    noise_sd_hu: float
    texture: NoiseTexture
    sharpness_from: str
    """'air', 'cortex' or 'voxel': what showed the sharpness in the plane."""


def look_of(ct: Volume, bone: Volume) -> Look:
    """Sharpness and noise of a canonical CT (or a crop of it) around the bone marked in a mask on its grid."""
    hu = ct.array.astype(np.float32)
    fwhm, shown_by = _in_plane_fwhm(hu, bone.array, ct.spacing_mm)
    sd, cutoff, along = _noise(hu, bone.array, ct.spacing_mm)
    step = ct.spacing_mm[2]
    # The slice profile also joins the noise of neighbouring slices, and no edge lies flat enough to show it better.
    slice_fwhm = float(np.clip(along, SLICE_LIMITS[0] * step, SLICE_LIMITS[1] * step))
    return Look(fwhm, slice_fwhm, sd, NoiseTexture(cutoff, along), shown_by)


def smooth_in_plane(hu: NDArray, spacing_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """The image without its noise and finest structure."""
    sigma = [HIGH_PASS_MM / spacing_mm[0], HIGH_PASS_MM / spacing_mm[1], 0.0]
    return np.asarray(ndimage.gaussian_filter(hu.astype(np.float32), sigma, mode="nearest"))


def _in_plane_fwhm(hu: NDArray, bone: NDArray, spacing_mm: tuple[float, float, float]) -> tuple[float, str]:
    widths = [w for axis in (0, 1) for w in _air_edges(hu, axis, spacing_mm[axis])]
    if len(widths) >= FEWEST_EDGES:
        sigma, shown_by = float(np.percentile(widths, SHARPEST)), "air"
    elif (found := _cortex_sigma(hu, bone, spacing_mm, (0, 1))) is not None:
        sigma, shown_by = found, "cortex"
    else:
        sigma, shown_by = max(spacing_mm[:2]) / FWHM_PER_SIGMA * 1.2, "voxel"
    low, high = max(FWHM_LIMITS_MM[0], 0.8 * max(spacing_mm[:2])), max(FWHM_LIMITS_MM[1], 1.5 * max(spacing_mm[:2]))
    return float(np.clip(sigma * FWHM_PER_SIGMA, low, high)), shown_by


def _air_edges(hu: NDArray, axis: int, step_mm: float) -> NDArray:
    """Sigma of each edge between air and body along one axis: contrast over steepest slope, per sqrt(2 pi).

    A central difference over two voxels widens a Gaussian edge by the variance of that box, which is taken off.
    """
    lines = np.moveaxis(hu, axis, -1)
    reach = max(3, round(EDGE_REACH_MM / step_mm))
    middle = lines[..., reach:-reach]
    before, after = lines[..., : -2 * reach], lines[..., 2 * reach :]
    slope = np.abs(lines[..., reach + 1 : lines.shape[-1] - reach + 1] - lines[..., reach - 1 : -reach - 1]) / (
        2 * step_mm
    )
    rising = _within(before, AIR_HU) & _within(after, TISSUE_HU)
    falling = _within(after, AIR_HU) & _within(before, TISSUE_HU)
    edge = (rising | falling) & (np.abs(middle + 450) < 350)
    if not edge.any():
        return np.array([])
    contrast = np.abs(after - before)
    steepest = ndimage.maximum_filter1d(slope, 3, axis=-1)
    edge &= (slope == steepest) & (slope > 0)
    variance = (contrast[edge] / slope[edge] / np.sqrt(2 * np.pi)) ** 2 - (2 * step_mm) ** 2 / 12
    return np.sqrt(np.maximum(variance, (0.2 * step_mm) ** 2))


def _within(values: NDArray, limits: tuple[float, float]) -> NDArray[np.bool_]:
    return (values > limits[0]) & (values < limits[1])


def _cortex_sigma(
    hu: NDArray, bone: NDArray, spacing_mm: tuple[float, float, float], axes: tuple[int, ...]
) -> float | None:
    """Sigma from the outer edge of the bone along some axes: rise from soft tissue to cortex over steepest slope."""
    found: list[NDArray] = []
    rim = bone & ~ndimage.binary_erosion(bone, iterations=2)
    for axis in axes:
        step = spacing_mm[axis]
        slope = np.abs(ndimage.convolve1d(hu, np.array([1.0, -1.0, 0.0]), axis=axis)) / step
        size = 2 * max(1, round(3.0 / step)) + 1
        peak = ndimage.maximum_filter1d(hu, size, axis=axis)
        floor = ndimage.minimum_filter1d(hu, size, axis=axis)
        steep = rim & (slope == ndimage.maximum_filter1d(slope, size, axis=axis)) & (peak > 400) & (floor > -150)
        if steep.sum() >= 50:
            ratio = (peak[steep] - floor[steep]) / slope[steep] / CORTEX_RATIO
            found.append(np.sqrt(np.maximum(ratio**2 - step**2 / 12, (0.2 * step) ** 2)))
    return float(np.percentile(np.concatenate(found), SHARPEST)) if found else None


def _noise(hu: NDArray, bone: NDArray, spacing_mm: tuple[float, float, float]) -> tuple[float, float, float]:
    """SD of the noise, its in-plane cutoff and its FWHM across slices, from soft tissue away from edges."""
    smooth = smooth_in_plane(hu, spacing_mm)
    rest = hu - smooth
    flat = _soft(smooth, bone, spacing_mm)
    if flat.sum() < FEWEST_SOFT:
        flat = ndimage.binary_erosion(bone, iterations=3)  # trabeculae make this an upper bound
        if not flat.any():
            flat = bone
    spread = 1.4826 * float(np.median(np.abs(rest[flat])))
    lag = float(np.mean([_correlation(rest, flat, axis) for axis in (0, 1)]))
    across = _correlation(rest, flat, 2)
    cutoff = _cutoff_for(lag, spacing_mm)
    kept = _high_passed(cutoff, spacing_mm)[0]
    along = 0.0 if across <= 0.05 else spacing_mm[2] / np.sqrt(-4 * np.log(min(across, 0.95))) * FWHM_PER_SIGMA
    return float(spread / np.sqrt(kept)), cutoff, float(along)


def _soft(smooth: NDArray, bone: NDArray, spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    soft = _within(smooth, SOFT_HU) & ~bone
    radius = [int(np.ceil(1.5 * HIGH_PASS_MM / step)) for step in spacing_mm[:2]]
    return np.asarray(ndimage.minimum_filter(soft.view(np.uint8), size=(2 * radius[0] + 1, 2 * radius[1] + 1, 1)) > 0)


def _correlation(rest: NDArray, flat: NDArray, axis: int) -> float:
    """Of neighbours along an axis, both of them in the flat region."""
    a, b = [slice(None)] * 3, [slice(None)] * 3
    a[axis], b[axis] = slice(None, -1), slice(1, None)
    both = flat[tuple(a)] & flat[tuple(b)]
    if both.sum() < 100:
        return 0.0
    left, right = rest[tuple(a)][both], rest[tuple(b)][both]
    return float(np.mean(left * right) / np.sqrt(np.mean(left**2) * np.mean(right**2)))


def _cutoff_for(lag: float, spacing_mm: tuple[float, float, float]) -> float:
    """The cutoff whose noise, seen through the same high-pass, has this correlation of in-plane neighbours."""
    low, high = 0.05, 3.0
    for _ in range(30):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if _high_passed(middle, spacing_mm)[1] > lag else (low, middle)
    return float(np.sqrt(low * high))


def _high_passed(cutoff: float, spacing_mm: tuple[float, float, float]) -> tuple[float, float]:
    """Share of the noise's variance that the residual keeps, and the residual's correlation of neighbours."""
    shape = (64, 64)
    spectrum = power(shape, spacing_mm[:2], NoiseTexture(cutoff))
    f = np.hypot(np.fft.fftfreq(shape[0], spacing_mm[0])[:, None], np.fft.fftfreq(shape[1], spacing_mm[1])[None, :])
    rest = spectrum * (1 - np.exp(-2 * (np.pi * HIGH_PASS_MM * f) ** 2)) ** 2
    covariance = np.fft.ifft2(rest).real
    return float(rest.sum() / spectrum.sum()), float((covariance[1, 0] + covariance[0, 1]) / 2 / covariance[0, 0])
