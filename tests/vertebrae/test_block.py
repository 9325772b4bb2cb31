"""Upright blocks: values where they belong, and a mask without the scan's staircase."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_bones import BODY, Bone, stack, voxelise
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.vertebrae.block import BEYOND_SCAN_HU, sample_block
from spondyl.vertebrae.build import build_vertebrae

TURN = Rotation.from_euler("xyz", [20, -12, 9], degrees=True)


@pytest.fixture(scope="module")
def case():
    bones = stack(dict.fromkeys((Level.T12, Level.L1, Level.L2), Bone()), whole=TURN)
    levels, ct, _ = voxelise(bones, (0.7, 0.7, 2.5))
    return bones[Level.L1], build_vertebrae(levels, ct)[0][Level.L1], ct


def points(block):
    local = np.stack(np.meshgrid(*(block.coordinates_mm(axis) for axis in range(3)), indexing="ij"), axis=-1)
    return block.frame.to_lps(local)


def test_a_linear_field_is_resampled_exactly(case):
    _, vertebra, ct = case
    slope = np.array([1.3, -0.7, 2.1])
    field = ct.like((ct.to_lps(np.moveaxis(np.indices(ct.shape), 0, -1)) @ slope).astype(np.float32), "HU")
    block = sample_block(field, vertebra, voxel_mm=1.0, margin_mm=5.0, parts=(SubRegion.BODY,))
    within = block.values != BEYOND_SCAN_HU
    assert within.mean() > 0.99
    assert np.abs(block.values - points(block) @ slope)[within].max() < 0.01
    assert block.values.dtype == np.float32
    assert block.mask.dtype == np.bool_
    placed = block.as_volume()
    assert np.allclose(placed.to_lps((3, 2, 1)), points(block)[3, 2, 1])


@pytest.mark.parametrize("voxel_mm", [1.0, 1.5])
def test_the_body_in_the_block_is_the_body_of_the_bone(case, voxel_mm):
    bone, vertebra, ct = case
    block = sample_block(ct, vertebra, voxel_mm=voxel_mm, margin_mm=3.0, parts=(SubRegion.BODY,))
    true = bone.parts_at(points(block)) == BODY
    nearest = vertebra.parts.sample(points(block), order=0, outside=0) == SubRegion.BODY
    errors = [(true ^ found).sum() / true.sum() for found in (block.mask, nearest)]
    assert errors[0] < 0.1
    assert errors[0] < 0.9 * errors[1]
    assert block.mask.sum() == pytest.approx(true.sum(), rel=0.02)
    assert not block.mask[[0, -1]].any()
    assert not block.mask[:, :, [0, -1]].any()
    # Upright: the top of every inner column is the same, as the bone's endplate is flat.
    x, y, z = (block.coordinates_mm(axis) for axis in range(3))
    inner = block.mask[abs(x) < 12][:, abs(y) < 9]
    tops = z[inner.shape[2] - 1 - np.argmax(inner[:, :, ::-1], axis=2)]
    assert tops.std() < 0.5 * voxel_mm + 0.1
    assert tops.mean() + voxel_mm / 2 == pytest.approx(12.0, abs=0.8)


def test_margin_parts_and_bad_requests(case):
    _, vertebra, ct = case
    body = sample_block(ct, vertebra, voxel_mm=1.5, margin_mm=0.0, parts=(SubRegion.BODY,))
    wide = sample_block(ct, vertebra, voxel_mm=1.5, margin_mm=6.0, parts=(SubRegion.BODY,))
    whole = sample_block(ct, vertebra, voxel_mm=1.5, margin_mm=0.0)
    assert np.allclose(body.origin_mm - wide.origin_mm, 6.0)
    assert whole.mask.sum() > 1.2 * body.mask.sum()
    with pytest.raises(ValueError, match="positive"):
        sample_block(ct, vertebra, voxel_mm=0.0, margin_mm=0.0)
    nothing = type(vertebra)(
        vertebra.level,
        vertebra.frame,
        vertebra.parts.like(np.zeros(vertebra.parts.shape, np.uint8), "label"),
        vertebra.geometry,
        "shape",
    )
    with pytest.raises(ValueError, match="no voxel"):
        sample_block(ct, nothing, voxel_mm=1.0, margin_mm=0.0)


def test_beyond_the_scan_is_air(case):
    _, vertebra, ct = case
    small = Volume(np.full((2, 2, 2), 50.0, np.float32), ct.affine, "HU")
    block = sample_block(small, vertebra, voxel_mm=2.0, margin_mm=0.0)
    assert (block.values == BEYOND_SCAN_HU).all()
