"""Caps fill what a press would pot, and nothing beside it."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.mechanics.caps import capped


def dished(depth=4, size=31, height=25):
    """A cylinder whose ends are hollowed by a paraboloid of the given depth in voxels."""
    x, y, z = np.indices((size, size, height))
    radius = np.hypot(x - size // 2, y - size // 2) / (size // 2)
    dip = depth * (1 - radius**2)
    return (radius <= 1) & (z >= dip) & (z <= height - 1 - dip)


def test_flat_faces_over_the_whole_footprint_and_no_gap():
    bone = dished()
    block = capped(bone, (1.0, 1.0, 1.0))
    footprint = bone.any(axis=2)
    assert (block.cement[:, :, 0] == footprint).all()
    assert (block.cement[:, :, -1] == footprint).all()
    assert block.bone.shape[2] == 25 + 3 + 3
    assert not (block.bone & block.cement).any()
    filled = block.bone | block.cement
    assert (filled == footprint[:, :, None]).all()
    assert (block.bone[:, :, block.offset : block.offset + 25] == bone).all()


def test_height_leaves_out_stray_tips():
    bone = np.pad(dished(depth=0), ((0, 0), (0, 0), (4, 6)))
    assert capped(bone, (1.0, 1.0, 0.5)).height_mm == 12.5
    bone[14:16, 14:16, 8:] = True
    bone[4, 15, 2:8] = True
    assert capped(bone, (1.0, 1.0, 0.5)).height_mm == 12.5


def test_cap_thickness_is_in_millimetres():
    block = capped(dished(), (1.0, 1.0, 0.5))
    assert block.bone.shape[2] == 25 + 6 + 6


def test_a_root_that_begins_half_way_up_gets_no_pillar_below_it():
    bone = np.zeros((30, 20, 24), bool)
    bone[:20] = True
    bone[20:26, 5:15, 12:24] = True  # like a pedicle's root: flush above, open below
    block = capped(bone, (1.0, 1.0, 1.0))
    assert not block.cement[20:, :, : block.offset + 12].any()
    assert block.cement[20:26, 5:15, -1].all()


def test_a_bulge_in_the_middle_is_not_potted():
    bone = np.zeros((30, 20, 24), bool)
    bone[:20] = True
    bone[20:26, 5:15, 8:15] = True
    block = capped(bone, (1.0, 1.0, 1.0))
    assert not block.cement[20:].any()


@pytest.mark.parametrize("slope", [0.15, 0.3])
def test_a_wedge_is_filled_up_to_the_flat_face(slope):
    x, _, z = np.indices((30, 24, 24))
    bone = z <= 23 - slope * x
    block = capped(bone, (1.0, 1.0, 1.0))
    assert block.cement[:, :, -1].all()
    assert (block.bone | block.cement).all()


def test_turned_upside_down_the_caps_are_the_same():
    bone = dished(5)
    bone[:4] = False
    bone[10:14, 10:14, :9] = False
    up, down = capped(bone, (1.0, 1.0, 1.0)), capped(bone[:, :, ::-1], (1.0, 1.0, 1.0))
    assert (up.cement == down.cement[:, :, ::-1]).all()
    assert up.height_mm == down.height_mm
