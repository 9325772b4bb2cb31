"""Metal and what it spoils, against screws of known size."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.imaging.gate.metal import BLOOM_MM, STREAK_MM, metal_by_level, metal_mask, unusable_voxels
from spondyl.values.level_map import LevelMap

SPACING = (0.8, 0.8, 2.0)


def scene(metal_hu: float = 8000.0) -> tuple[Volume, LevelMap, np.ndarray]:
    """Two vertebrae above each other as boxes; a screw of 6 mm along x through the lower one. Points in mm."""
    shape = (100, 100, 40)
    affine = np.diag([*SPACING, 1.0])
    points = np.moveaxis(np.indices(shape), 0, -1) * np.array(SPACING)
    hu = np.full(shape, 40.0, dtype=np.float32)
    labels = np.zeros(shape, dtype=np.uint8)
    for level, low in ((Level.L2, 10.0), (Level.L1, 45.0)):
        box = (np.abs(points[..., :2] - 40) < 18).all(-1) & (points[..., 2] > low) & (points[..., 2] < low + 25)
        hu[box], labels[box] = 200.0, level
    screw = (np.hypot(points[..., 1] - 40, points[..., 2] - 22) < 3) & (np.abs(points[..., 0] - 40) < 15)
    hu[screw] = metal_hu
    return Volume(hu, affine, "HU"), LevelMap(Volume(labels, affine, "label"), "made"), points


def test_volume_and_touched_level() -> None:
    ct, levels, _ = scene()
    (share,) = metal_by_level(ct, levels)
    assert share.level is Level.L2
    assert share.metal_mm3 == pytest.approx(np.pi * 3**2 * 30, rel=0.1)


def test_what_is_spoiled_is_the_bloom_and_the_slices_around_the_metal() -> None:
    ct, _, points = scene()
    spoiled = unusable_voxels(ct)
    metal = metal_mask(ct).array
    assert spoiled[metal].all()
    z = points[..., 2]
    assert not spoiled[np.abs(z - 22) > 3 + max(BLOOM_MM, SPACING[2]) + SPACING[2]].any()
    beside = (np.abs(z - 22) < 1) & (np.abs(points[..., 0] - 40) < 10)
    assert spoiled[beside & (np.abs(points[..., 1] - 40) < 3 + STREAK_MM - 1)].all()
    assert not spoiled[beside & (np.abs(points[..., 1] - 40) > 3 + STREAK_MM + 1)].any()


def test_the_share_of_a_vertebra() -> None:
    """A slab some 10 to 12 mm high and 26 mm wide out of a box of 25 x 36 mm, the whole width of 36 mm long."""
    ct, levels, _ = scene()
    (share,) = metal_by_level(ct, levels)
    assert 0.2 < share.unusable_share < (12 * 26) / (25 * 36)


@pytest.mark.parametrize("hu", [1200.0, 2000.0])
def test_dense_bone_is_no_metal(hu: float) -> None:
    ct, levels, _ = scene(hu)
    assert not unusable_voxels(ct).any()
    assert metal_by_level(ct, levels) == ()


def test_one_noisy_voxel_is_no_metal() -> None:
    ct, _, _ = scene(200.0)
    hu = ct.array.copy()
    hu[50, 50, 10] = 3000.0
    assert not unusable_voxels(ct.like(hu, "HU")).any()
