"""Noise as filtered back-projection leaves it: a ramp times the square of the kernel's transfer, slice by slice.

Power by in-plane frequency f is f * exp(-(f / cutoff)^2), that of a ramp filter with a Gaussian kernel (its transfer
squared is the exponential); along the slices it is white noise smoothed by a Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True)
class NoiseTexture:
    cutoff_per_mm: float
    """In-plane frequency at which the power has fallen by e against the ramp."""
    slice_fwhm_mm: float = 0.0
    """Of the smoothing across slices; 0 makes slices independent."""


def texture_of_kernel(fwhm_mm: float, slice_fwhm_mm: float = 0.0) -> NoiseTexture:
    """What a Gaussian kernel of this width in the image does to the noise: |MTF|^2 = exp(-(2 pi sigma f)^2)."""
    return NoiseTexture(FWHM_PER_SIGMA / (2 * np.pi * fwhm_mm), slice_fwhm_mm)


def filtered_noise(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    texture: NoiseTexture,
    sd_hu: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Noise of mean 0 and the given SD on a grid whose third axis runs across the slices."""
    field = np.empty(shape, dtype=np.float32)
    transfer = np.sqrt(power(shape[:2], spacing_mm[:2], texture))
    transfer /= np.sqrt(np.mean(transfer**2))
    for k in range(shape[2]):
        spectrum = fft.fft2(rng.standard_normal(shape[:2], dtype=np.float32))
        field[:, :, k] = fft.ifft2(spectrum * transfer).real
    sigma = texture.slice_fwhm_mm / FWHM_PER_SIGMA / spacing_mm[2]
    if sigma > 0:
        impulse = np.zeros(2 * int(np.ceil(5 * sigma)) + 1)
        impulse[len(impulse) // 2] = 1.0
        kept = np.sqrt(np.sum(ndimage.gaussian_filter1d(impulse, sigma) ** 2))
        field = ndimage.gaussian_filter1d(field, sigma, axis=2, mode="wrap") / np.float32(kept)
    return field * np.float32(sd_hu)


def power(shape: tuple[int, ...], spacing_mm: tuple[float, ...], texture: NoiseTexture) -> NDArray[np.float64]:
    """Power over the discrete in-plane frequencies, not normalised; the mean (frequency 0) is left out."""
    f = np.hypot(fft.fftfreq(shape[0], spacing_mm[0])[:, None], fft.fftfreq(shape[1], spacing_mm[1])[None, :])
    return np.asarray(f * np.exp(-((f / texture.cutoff_per_mm) ** 2)))
