"""Blocks of bone: a surface moved by half a voxel, own bone in place of a lesion, voxels twice as large."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.core.errors import ModelError
from spondyl.mechanics.bone import BoneBlock, BoneLesion, check_block, coarser, own_bone, surface_moved

SPACING = (1.0, 1.0, 1.0)


def ball(radius, size=40, centre=(0.2, -0.3, 0.1)):
    place = np.indices((size,) * 3) - (size - 1) / 2 - np.array(centre)[:, None, None, None]
    return (place**2).sum(axis=0) < radius**2


@pytest.mark.parametrize("radius", [8.0, 11.3, 16.0])
@pytest.mark.parametrize(("voxels", "within"), [(-0.5, 0.03), (-0.25, 0.1), (0.25, 0.1), (0.5, 0.03)])
def test_a_moved_surface_gives_the_volume_of_the_moved_sphere(radius, voxels, within):
    # A quarter of a voxel is less than most faces of a mask can show, so it is met only roughly.
    moved = surface_moved(ball(radius), voxels).sum()
    assert moved == pytest.approx(4 / 3 * np.pi * (radius + voxels) ** 3, rel=within)


def test_half_a_voxel_is_the_most_a_flat_face_can_hide():
    slab = np.zeros((20, 20, 20), bool)
    slab[:, :, 5:15] = True
    inner = surface_moved(slab, -0.49)[5:15, 5:15]
    assert np.array_equal(inner, slab[5:15, 5:15])  # less than half a voxel of a flat face is still the same voxels
    assert surface_moved(slab, 0.0)[5:15, 5:15].sum() == slab[5:15, 5:15].sum()


def layered(shape=(24, 20, 18)):
    """Dense at the surface, denser towards the ends: what own bone has to follow."""
    bone = np.zeros(shape, bool)
    bone[2:-2, 2:-2, 2:-2] = True
    x, y, z = np.indices(shape)
    depth = np.minimum.reduce([x - 1, shape[0] - 2 - x, y - 1, shape[1] - 2 - y, z - 1, shape[2] - 2 - z])
    return np.where(depth <= 1, 400.0, 150.0), bone


def test_own_bone_gives_back_what_the_lesion_took():
    density, bone = layered()
    lesion = np.zeros_like(bone)
    lesion[4:12, 2:11, 5:12] = True  # into the shell in front
    sick = np.where(lesion, -20.0, density)
    filled, why_not = own_bone(BoneBlock(sick, bone, SPACING, (BoneLesion(lesion & bone, "lytic"),)))
    assert not why_not
    assert np.array_equal(filled[~lesion], sick[~lesion])
    assert filled[lesion & bone] == pytest.approx(density[lesion & bone], rel=0.12)


def test_own_bone_is_not_guessed_from_next_to_nothing():
    density, bone = layered()
    filled, why_not = own_bone(BoneBlock(density, bone, SPACING, (BoneLesion(bone & (np.arange(18) < 15), "lytic"),)))
    assert filled is None
    assert "too little" in why_not


def test_larger_voxels_keep_mass_volume_and_place():
    rng = np.random.default_rng(2)
    density, bone = rng.uniform(50, 300, (21, 18, 16)), ball(7.0, 22)[:21, :18, :16]
    block = BoneBlock(density, bone, (0.8, 0.8, 1.0), (BoneLesion(ball(4.0, 22)[:21, :18, :16], "mixed"),))
    larger = coarser(block)
    assert larger.spacing_mm == (1.6, 1.6, 2.0)
    assert 8 * larger.bone.sum() == pytest.approx(bone.sum(), rel=0.05)
    mass, larger_mass = density[bone].sum(), 8 * larger.density_mg_cc[larger.bone].sum()
    assert larger_mass == pytest.approx(mass, rel=0.05)
    at, larger_at = np.argwhere(bone).mean(axis=0) + 0.5, 2 * (np.argwhere(larger.bone).mean(axis=0) + 0.5)
    assert larger_at == pytest.approx(at, abs=0.2)
    assert 8 * larger.lesions[0].mask.sum() == pytest.approx(block.lesions[0].mask.sum(), rel=0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bone": np.zeros((6, 6, 6), bool)}, "empty"),
        ({"bone": np.ones((6, 6, 5), bool)}, "shapes"),
        ({"density_mg_cc": np.full((6, 6, 6), np.nan)}, "no density"),
        ({"spacing_mm": (1.0, 0.0, 1.0)}, "voxels of"),
        ({"lesions": (BoneLesion(np.ones((2, 2, 2), bool), "lytic"),)}, "shapes"),
    ],
)
def test_blocks_that_are_none_are_refused_with_a_remedy(change, words):
    good = {"density_mg_cc": np.full((6, 6, 6), 100.0), "bone": np.ones((6, 6, 6), bool), "spacing_mm": SPACING}
    check_block(BoneBlock(**good))
    with pytest.raises(ModelError, match=words) as caught:
        check_block(BoneBlock(**good | change))
    assert caught.value.remedy
