"""Models the mechanics tests share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from data import shared_data
from spondyl.mechanics.laws import LAWS
from spondyl.mechanics.materials import CEMENT_MPA, largest_piece
from spondyl.values.voxel_model import VoxelModel


def model_of(modulus, spacing_mm=(1.0, 1.0, 1.0), poisson_ratio=0.3):
    """Nothing held, nothing moved; tests fill in `held` and `displacement_mm`."""
    nodes = (3, *(size + 1 for size in modulus.shape))
    return VoxelModel(modulus, spacing_mm, poisson_ratio, np.zeros(nodes, bool), np.zeros(nodes))


def pressed(modulus, spacing_mm=(1.0, 1.0, 1.0), *, bonded=False, strain=0.01):
    """Compressed along z between its lowest and highest nodes; faces slide, or are bonded."""
    model = model_of(modulus, spacing_mm)
    model.held[slice(None) if bonded else 2, :, :, [0, -1]] = True
    model.displacement_mm[2, :, :, -1] = -strain * modulus.shape[2] * spacing_mm[2]
    return model


def node_places(shape, spacing_mm):
    """(3, nx + 1, ny + 1, nz + 1) coordinates of the corners in mm."""
    axes = [np.arange(size + 1) * step for size, step in zip(shape, spacing_mm, strict=True)]
    return np.array(np.meshgrid(*axes, indexing="ij"))


def porous(shape, seed, lowest=10.0, highest=1000.0, porosity=0.3):
    """One face-connected piece of random moduli, log-uniform, with holes."""
    rng = np.random.default_rng(seed)
    modulus = np.exp(rng.uniform(np.log(lowest), np.log(highest), shape))
    solid = rng.random(shape) > porosity
    solid.flat[0] = True
    return np.where(largest_piece(solid), modulus, 0.0)


def cylinder(spacing_mm, hole_mpa=5.0, shell_mpa=12000.0):
    """The study's elliptic cylinder, 48 x 36 x 28 mm: smooth random core, 0.8 mm shell, a lytic hole of 8 mm radius."""
    shape = tuple(round(size / spacing_mm) for size in (48, 36, 28))
    x, y, z = ((np.arange(size) + 0.5) * spacing_mm for size in shape)
    x, y, z = x[:, None, None] - 24, y[None, :, None] - 18, z[None, None, :]
    radius = np.sqrt((x / 24) ** 2 + (y / 18) ** 2) + 0 * z
    depth = np.minimum((1 - radius) * 20, np.minimum(z, 28 - z))
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(shape), 1.5 / spacing_mm)
    modulus = np.clip(316 * np.exp(0.55 * noise / noise.std()), 100, 1000)
    shell = np.clip((0.8 - depth) / spacing_mm + 0.5, 0, 1)
    modulus += shell * (shell_mpa - modulus)
    modulus[(x - 6) ** 2 + (y - 3) ** 2 + (z - 13) ** 2 < 64] = hole_mpa
    return np.where(radius <= 1, modulus, 0.0)


PUBLISHED_BOTTOM, PUBLISHED_TOP = 23, 60
"""Node layers of the loaded faces of the published vertebra."""
PUBLISHED_SHORTENING_MM = 0.2


def published_images():
    """Density in mg/cc and labels: 1, 2 body; 3, 4 processes; 5, 6 cement below and above. 1 mm, z up. Or skip."""
    nibabel = pytest.importorskip("nibabel")
    folder = shared_data("verse004_L2_fe_benchmark")
    density, labels = (
        np.asarray(nibabel.load(folder / f"sub-verse004_0000_vertebra_21_{name}.nii.gz").dataobj)
        for name in ("im", "seg")
    )
    return density.astype(np.float64), np.rint(labels).astype(int)


def published_vertebra():
    """The published model, with its floor of 1e-4 MPa, bone and cement as labelled, faces free to slide."""
    density, labels = published_images()
    modulus = np.where(labels > 0, LAWS["kopperdahl2002"].modulus_mpa(density, softest_mpa=1e-4), 0.0)
    modulus[labels >= 5] = CEMENT_MPA
    assert (modulus > 0).sum() == 67190
    modulus[~largest_piece(modulus > 0)] = 0  # 4 voxels that hang on by an edge
    model = model_of(modulus)
    for node_layer, voxel_layer, label in ((PUBLISHED_BOTTOM, 23, 5), (PUBLISHED_TOP, 59, 6)):
        face = np.pad(labels[:, :, voxel_layer] == label, 1)
        model.held[2, :, :, node_layer] = face[:-1, :-1] | face[1:, :-1] | face[:-1, 1:] | face[1:, 1:]
    model.displacement_mm[2, :, :, PUBLISHED_TOP] = -PUBLISHED_SHORTENING_MM
    return model
