"""Metal in a scan: rods (screws, fillings) and the streaks they cast, by projecting and reconstructing them."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from spondyl.core.volume import Volume

METAL_HU = 8000.0
"""Own choice: titanium lies near there; what is stored ends at 3071 anyway."""
WATER_PER_MM = 0.02
"""Attenuation of water at about 65 keV (NIST)."""
METAL_PER_MM = WATER_PER_MM * (1 + METAL_HU / 1000)
HARDENING = 0.12
"""Own choice: share of the metal's attenuation that beam hardening hides behind an optical depth of 2."""
STARVATION_SD = 0.01
"""Own choice: noise of the logarithm behind no metal; it grows as exp(depth / 2)."""
DEEPEST = 6.0
"""Own choice: photon counts fall no further, because detectors then read scatter."""
ANGLES = 180
LARGEST_PX = 256
"""Own choice: streaks are computed on no more pixels than this, and are smooth on the scale of the rest."""


class MetalRod(BaseModel):
    """A rod with round ends between two points in patient LPS: a pedicle screw; short and thick: a filling."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start_lps_mm: tuple[float, float, float]
    end_lps_mm: tuple[float, float, float]
    radius_mm: float = Field(default=3.0, gt=0.3, le=15.0)


def metal_share(grid: Volume, rods: tuple[MetalRod, ...]) -> NDArray[np.float32] | None:
    """Share of each voxel that is metal; None without any."""
    if not rods:
        return None
    share = np.zeros(grid.shape, dtype=np.float32)
    soft = float(np.mean(grid.spacing_mm))
    for rod in rods:
        ends = np.array([rod.start_lps_mm, rod.end_lps_mm])
        corners = grid.to_index(np.concatenate([ends - rod.radius_mm - soft, ends + rod.radius_mm + soft]))
        reach = rod.radius_mm / np.array(grid.spacing_mm) + 2
        low = np.clip(np.floor(corners.min(axis=0) - reach), 0, grid.shape).astype(int)
        high = np.clip(np.ceil(corners.max(axis=0) + reach), 0, grid.shape).astype(int)
        if (high <= low).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        at = grid.to_lps(
            np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), -1)
        )
        along = ends[1] - ends[0]
        part = np.clip((at - ends[0]) @ along / max(float(along @ along), 1e-9), 0, 1)
        away = np.linalg.norm(at - ends[0] - part[..., None] * along, axis=-1)
        share[box] = np.maximum(share[box], np.clip(0.5 + (rod.radius_mm - away) / soft, 0, 1))
    return share


def with_metal(hu: NDArray, share: NDArray[np.float32] | None) -> NDArray:
    return hu if share is None else hu + share * (METAL_HU - hu)


def streaks(metal: Volume, rng: np.random.Generator) -> NDArray[np.float32]:
    """HU that beam hardening and photon starvation add, slice by slice; zero in slices without metal."""
    out = np.zeros(metal.shape, dtype=np.float32)
    for k in np.flatnonzero(metal.array.max(axis=(0, 1)) > 0.05):
        out[:, :, k] = _slice_streaks(np.asarray(metal.array[:, :, k], dtype=np.float64), metal.spacing_mm[0], rng)
    return out


def _slice_streaks(share: NDArray, voxel_mm: float, rng: np.random.Generator) -> NDArray:
    from skimage.transform import iradon, radon, resize

    size = min(LARGEST_PX, max(share.shape))
    side = max(share.shape)
    pad = [(0, side - n) for n in share.shape]
    small = resize(np.pad(share, pad), (size, size), anti_aliasing=True)
    pixel_mm = voxel_mm * side / size
    angles = np.arange(ANGLES) * 180.0 / ANGLES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # radon warns of what lies outside its circle: nothing but air there
        depth = radon(small, angles, circle=False) * pixel_mm * METAL_PER_MM
    hidden = HARDENING * depth * np.minimum(depth, DEEPEST) / 2
    starved = STARVATION_SD * np.sqrt(np.exp(np.minimum(depth, DEEPEST)) - 1) * rng.standard_normal(depth.shape)
    error = iradon((starved - hidden) / pixel_mm, angles, filter_name="hann", circle=False, output_size=size)
    full = resize(error / WATER_PER_MM * 1000, (side, side))
    return np.asarray(full[: share.shape[0], : share.shape[1]])
