"""Heights, wedge and height loss, against bones of exactly known shape."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_bones import Bone, stack, voxelise
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap
from spondyl.vertebrae.build import build_vertebrae
from spondyl.vertebrae.expected import INTACT_SHARE, TYPICAL_HEIGHT_MM, expected_height, typical_heights_mm
from spondyl.vertebrae.shape import EDGE_SHARE, BodyShape

ROW = (Level.T12, Level.L1, Level.L2)
OBLIQUE = Rotation.from_euler("xyz", [22, 12, -8], degrees=True)


def row_with(bone: Bone) -> dict[Level, Bone]:
    """Two intact neighbours above and below, of the heights that go with a middle one of 24 mm."""
    size = {level: 24.0 * TYPICAL_HEIGHT_MM[level] / TYPICAL_HEIGHT_MM[Level.L1] for level in TYPICAL_HEIGHT_MM}
    row = {level: Bone(height=size[level]) for level in (Level.T11, Level.T12)}
    return {**row, Level.L1: bone, **{level: Bone(height=size[level]) for level in (Level.L2, Level.L3)}}


def along_axis(bone: Bone, share: float) -> float:
    """Height along the bisector of both endplates, a share of the depth before the posterior wall.

    Both endplates meet in an apex in front; on the bisector the wall is `reach / cos` away from it.
    """
    if not bone.wedge_deg:
        return bone.height - bone.crush_mm
    half = np.radians(bone.wedge_deg / 2)
    reach = bone.height / np.tan(2 * half)
    return 2 * np.tan(half) * (reach - share * bone.depth) / np.cos(half)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 2.5)], ids=["1 mm", "2.5 mm slices"])
@pytest.mark.parametrize(
    "bone",
    [Bone(), Bone(wedge_deg=10), Bone(wedge_deg=18), Bone(crush_mm=8), Bone(crush_mm=13)],
    ids=["intact", "wedge 10", "wedge 18", "crush 8", "crush 13"],
)
def test_heights_and_loss(bone, spacing):
    levels, ct, _ = voxelise(stack(row_with(bone), whole=OBLIQUE), spacing)
    shape = build_vertebrae(levels, ct)[0][Level.L1].geometry
    front, middle, back = (along_axis(bone, share) for share in (1 - EDGE_SHARE, 0.5, EDGE_SHARE))
    assert shape.anterior_height_mm == pytest.approx(front, abs=1.0)
    assert shape.middle_height_mm == pytest.approx(middle, abs=1.0)
    assert shape.posterior_height_mm == pytest.approx(back, abs=1.0)
    assert shape.wedge_deg == pytest.approx(bone.wedge_deg, abs=2.0)
    loss = 1 - bone.front_height() / 24.0
    assert shape.height_loss == pytest.approx(loss, abs=0.05)
    assert shape.height_loss_interval[0] <= loss <= shape.height_loss_interval[1] + 0.02
    assert shape.predicted_height_mm == pytest.approx(24.0, abs=1.0)
    assert shape.width_mm == pytest.approx(40.0, abs=1.5)
    assert shape.depth_mm == pytest.approx(30.0, abs=1.5)


def test_a_spur_in_front_changes_neither_depth_nor_front_height():
    levels, ct, _ = voxelise(stack(dict.fromkeys(ROW, Bone())))
    labels = levels.labels.array.copy()
    x, y, z = np.moveaxis(ct.to_lps(np.moveaxis(np.indices(ct.shape), 0, -1)), -1, 0)
    # A hook from the lower rim of L1 (its body reaches from -54 to -30), 5 mm high and 6 mm long.
    labels[(abs(x) < 12) & (y < -14) & (y > -21) & (z > -54) & (z < -49)] = int(Level.L1)
    smooth = build_vertebrae(levels, ct)[0][Level.L1].geometry
    spurred = build_vertebrae(LevelMap(ct.like(labels, "label"), "verse"), ct)[0][Level.L1].geometry
    assert spurred.depth_mm == pytest.approx(smooth.depth_mm, abs=0.5)
    assert spurred.anterior_height_mm == pytest.approx(smooth.anterior_height_mm, abs=0.5)


def test_a_void_in_the_mask_of_a_body_does_not_move_it():
    """A lytic lesion that the segmentation left out, larger than the canal and open to nowhere."""
    # Off the lattice: a body whose endplates run through voxel centres is as well 24 as 25 voxels high.
    levels, ct, _ = voxelise(stack(dict.fromkeys(ROW, Bone())), margin=52.3)
    place = ct.to_lps(np.moveaxis(np.indices(ct.shape), 0, -1)) - (5.0, -1.0, -42.0)
    labels = np.where(np.linalg.norm(place, axis=-1) < 10, 0, levels.labels.array)
    vertebra = build_vertebrae(LevelMap(ct.like(labels, "label"), "verse"), ct)[0][Level.L1]
    assert np.linalg.norm(vertebra.frame.origin_mm - (0.0, 0.0, -42.0)) < 2.0
    assert vertebra.geometry.middle_height_mm == pytest.approx(24.0, abs=1.0)


def shape_of(*heights: float) -> BodyShape:
    return BodyShape(*heights, 40.0, 30.0, 0.0, 0.0, max(heights))


@settings(max_examples=50, deadline=None)
@given(
    size=st.floats(0.7, 1.4),
    crushed=st.lists(st.sampled_from(range(8, 24)), max_size=3, unique=True),
    kept=st.floats(0.3, INTACT_SHARE - 0.05),
)
def test_loss_is_the_share_crushed_whatever_the_patients_size_and_a_few_crushed_neighbours(size, crushed, kept):
    row = sorted((level for level in TYPICAL_HEIGHT_MM if 8 <= level.order <= 24), key=lambda level: level.order)
    # Front, middle and back of an intact body differ: normal wedging is no loss.
    normal = {level: size * typical_heights_mm(level) * np.array([0.97, 0.92, 1.0]) for level in row}
    lost = {level for level in row if level.order in crushed}
    shapes = {level: shape_of(*(normal[level] * (kept if level in lost else 1.0))) for level in row}
    for level in row:
        near = [other for other in row if 0 < abs(other.order - level.order) <= 4]
        if sum(other in lost for other in near) * 3 > len(near):
            continue  # more than a third of the witnesses crushed: the row itself can't be told
        found = expected_height(level, shapes)
        assert found.loss == pytest.approx(1 - kept if level in lost else 0.0, abs=1e-6)
        assert found.tallest_mm == pytest.approx(normal[level].max(), rel=1e-6)
        assert not lost & set(found.witnesses)


def test_one_neighbour_is_not_enough():
    shapes = {level: shape_of(20.0, 19.0, 21.0) for level in (Level.T8, Level.T9)}
    assert expected_height(Level.T8, shapes) is None
    levels, ct, _ = voxelise(stack({Level.T8: Bone(), Level.T9: Bone()}))
    geometry = build_vertebrae(levels, ct)[0][Level.T9].geometry
    assert geometry.height_loss is None
    assert geometry.predicted_height_mm is None
    assert any("height loss" in note for note in geometry.notes)


def test_heights_do_not_depend_on_where_the_grid_lies():
    found = []
    for shift in (0.0, 0.43):
        levels, ct, _ = voxelise(stack(dict.fromkeys(ROW, Bone(wedge_deg=8)), whole=OBLIQUE), margin=52.0 + shift)
        found.append(build_vertebrae(levels, ct)[0][Level.L1].geometry.anterior_height_mm)
    assert np.ptp(found) < 0.5


def test_an_oblique_grid_gives_the_same_heights_as_a_straight_one():
    """The same patient scanned on a grid that is itself turned: the affine carries the turn."""
    levels, ct, _ = voxelise(stack(dict.fromkeys(ROW, Bone(wedge_deg=12))))
    turn = np.eye(4)
    turn[:3, :3] = OBLIQUE.as_matrix()
    turned = Volume(levels.labels.array, turn @ ct.affine, "label")
    straight = build_vertebrae(levels, ct)[0][Level.L1]
    oblique = build_vertebrae(LevelMap(turned, "verse"), turned)[0][Level.L1]
    assert oblique.geometry.anterior_height_mm == pytest.approx(straight.geometry.anterior_height_mm, abs=0.3)
    assert np.allclose(OBLIQUE.as_matrix() @ straight.frame.axes, oblique.frame.axes, atol=0.03)
