"""What neighbours may and may not do to a height that the slices leave open; scans that end in an arch."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_bones import Bone, stack, voxelise
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap
from spondyl.vertebrae.alignment import wall_line
from spondyl.vertebrae.build import build_one, build_vertebrae, plan
from spondyl.vertebrae.expected import expected_height, typical_heights_mm
from spondyl.vertebrae.shape import BodyShape

ROW = (Level.T5, Level.T6, Level.T7, Level.T8, Level.T9)


def row(kept: float, error_mm: float, sd_mm: float) -> dict[Level, BodyShape]:
    """Intact bodies, of which T7 keeps a share of its height and is read with an error."""
    shapes = {}
    for level in ROW:
        heights = typical_heights_mm(level)
        if level is Level.T7:
            heights = heights * kept + error_mm
        shapes[level] = BodyShape(*heights, 30.0, 28.0, 0.0, 0.0, float(heights.max()), (sd_mm,) * 3)
    return shapes


def test_an_error_that_slices_explain_is_no_loss():
    found = expected_height(Level.T7, row(1.0, -1.2, 1.0))
    measured = 1.2 / typical_heights_mm(Level.T7).min()
    assert found.loss < 0.6 * measured
    assert found.loss_interval[0] == 0.0
    assert np.abs(np.array(found.heights_mm) - typical_heights_mm(Level.T7)).max() < 0.6 * 1.2


def test_the_same_shortfall_between_thin_slices_stays_as_it_was_measured():
    found = expected_height(Level.T7, row(1.0, -1.2, 0.05))
    assert found.heights_mm == pytest.approx(tuple(typical_heights_mm(Level.T7) - 1.2), abs=0.05)


@pytest.mark.parametrize("kept", [0.75, 0.6, 0.4])
def test_a_fracture_is_not_hidden_by_its_neighbours(kept):
    found = expected_height(Level.T7, row(kept, 0.0, 0.8))
    assert found.loss == pytest.approx(1 - kept, abs=0.02)
    assert found.loss_interval[0] <= 1 - kept <= found.loss_interval[1]


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Bodies and readings drawn as the model says: 95 % intervals, and at most as wide as the slices make them."""
    rng = np.random.default_rng(5)
    held = []
    for _ in range(300):
        kept = 1.0 if rng.random() < 0.7 else rng.uniform(0.3, 1.0)
        shapes = {}
        for level in ROW:
            own = typical_heights_mm(level) * (1 + rng.normal(0, 0.03)) * (kept if level is Level.T7 else 1.0)
            shapes[level] = BodyShape(
                *(own + rng.normal(0, 0.7, 3)), 30.0, 28.0, 0.0, 0.0, float(own.max()), (0.7,) * 3
            )
        low, high = expected_height(Level.T7, shapes).loss_interval
        held.append(low - 0.01 <= 1 - kept <= high + 0.01)
    assert np.mean(held) >= 0.90


def test_an_arch_that_hangs_into_the_scan_does_not_bend_the_row():
    """Of T12 only the tip of the spinous process is in the scan: far behind the row, and no body."""
    turn = Rotation.from_euler("x", 10, degrees=True)
    levels, ct, _ = voxelise(stack(dict.fromkeys((Level.L1, Level.L2, Level.L3), Bone()), whole=turn))
    labels = levels.labels.array.copy()
    x, y, z = np.moveaxis(ct.to_lps(np.moveaxis(np.indices(ct.shape), 0, -1)), -1, 0)
    top = z[0, 0, -1]
    tip = (abs(x) < 3.5) & (y > 30) & (y < 45) & (z > top - 20)
    labels[tip] = int(Level.T12)
    built, reasons = build_vertebrae(LevelMap(Volume(labels, ct.affine, "label"), "verse"), ct)
    assert "arch" in reasons[Level.T12] or "canal" in reasons[Level.T12] or "body" in reasons[Level.T12]
    tilt = np.degrees(np.arccos(built[Level.L1].frame.axes[:, 2] @ turn.as_matrix()[:, 2]))
    assert tilt < 2.0


def test_a_fragment_in_the_canal_hardly_moves_the_wall():
    """A knob of 4 mm on the upper 40 % of the wall."""
    row_of = dict.fromkeys((Level.T12, Level.L1, Level.L2), Bone())
    levels, ct, _ = voxelise(stack(row_of), margin=52.3)
    labels = levels.labels.array.copy()
    x, y, z = np.moveaxis(ct.to_lps(np.moveaxis(np.indices(ct.shape), 0, -1)), -1, 0)
    labels[(abs(x) < 7) & (y > 10) & (y < 19) & (z > -40) & (z < -31)] = int(Level.L1)
    walls = []
    for array in (levels.labels.array, labels):
        task = plan(LevelMap(ct.like(array, "label"), "verse"))[0][Level.L1]
        built = build_one(task)
        at_zero, slope = wall_line(built.surface, built.shape.middle_x_mm)
        corner = built.vertebra.frame.to_lps(np.array([0.0, at_zero + 10 * slope, 10.0]))
        walls.append(corner[1])
    assert abs(walls[1] - walls[0]) < 4.0 / 2  # less than half of the knob, and under what counts as a slip
