"""Whole vertebrae: built, refused, and turned, against bones of exactly known shape."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_bones import BODY, Bone, stack, voxelise
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.vertebrae.build import build_vertebrae

ROW = (Level.T12, Level.L1, Level.L2)
OBLIQUE = Rotation.from_euler("xyz", [25, -15, 10], degrees=True)


@pytest.mark.parametrize("turn", [Rotation.identity(), OBLIQUE], ids=["upright", "oblique"])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 2.5)], ids=["1 mm", "2.5 mm slices"])
def test_frame_and_body_are_those_of_the_bone(turn, spacing):
    bones = stack(dict.fromkeys(ROW, Bone()), whole=turn)
    levels, ct, truth = voxelise(bones, spacing)
    built, reasons = build_vertebrae(levels, ct, only=[Level.L1])
    assert not reasons
    vertebra = built[Level.L1]
    angles = np.degrees(np.arccos(np.clip((vertebra.frame.axes * bones[Level.L1].turn.as_matrix()).sum(axis=0), -1, 1)))
    assert angles.max() < 2.0
    assert np.linalg.norm(vertebra.frame.origin_mm - bones[Level.L1].centre) < 1.0
    body = truth.resampled_onto(vertebra.parts, order=0, outside=0).array == BODY
    body &= vertebra.mask()
    found = vertebra.mask(SubRegion.BODY)
    assert 2 * (body & found).sum() / (body.sum() + found.sum()) > 0.97
    heights = vertebra.geometry
    for height in (heights.anterior_height_mm, heights.middle_height_mm, heights.posterior_height_mm):
        assert height == pytest.approx(24.0, abs=1.0)
