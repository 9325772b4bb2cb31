"""Problems on which the quality of the multigrid cycle is measured: name -> a model for each of several voxel sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mechanics.models import PUBLISHED_BOTTOM, PUBLISHED_TOP, cylinder, pressed, published_images
from spondyl.mechanics.materials import largest_piece
from spondyl.values.strength import SolveReport
from spondyl.values.voxel_model import VoxelModel

BODY_MM = (44.0, 32.0, 26.0)
"""Width, depth and height of a lumbar vertebral body, rounded; own choice."""
CORE_MG_CC, CORE_SD_MG_CC = 110.0, 35.0
"""Trabecular density as clinical CT shows it, texture and noise together; own choice within the usual range."""
SHELL_MG_CC, SHELL_MM = 700.0, 0.5
BLUR_MM = 0.7
"""Standard deviation of a clinical scanner's point spread, about 1.6 mm at half height; own choice."""

CEMENT_MPA = 2500.0
SOFTEST_MPA = 1.0
Spacing = tuple[float, float, float]


def bone_mpa(density_mg_cc: NDArray) -> NDArray[np.float64]:
    """Kopperdahl's law, written out: what is measured here must not change when the package's laws do."""
    return np.maximum(2980.0 * (np.maximum(density_mg_cc, 0) / 1000) ** 1.05, SOFTEST_MPA)


def clinical_body(spacing_mm: Spacing) -> NDArray[np.float64]:
    """Moduli of a vertebral body as clinical CT shows it: a thin shell blurred over several voxels, a noisy core."""
    shape = tuple(round(size / step) for size, step in zip(BODY_MM, spacing_mm, strict=True))
    axes = [(np.arange(size) + 0.5) * step for size, step in zip(shape, spacing_mm, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    radius = np.hypot((x - BODY_MM[0] / 2) / (BODY_MM[0] / 2), (y - BODY_MM[1] / 2) / (BODY_MM[1] / 2))
    depth = np.minimum((1 - radius) * BODY_MM[1] / 2, np.minimum(z, BODY_MM[2] - z))
    shell = np.clip((SHELL_MM - depth) / min(spacing_mm) + 0.5, 0, 1) * (radius <= 1)
    blur = [BLUR_MM / step for step in spacing_mm]
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(shape), blur)
    density = CORE_MG_CC + CORE_SD_MG_CC * noise / noise.std()
    density += (SHELL_MG_CC - CORE_MG_CC) * ndimage.gaussian_filter(shell, blur, mode="nearest")
    return np.where(radius <= 1, bone_mpa(density), 0.0)


def clinical(step: float, flat: float = 1.0) -> VoxelModel:
    """Voxels of step x step x (flat step)."""
    spacing = (step, step, flat * step)
    return pressed(clinical_body(spacing), spacing, bonded=True)


def uniform_bar(elements: int) -> VoxelModel:
    step = 8.0 / elements
    return pressed(np.full((elements, elements, 3 * elements), 500.0), (step, step, step), bonded=True)


def study_cylinder(step: float) -> VoxelModel:
    """Shell of 12 GPa around a core of 100 to 1000 MPa with a hole of 5 MPa."""
    return pressed(cylinder(step), (step, step, step), bonded=True)


def published(step: float, labels: tuple[int, ...]) -> VoxelModel:
    """The published vertebra between its cement caps at 2, 1 or 0.5 mm. Skips where its files are not."""
    density, label = published_images()
    layers = slice(PUBLISHED_BOTTOM, PUBLISHED_TOP)
    density, label = density[:, :, layers], label[:, :, layers]
    modulus = np.where(label >= 5, CEMENT_MPA, bone_mpa(density))
    modulus[~np.isin(label, labels)] = 0
    if step > 1:
        even = [size + size % 2 for size in modulus.shape]
        padded = np.zeros(even)
        padded[tuple(slice(size) for size in modulus.shape)] = modulus
        modulus = padded.reshape(even[0] // 2, 2, even[1] // 2, 2, even[2] // 2, 2).mean(axis=(1, 3, 5))
    elif step < 1:
        modulus = modulus.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    return pressed(np.where(largest_piece(modulus > 0), modulus, 0.0), (step, step, step))


BODY_AND_CAPS, ALL = (1, 2, 5, 6), (1, 2, 3, 4, 5, 6)

GALLERY: dict[str, tuple[Callable[[float], VoxelModel], tuple[float, ...]]] = {
    "uniform bar": (lambda step: uniform_bar(round(8 / step)), (1.0, 0.5, 0.25)),
    "study cylinder": (study_cylinder, (2.0, 1.4, 1.0)),
    "clinical CT": (clinical, (2.0, 1.4, 1.0)),
    "clinical CT, 1 : 1 : 2": (lambda step: clinical(step, 2.0), (1.6, 1.2, 0.8)),
    "clinical CT, 1 : 1 : 4": (lambda step: clinical(step, 4.0), (1.2, 0.9, 0.7)),
    "published body": (lambda step: published(step, BODY_AND_CAPS), (2.0, 1.0, 0.5)),
    "published vertebra with its arch": (lambda step: published(step, ALL), (2.0, 1.0)),
}
"""Each with the voxel sizes in mm that are small enough for a test."""


def reduction(report: SolveReport) -> float:
    """Mean factor by which one iteration, that is one cycle, shrinks the residual."""
    return report.residuals[-1] ** (1 / report.iterations)
