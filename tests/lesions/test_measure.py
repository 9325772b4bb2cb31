"""Size, type, place and cortex of lesions whose truth is known exactly."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_spine import COARSE, FINE, HALF, Ball, Spine, make_spine

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.lesions.measure import describe, longest_diameter_mm
from spondyl.values.lesion import Lesion

THREE = (Level.L1, Level.L2, Level.L3)


@cache
def spine_with(*balls: Ball, spacing_mm: tuple[float, float, float] = FINE) -> Spine:
    return make_spine(lesions=balls, spacing_mm=spacing_mm, levels=THREE)


def described(spine: Spine, level: Level = Level.L2) -> Lesion:
    vertebra = spine.vertebrae[level]
    mask = spine.lesions.resampled_onto(vertebra.parts, order=0, outside=0).array > 0
    return describe(mask, spine.ct, vertebra, "given", None)


@pytest.mark.parametrize("spacing_mm", [FINE, COARSE])
@pytest.mark.parametrize("radius_mm", [5.0, 8.0])
def test_ball_has_the_size_of_a_ball(spacing_mm, radius_mm):
    centre = (4.0, -2.0, 1.0)
    spine = spine_with(Ball(Level.L2, centre, radius_mm, -110), spacing_mm=spacing_mm)
    lesion = described(spine)
    ball_mm3 = 4 / 3 * np.pi * radius_mm**3
    assert lesion.volume_mm3 == pytest.approx(ball_mm3, rel=0.06)
    assert lesion.longest_diameter_mm == pytest.approx(2 * radius_mm, abs=0.7 * max(spacing_mm))
    expected = spine.vertebrae[Level.L2].frame.to_lps(np.array(centre))
    assert np.allclose(lesion.centroid_lps_mm, expected, atol=0.5)
    assert lesion.body_share == pytest.approx(ball_mm3 / (np.pi * HALF[0] * HALF[1] * 2 * HALF[2]), rel=0.08)
    assert lesion.parts_touched == (SubRegion.BODY,)
    assert lesion.origin == "given"
    assert lesion.confidence is None


@pytest.mark.parametrize(("contrast_hu", "kind"), [(-110, "lytic"), (-70, "lytic"), (100, "blastic"), (400, "blastic")])
@pytest.mark.parametrize("spacing_mm", [FINE, COARSE])
def test_type_follows_contrast(contrast_hu, kind, spacing_mm):
    lesion = described(spine_with(Ball(Level.L2, (5, 0, 0), 7, contrast_hu), spacing_mm=spacing_mm))
    assert lesion.kind == kind
    assert lesion.notes == ()


def test_two_halves_make_a_mixed_lesion():
    spine = spine_with(Ball(Level.L2, (6, 0, 0), 6, -110), Ball(Level.L2, (-5, 0, 0), 6, 300))
    assert described(spine).kind == "mixed"


def test_a_small_dense_rim_does_not_make_it_mixed():
    spine = spine_with(Ball(Level.L2, (3, 0, 0), 8, -110), Ball(Level.L2, (-8, 0, 0), 4, 300))
    assert described(spine).kind == "lytic"


def test_a_lesion_like_normal_bone_says_so():
    lesion = described(spine_with(Ball(Level.L2, (0, 0, 0), 7, 0)))
    assert any("hardly differs" in note for note in lesion.notes)


@pytest.mark.parametrize(
    ("side", "pedicle", "transverse"),
    [
        (1, SubRegion.PEDICLE_LEFT, SubRegion.TRANSVERSE_LEFT),
        (-1, SubRegion.PEDICLE_RIGHT, SubRegion.TRANSVERSE_RIGHT),
    ],
)
def test_left_is_the_patients_left(side, pedicle, transverse):
    assert described(spine_with(Ball(Level.L2, (13 * side, 17, 3), 5, -110))).parts_touched == (pedicle,)
    assert described(spine_with(Ball(Level.L2, (29 * side, 27, 2), 4, -110))).parts_touched == (transverse,)


def test_lesion_over_body_and_pedicle_touches_both():
    lesion = described(spine_with(Ball(Level.L2, (13, 11, 3), 6, -110)))
    assert lesion.parts_touched == (SubRegion.BODY, SubRegion.PEDICLE_LEFT)
    assert 0 < lesion.body_share < 0.03


@pytest.mark.parametrize("spacing_mm", [FINE, COARSE])
@pytest.mark.parametrize(
    ("centre", "radius", "breached"),
    [((0, 0, 0), 6, False), ((0, 5, 1), 6, False), ((13, 0, 0), 7, True), ((0, -9.5, 0), 6.5, True)],
)
def test_cortex_is_breached_where_its_wall_has_gone(spacing_mm, centre, radius, breached):
    lesion = described(spine_with(Ball(Level.L2, centre, radius, -110), spacing_mm=spacing_mm))
    assert lesion.cortex_breached is breached


def test_growth_out_of_the_bone_is_a_breach():
    lesion = described(spine_with(Ball(Level.L2, (0, -15, 0), 7, -110)))
    assert lesion.cortex_breached is True
    assert lesion.volume_mm3 == pytest.approx(4 / 3 * np.pi * 7**3, rel=0.05), "soft tissue counts"


def test_cortex_is_not_judged_in_thick_slices_or_cut_parts():
    ball = Ball(Level.L2, (0, -9.5, 0), 6.5, -110)
    assert described(spine_with(ball, spacing_mm=(0.8, 0.8, 4.0))).cortex_breached is None
    spine = spine_with(ball)
    cut = replace(spine.vertebrae[Level.L2], cut_parts=(SubRegion.BODY,))
    mask = spine.lesions.resampled_onto(cut.parts, order=0, outside=0).array > 0
    assert describe(mask, spine.ct, cut, "given", None).cortex_breached is None


def test_empty_or_foreign_mask_is_refused():
    spine = spine_with(Ball(Level.L2, (0, 0, 0), 6, -110))
    vertebra = spine.vertebrae[Level.L2]
    with pytest.raises(ValueError, match="must have voxels"):
        describe(np.zeros(vertebra.parts.shape, dtype=bool), spine.ct, vertebra, "given", None)
    with pytest.raises(ValueError, match="grid of the vertebra"):
        describe(np.ones((3, 3, 3), dtype=bool), spine.ct, vertebra, "given", None)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=12),
    st.tuples(*[st.floats(0.4, 4.0)] * 3),
)
def test_diameter_lies_between_centres_and_corners(voxels, spacing_mm):
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[tuple(np.array(voxels).T)] = True
    grid = Volume(mask, np.diag([*spacing_mm, 1.0]), "mask")
    centres = grid.to_lps(np.argwhere(mask))
    between = np.linalg.norm(centres[:, None] - centres[None], axis=-1).max()
    diameter = longest_diameter_mm(mask, grid)
    assert between <= diameter + 1e-9
    assert diameter <= between + np.linalg.norm(spacing_mm) + 1e-9
    assert longest_diameter_mm(mask[::-1], grid) == pytest.approx(diameter)


def test_what_a_lesion_broke_is_told_by_place():
    back = described(spine_with(Ball(Level.L2, (0, 10.5, 0), 7, -110)))
    assert back.posterior_wall_breached is True
    front = described(spine_with(Ball(Level.L2, (0, -9.5, 0), 6.5, -110)))
    assert front.posterior_wall_breached is False
    assert 0 < front.cortex_breached_share < 0.2
    assert front.endplate_breached_share == 0
    assert front.costovertebral_touched is None, "L2 bears no ribs"
    top = described(spine_with(Ball(Level.L2, (0, 0, 8), 7, -110)))
    assert top.endplate_breached_share > 0.02


def test_a_joint_is_involved_where_its_bone_is_held_not_where_a_lesion_is_near():
    """A rib's head meets a thoracic body at its side, at the upper back corner."""
    corner = (HALF[0] * 0.8, HALF[1] * 0.5, HALF[2] * 0.5)
    for centre, sides in ((corner, ("left",)), ((corner[0], corner[1] - 6.0, corner[2]), ())):
        ball = Ball(Level.T6, centre, 6.0, -110)
        spine = make_spine(lesions=(ball,), spacing_mm=FINE, levels=(Level.T5, Level.T6, Level.T7))
        assert described(spine, Level.T6).costovertebral_touched == sides


def test_growth_into_the_canal_is_told_from_growth_outward():
    canal = described(spine_with(Ball(Level.L2, (0, 16, 0), 6, -110)))
    assert canal.canal_mm3 > 200
    assert canal.canal_mm3 > canal.soft_tissue_mm3
    outward = described(spine_with(Ball(Level.L2, (0, -15, 0), 7, -110)))
    assert outward.soft_tissue_mm3 > 200
    assert outward.canal_mm3 == 0
