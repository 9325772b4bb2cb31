"""How a level stands between its neighbours, against rows whose bend and slip are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analytic_bones import Bone, stack, voxelise
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap
from spondyl.values.vertebra import Stance
from spondyl.vertebrae.build import build_vertebrae

ROW = (Level.T11, Level.T12, Level.L1, Level.L2, Level.L3)
DISC_MM, HEIGHT_MM, DEPTH_MM = 6.0, 24.0, 30.0
WEDGE_DEG = 16.0


def stance_of(bones: dict[Level, Bone]) -> dict[Level, Stance]:
    levels, ct, _ = voxelise(bones)
    return {level: one.stance for level, one in build_vertebrae(levels, ct)[0].items()}


def straight() -> dict[Level, Bone]:
    return stack({level: Bone() for level in ROW}, DISC_MM)


def wedged(*, taken_back: bool) -> dict[Level, Bone]:
    """L1 is wedged about its posterior wall; what lies above it tilts along, or a disc takes the wedge back."""
    row = straight()
    fracture = replace(row[Level.L1], wedge_deg=WEDGE_DEG)
    row[Level.L1] = fracture
    if not taken_back:
        tilt = Rotation.from_euler("x", WEDGE_DEG, degrees=True)
        hinge = np.add(fracture.centre, (0, DEPTH_MM / 2, HEIGHT_MM / 2))
        for level in ROW[:2]:
            centre = hinge + tilt.apply(np.array(row[level].centre) - hinge)
            row[level] = replace(row[level], centre=tuple(centre), turn=tilt)
    return row


@pytest.mark.parametrize(("taken_back", "bend"), [(False, WEDGE_DEG), (True, 0.0)])
def test_a_wedge_is_a_bend_of_its_own_level_unless_a_disc_takes_it_back(taken_back, bend):
    before, after = stance_of(straight()), stance_of(wedged(taken_back=taken_back))
    assert after[Level.L1].kyphosis_deg - before[Level.L1].kyphosis_deg == pytest.approx(bend, abs=2.5)
    # Its neighbours are not made kyphotic by it.
    for level in (Level.T12, Level.L2):
        assert after[level].kyphosis_deg - before[level].kyphosis_deg < 3.0


def test_a_row_as_most_people_have_it_is_no_deformity():
    stances = stance_of(straight())
    for level in (Level.T12, Level.L1):  # where spines are straight
        assert abs(stances[level].kyphosis_deg) < 9
        assert abs(stances[level].side_bend_deg) < 2
    assert stances[Level.L2].kyphosis_deg > stances[Level.T12].kyphosis_deg  # where they are lordotic


def test_a_scoliosis_that_goes_on_is_the_rows_own_and_a_sharp_bend_to_the_side_is_not():
    turn, place, row = Rotation.identity(), np.zeros(3), {}
    for level in ROW:
        row[level] = Bone(centre=tuple(place), turn=turn)
        following = turn * Rotation.from_euler("y", -6, degrees=True)
        middle = turn.as_matrix()[:, 2] + following.as_matrix()[:, 2]
        place = place - (HEIGHT_MM + DISC_MM + 2) * middle / np.linalg.norm(middle)
        turn = following
    assert abs(stance_of(row)[Level.L1].side_bend_deg) < 4
    sharp, hinge = straight(), np.add(straight()[Level.L1].centre, (0, 0, HEIGHT_MM / 2 + DISC_MM / 2))
    lean = Rotation.from_euler("y", 14, degrees=True)
    for level in ROW[:2]:
        centre = hinge + lean.apply(np.add(sharp[level].centre, (0, 0, 4)) - hinge)
        sharp[level] = replace(sharp[level], centre=tuple(centre), turn=lean)
    # To the left: x is the patient's left.
    assert stance_of(sharp)[Level.L1].side_bend_deg == pytest.approx(14, abs=2.5)


@pytest.mark.parametrize("slip_mm", [0.0, 6.0, -6.0])
def test_a_slip_of_a_neighbour_that_the_scan_cuts_is_seen(slip_mm):
    row = straight()
    row[Level.T11] = replace(row[Level.T11], centre=(0.0, slip_mm, row[Level.T11].centre[2]))
    levels, ct, _ = voxelise(row)
    top = int(ct.to_index(np.array(row[Level.T11].centre))[2])
    cut = LevelMap(levels.labels.crop((0, 0, 0), (*ct.shape[:2], top)).contiguous(), "verse")
    built, reasons = build_vertebrae(cut, ct.crop((0, 0, 0), (*ct.shape[:2], top)).contiguous())
    assert "cut off" in reasons[Level.T11]
    stance = built[Level.T12].stance
    assert stance.unseen == ()
    assert stance.translation_ap_mm == pytest.approx(slip_mm, abs=1.0)
    assert stance.kyphosis_deg is not None


def test_a_neighbour_that_the_scan_does_not_hold_is_named():
    stances = stance_of({level: bone for level, bone in straight().items() if level is not Level.T11})
    assert stances[Level.T12].unseen == ("above",)
    assert stances[Level.T12].kyphosis_deg is None
    assert stances[Level.L3].unseen == ("below",)


def test_a_fragment_in_the_canal_is_no_slip():
    levels, ct, _ = voxelise(straight())
    bone = straight()[Level.L1]
    index = np.argwhere(np.ones(ct.shape, bool))
    x, y, z = (ct.to_lps(index) - bone.centre).T
    fragment = (abs(x) < 8) & (y > DEPTH_MM / 2 - 3) & (y < DEPTH_MM / 2 + 5) & (abs(z) < HEIGHT_MM / 2)
    labels = levels.labels.array.copy()
    labels[tuple(index[fragment].T)] = int(Level.L1)
    built, _ = build_vertebrae(LevelMap(Volume(labels, ct.affine, "label"), "verse"), ct)
    assert abs(built[Level.L1].stance.translation_ap_mm) < 2
    assert abs(built[Level.L2].stance.translation_ap_mm) < 2
