"""Models the mechanics tests share."""

from __future__ import annotations

import numpy as np
import pytest

from data import shared_data
from spondyl.mechanics.benchmark.problem import cylinder as cylinder
from spondyl.mechanics.benchmark.problem import pressed as pressed
from spondyl.mechanics.benchmark.problem import unloaded as model_of
from spondyl.mechanics.laws import LAWS
from spondyl.mechanics.materials import CEMENT_MPA, largest_piece


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
