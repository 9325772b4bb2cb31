"""A drawn mask is shared out among the vertebrae without losing or inventing a voxel."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from synthetic_spine import FINE, LEVELS, Ball, Spine, make_spine

from spondyl.anatomy.levels import Level
from spondyl.core.errors import MaskMismatch
from spondyl.core.volume import Volume
from spondyl.lesions.given import lesions_from_mask


@cache
def spine() -> Spine:
    return make_spine(
        spacing_mm=FINE,
        lesions=(Ball(Level.T10, (5, 0, 0), 6, -110), Ball(Level.L2, (13, 17, 3), 5, -110)),
    )


def ball_at(lps_mm: np.ndarray, radius_mm: float) -> np.ndarray:
    grid = spine().ct
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    return ((grid.to_lps(index) - lps_mm) ** 2).sum(axis=-1) < radius_mm**2


def mask_of(array: np.ndarray) -> Volume:
    return spine().ct.like(array, "mask")


def test_each_lesion_goes_to_its_level():
    found, notes = lesions_from_mask(spine().lesions, spine().ct, spine().vertebrae)
    assert list(found) == [Level.T10, Level.L2]
    assert [lesion.kind for lesions in found.values() for lesion in lesions] == ["lytic", "lytic"]
    total = sum(lesion.volume_mm3 for lesions in found.values() for lesion in lesions)
    assert total == pytest.approx(spine().lesions.array.sum() * spine().ct.voxel_volume_mm3)
    assert notes == ()


def test_a_lesion_across_two_levels_is_one_in_each():
    upper, lower = spine().vertebrae[Level.L1], spine().vertebrae[Level.L2]
    middle = (upper.frame.origin_mm + lower.frame.origin_mm) / 2
    array = ball_at(middle, 12)
    found, notes = lesions_from_mask(mask_of(array), spine().ct, spine().vertebrae)
    assert list(found) == [Level.L1, Level.L2]
    assert [len(lesions) for lesions in found.values()] == [1, 1]
    one, other = found[Level.L1][0], found[Level.L2][0]
    assert one.volume_mm3 + other.volume_mm3 == pytest.approx(array.sum() * spine().ct.voxel_volume_mm3)
    assert one.centroid_lps_mm[2] > middle[2] > other.centroid_lps_mm[2]
    assert notes == ()


def test_soft_tissue_stays_with_the_bone_it_hangs_on():
    vertebra = spine().vertebrae[Level.T12]
    array = ball_at(vertebra.frame.to_lps(np.array([0, 17, 0])), 6)
    (lesion,) = lesions_from_mask(mask_of(array), spine().ct, spine().vertebrae)[0][Level.T12]
    bone = vertebra.parts.array > 0
    assert (lesion.mask.array & ~bone).sum() > 0.5 * lesion.mask.array.sum()
    assert lesion.volume_mm3 == pytest.approx(array.sum() * spine().ct.voxel_volume_mm3)


def test_what_touches_no_vertebra_is_noted():
    far = ball_at(spine().vertebrae[Level.T12].frame.to_lps(np.array([-34, 0, 0])), 4)
    found, notes = lesions_from_mask(mask_of(far), spine().ct, spine().vertebrae)
    assert found == {}
    assert len(notes) == 1
    assert "touches no vertebra" in notes[0]


def test_specks_are_noted_and_left_out():
    array = np.zeros(spine().ct.shape, dtype=bool)
    array[tuple(np.rint(spine().ct.to_index(spine().vertebrae[Level.T11].frame.origin_mm)).astype(int))] = True
    found, notes = lesions_from_mask(mask_of(array), spine().ct, spine().vertebrae)
    assert found == {}
    assert "T11" in notes[0]
    assert "specks" in notes[0]


def test_an_empty_mask_gives_nothing():
    assert lesions_from_mask(mask_of(np.zeros(spine().ct.shape, dtype=bool)), spine().ct, spine().vertebrae) == ({}, ())


def test_a_mask_on_another_grid_is_refused():
    with pytest.raises(MaskMismatch, match="Resample"):
        lesions_from_mask(spine().ct.crop((0, 0, 0), (20, 20, 20)), spine().ct, spine().vertebrae)


def test_a_whole_body_of_tumour_is_typed_against_the_other_levels():
    """Nothing of its own body is left to compare with."""
    sick = make_spine(spacing_mm=FINE, lesions=(Ball(Level.L1, (0, 0, 0), 30, 250),), levels=LEVELS[1:])
    body = np.zeros(sick.ct.shape, dtype=bool)
    parts = sick.vertebrae[Level.L1].parts
    start = np.rint(sick.ct.to_index(parts.affine[:3, 3])).astype(int)
    body[tuple(slice(a, a + n) for a, n in zip(start, parts.shape, strict=True))] = parts.array == 1
    found, _ = lesions_from_mask(sick.ct.like(body, "mask"), sick.ct, sick.vertebrae)
    (lesion,) = found[Level.L1]
    assert lesion.kind == "blastic"
    assert lesion.body_share == pytest.approx(1.0)


def test_soft_tissue_beyond_the_vertebras_box_is_measured():
    vertebra = spine().vertebrae[Level.T12]
    box = vertebra.parts.array.shape
    tight = vertebra.parts.crop((6, 6, 6), tuple(n - 6 for n in box)).contiguous()
    vertebrae = spine().vertebrae | {Level.T12: replace(vertebra, parts=tight)}
    array = ball_at(vertebra.frame.to_lps(np.array([-16, -16, 0])), 10)
    (lesion,) = lesions_from_mask(mask_of(array), spine().ct, vertebrae)[0][Level.T12]
    assert lesion.volume_mm3 == pytest.approx(array.sum() * spine().ct.voxel_volume_mm3)
    assert lesion.longest_diameter_mm == pytest.approx(20, abs=0.7)
    assert lesion.mask.same_grid(tight)
    assert lesion.mask.array.sum() < array.sum()
    assert any("beyond the vertebra's box" in note for note in lesion.notes)
