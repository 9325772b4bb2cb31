"""Angles and steps between neighbours, against rows whose curve and shift are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from analytic_bones import Bone, stack, voxelise
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level
from spondyl.vertebrae.build import build_vertebrae
from spondyl.vertebrae.frame import Seed, body_seed, courses

ROW = (Level.T12, Level.L1, Level.L2, Level.L3)
PITCH_MM = 32.0
UPRIGHT, OBLIQUE = Rotation.identity(), Rotation.from_euler("xy", [20, 10], degrees=True)


def curved(kyphosis_deg: float, scoliosis_deg: float) -> dict[Level, Bone]:
    """Bones on a circular arc, each turned against the next by the given angles."""
    turn_to_next = Rotation.from_euler("yx", [-scoliosis_deg, -kyphosis_deg], degrees=True)
    row, turn, place = {}, Rotation.identity(), np.zeros(3)
    for level in ROW:
        row[level] = Bone(centre=tuple(place), turn=turn)
        following = turn * turn_to_next
        middle = turn.as_matrix()[:, 2] + following.as_matrix()[:, 2]
        place = place - PITCH_MM * middle / np.linalg.norm(middle)
        turn = following
    return row


@pytest.mark.parametrize(("kyphosis", "scoliosis"), [(0, 0), (10, 0), (-10, 0), (0, 8), (7, -6)])
def test_angles_are_found_and_a_curve_alone_is_no_translation(kyphosis, scoliosis):
    bones = curved(kyphosis, scoliosis)
    levels, ct, _ = voxelise(bones)
    built, _ = build_vertebrae(levels, ct)
    for above, level in pairwise(ROW):
        up = bones[level].turn.inv().apply(bones[above].turn.as_matrix()[:, 2])
        found = built[level].geometry
        assert found.sagittal_angle_to_above_deg == pytest.approx(np.degrees(np.arctan2(-up[1], up[2])), abs=2.0)
        assert found.coronal_angle_to_above_deg == pytest.approx(np.degrees(np.arctan2(up[0], up[2])), abs=2.0)
        assert np.sign(found.sagittal_angle_to_above_deg) == np.sign(kyphosis) or kyphosis == 0
        assert abs(found.translation_ap_mm) < 1.5
        assert abs(found.translation_lr_mm) < 1.5


def test_the_sign_of_kyphosis_is_that_of_a_bent_back():
    """Leaning the upper body forward (towards the front, -y) is kyphosis."""
    upper = replace(Bone(), turn=Rotation.from_euler("x", 12, degrees=True))
    assert upper.turn.as_matrix()[1, 2] < 0
    bones = stack({Level.T12: Bone(), Level.L1: upper, Level.L2: Bone()}, disc_mm=9.0)
    levels, ct, _ = voxelise(bones)
    assert build_vertebrae(levels, ct)[0][Level.L2].geometry.sagittal_angle_to_above_deg == pytest.approx(12, abs=2)


@pytest.mark.parametrize(
    ("shift_x", "shift_y", "turn"),
    [(0.0, 5.0, UPRIGHT), (0.0, -5.0, OBLIQUE), (4.0, 0.0, OBLIQUE), (-4.0, 3.0, UPRIGHT)],
)
def test_a_step_is_found_and_belongs_to_the_level_below_it(shift_x, shift_y, turn):
    """From L1 upward all bones are shifted against L2 and L3: only L2 stands under a step."""
    row = {level: Bone(centre=(shift_x, shift_y, 0.0) if level.order <= Level.L1.order else (0, 0, 0)) for level in ROW}
    levels, ct, _ = voxelise(stack(row, whole=turn))
    built, _ = build_vertebrae(levels, ct)
    found = built[Level.L2].geometry
    assert found.translation_ap_mm == pytest.approx(shift_y, abs=1.0)
    assert found.translation_lr_mm == pytest.approx(shift_x, abs=1.0)
    for level in (Level.L1, Level.L3):
        assert abs(built[level].geometry.translation_ap_mm) < 1.0
        assert abs(built[level].geometry.translation_lr_mm) < 1.0


def test_without_the_level_above_there_is_no_angle_and_a_note_says_so():
    levels, ct, _ = voxelise(stack({Level.T9: Bone(), Level.T11: Bone(), Level.T12: Bone()}))
    built, _ = build_vertebrae(levels, ct)
    for level in (Level.T9, Level.T11):
        geometry = built[level].geometry
        assert geometry.sagittal_angle_to_above_deg is None
        assert geometry.translation_ap_mm is None
        assert any("above" in note for note in geometry.notes)
    assert built[Level.T12].geometry.sagittal_angle_to_above_deg is not None


def test_the_course_follows_a_parabola_exactly_even_at_the_ends_and_over_a_gap():
    heights = {Level.T5: 0.0, Level.T6: -20.0, Level.T8: -64.0, Level.T9: -90.0}
    centres = {level: np.array([0.0, -0.002 * z * z, z]) for level, z in heights.items()}
    back = np.array([0.0, 10.0, 0.0])
    for level, course in courses({level: Seed(c, back, 12.0) for level, c in centres.items()}).items():
        tangent = np.array([0.0, -0.004 * heights[level], 1.0])
        off = np.degrees(np.arccos(np.clip(course.up @ tangent / np.linalg.norm(tangent), -1, 1)))
        assert off < 1.5, level.name
        assert abs(course.back @ course.up) < 1e-9


@pytest.mark.parametrize("tilt", [0, 25])
def test_the_seed_of_a_low_body_with_long_processes_lies_in_the_body_and_not_in_its_canal(tilt):
    """More bone lies behind the canal than before it, so that the canal is no further back than the bone's centre."""
    turn = Rotation.from_euler("x", tilt, degrees=True)
    levels, _, _ = voxelise({Level.T4: Bone(height=9, width=26, depth=16, transverse=(48, 48), turn=turn)})
    mask = levels.mask(Level.T4)
    assert mask.to_lps(np.argwhere(mask.array)).mean(axis=0) @ turn.as_matrix()[:, 1] > 15
    assert np.linalg.norm(body_seed(mask).centre_mm) < 5
