"""From exact HU to a CT scan: kernel, slices, noise, metal, table, field of view; the same key, the same scan."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from spondyl.core.volume import Volume
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.metal import MetalRod, metal_share, streaks, with_metal
from spondyl.phantoms.noise import FWHM_PER_SIGMA, NoiseTexture, filtered_noise, texture_of_kernel

Kernel = Literal["soft", "standard", "sharp", "bone"]
Contrast = Literal["none", "arterial", "portal"]

KERNEL_FWHM_MM: dict[Kernel, float] = {"soft": 1.4, "standard": 1.1, "sharp": 0.85, "bone": 0.65}
"""Own choice: point spread in the plane; a Gaussian of these widths has MTF 50 % at 3.2, 4.0, 5.2 and 6.8 lp/cm,
which spans soft-tissue to bone kernels of clinical scanners."""
MINERAL_FACTOR = {80.0: 1.40, 100.0: 1.15, 120.0: 1.0, 140.0: 0.91}
"""HU of the same mineral against 120 kVp: own calculation with `tissues.HU_PER_MG_CC`."""
IODINE_FACTOR = {80.0: 1.7, 100.0: 1.28, 120.0: 1.0, 140.0: 0.82}
"""HU of the same iodine against 120 kVp; own choice from its attenuation over water's (NIST) at 50, 57, 64, 70 keV."""
RISE_HU: dict[Contrast, dict[str, float]] = {
    "none": {"aorta": 0.0, "veins": 0.0, "muscle": 0.0, "marrow": 0.0, "tumour": 0.0},
    "arterial": {"aorta": 260.0, "veins": 60.0, "muscle": 10.0, "marrow": 14.1, "tumour": 30.0},
    "portal": {"aorta": 110.0, "veins": 120.0, "muscle": 20.0, "marrow": 18.0, "tumour": 35.0},
}
"""Rise by contrast medium at 120 kVp. Marrow: pompe2015 (L1 of 53 patients); the others an own choice within what
clinical scans show."""
HU_RANGE = (-1024.0, 3071.0)
"""What 12 bits hold: scanners store no more."""
TABLE_GAP_MM, TABLE_MM, TABLE_SKIN_MM = 4.0, 30.0, 3.0
TABLE_HU, TABLE_SKIN_HU = -940.0, -150.0
"""Own choice: a foam core between carbon plates, a little below the back."""
BODY_HU = -500.0


class ScannerSpec(BaseModel):
    """How a phantom is scanned; a table of a user's TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    voxel_mm: float | None = Field(default=None, ge=0.2, le=3.0, description="In the plane; unset: as it comes")
    slice_spacing_mm: float | None = Field(default=None, ge=0.2, le=10.0, description="Unset: as it comes")
    slice_thickness_mm: float = Field(default=1.0, ge=0.2, le=10.0)
    kernel: Kernel = "standard"
    noise_hu: float = Field(default=15.0, ge=0.0, le=300.0, description="SD in homogeneous tissue")
    kvp: float = Field(default=120.0, ge=70.0, le=150.0)
    contrast: Contrast = "none"
    metal: tuple[MetalRod, ...] = ()
    table: bool = False
    fov_mm: float | None = Field(default=None, ge=30.0, description="Diameter of the circle; unset: all is seen")
    padding_hu: float = Field(default=-1024.0, ge=-4096.0, le=-1000.0, description="Outside the field of view")

    @property
    def fwhm_mm(self) -> float:
        """In-plane width of the point spread."""
        return KERNEL_FWHM_MM[self.kernel]

    @property
    def mineral_factor(self) -> float:
        """By which bone mineral's HU differ from those at 120 kVp."""
        return _at_kvp(MINERAL_FACTOR, self.kvp)

    def rise_hu(self, tissue: str) -> float:
        """By contrast medium, in 'aorta', 'veins', 'muscle', 'marrow', 'tumour'."""
        return RISE_HU[self.contrast][tissue] * _at_kvp(IODINE_FACTOR, self.kvp)


def scan(hu: Volume, settings: ScannerSpec, key: tuple[object, ...]) -> Volume:
    """The scan of exact HU (shares of tissues averaged within each of its voxels), int16 and canonical.

    Its grid is `scan_grid(hu, settings)`. Whatever tissue the tube voltage and contrast medium change must have been
    changed in `hu` already (`mineral_factor`, `rise_hu`): HU alone do not tell iodine from bone.
    """
    source = hu.canonical()
    field = source.array.astype(np.float32)
    share = metal_share(source, settings.metal)
    if settings.table:
        field = _with_table(field, source)
    blurred = source.like(blurred_as_scanned(with_metal(field, share), source.spacing_mm, settings), "HU")
    grid = scan_grid(hu, settings)
    image = np.array(blurred.resampled_onto(grid, order=1, outside=HU_RANGE[0]).array, dtype=np.float32)
    if share is not None:
        metal = source.like(share, "mask").resampled_onto(grid, order=1, outside=0.0)
        image += streaks(metal, keyed(*key, "streaks"))
    texture = noise_texture(settings, grid.spacing_mm[2])
    if settings.noise_hu > 0:
        image += filtered_noise(grid.shape, grid.spacing_mm, texture, settings.noise_hu, keyed(*key, "noise"))
    image = np.rint(np.clip(image, *HU_RANGE))
    return grid.like(_within_field(image, grid, settings).astype(np.int16), "HU")


def scan_grid(hu: Volume, settings: ScannerSpec) -> Volume:
    """An empty volume on the scan's grid: canonical, with the same outer borders up to less than a voxel."""
    source = hu.canonical()
    old = np.array(source.spacing_mm)
    new = np.array([settings.voxel_mm or old[0], settings.voxel_mm or old[1], settings.slice_spacing_mm or old[2]])
    shape = tuple(int(n) for n in np.maximum(1, np.floor(np.array(source.shape) * old / new + 1e-6)))
    affine = source.affine.copy()
    affine[:3, :3] = source.affine[:3, :3] / old * new
    affine[:3, 3] = source.to_lps(0.5 * new / old - 0.5)
    return Volume(np.broadcast_to(np.uint8(0), shape), affine, "label")


def blurred_as_scanned(
    hu: NDArray, spacing_mm: tuple[float, float, float], settings: ScannerSpec
) -> NDArray[np.float32]:
    """Kernel in the plane and slice profile across, less what the voxels of the source have averaged already."""
    sigma = [
        np.sqrt(max((settings.fwhm_mm / FWHM_PER_SIGMA) ** 2 - step**2 / 12, 0.0)) / step for step in spacing_mm[:2]
    ]
    field = ndimage.gaussian_filter(hu.astype(np.float32), [*sigma, 0.0], mode="nearest")
    width = np.sqrt(max(settings.slice_thickness_mm**2 - spacing_mm[2] ** 2, 0.0)) / spacing_mm[2]
    if width > 1e-3:
        field = ndimage.convolve1d(field, _box(width), axis=2, mode="nearest")
    return np.asarray(field)


def noise_texture(settings: ScannerSpec, slice_spacing_mm: float) -> NoiseTexture:
    """By the kernel; slices thicker than their distance share noise."""
    shared = max(settings.slice_thickness_mm**2 - slice_spacing_mm**2, 0.0)
    return texture_of_kernel(settings.fwhm_mm, float(np.sqrt(shared)))


def _box(width: float) -> NDArray[np.float64]:
    """Weights of a box of this width in samples, with the box's own second moment, width^2 / 12."""
    half = int(np.ceil(width / 2 + 0.5))
    at = np.arange(-half, half + 1, dtype=np.float64)
    weights: NDArray[np.float64] = np.clip(width / 2 + 0.5 - np.abs(at), 0.0, 1.0)
    weights /= weights.sum()
    spread = float(np.sum(weights * at**2))
    keep = min(1.0, width**2 / 12 / spread) if spread > 0 else 1.0
    weights *= keep  # sampled, a box comes out a little wide: the rest stays in the middle
    weights[half] += 1 - keep
    return weights


def _with_table(hu: NDArray, grid: Volume) -> NDArray:
    """A flat table under the body's rearmost point; the second axis runs to the back."""
    body = np.flatnonzero((hu > BODY_HU).any(axis=(0, 2)))
    if not len(body):
        return hu
    below = (np.arange(hu.shape[1]) - body[-1]) * grid.spacing_mm[1] - TABLE_GAP_MM
    inside = (below > 0) & (below <= TABLE_MM)
    skin = inside & ((below <= TABLE_SKIN_MM) | (below > TABLE_MM - TABLE_SKIN_MM))
    out = hu.copy()
    out[:, inside] = TABLE_HU
    out[:, skin] = TABLE_SKIN_HU
    return out


def _within_field(image: NDArray, grid: Volume, settings: ScannerSpec) -> NDArray:
    if settings.fov_mm is None:
        return image
    x, y = ((np.arange(n) - (n - 1) / 2) * step for n, step in zip(grid.shape[:2], grid.spacing_mm[:2], strict=True))
    image[np.hypot(x[:, None], y[None, :]) > settings.fov_mm / 2] = settings.padding_hu
    return image


def _at_kvp(table: dict[float, float], kvp: float) -> float:
    return float(np.interp(kvp, list(table), list(table.values())))
