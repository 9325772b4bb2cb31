"""The detector on spines whose lesions are known: what is there is found, what is not is not."""

import pickle
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from synthetic_spine import COARSE, FINE, LEVELS, Ball, Spine, make_spine

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.lesions.detect import detect_in, detect_lesions
from spondyl.lesions.normal import collect_reference, fit_reference
from spondyl.values.vertebra import Frame

SIDES = {SubRegion[f"{part}_LEFT"]: SubRegion[f"{part}_RIGHT"] for part in ("PEDICLE", "LAMINA", "FACET", "TRANSVERSE")}
LESIONS = (
    Ball(Level.T10, (8, 0, 0), 6, -110),
    Ball(Level.L1, (-8, -3, 2), 6, 300),
    Ball(Level.L3, (0, 6, 0), 7, -110),
)


@cache
def sick(spacing_mm=COARSE, noise_hu=25.0, seed=0) -> Spine:
    return make_spine(spacing_mm=spacing_mm, noise_hu=noise_hu, seed=seed, lesions=LESIONS)


@cache
def healthy() -> Spine:
    return make_spine(seed=5)


def changed(spine: Spine, level: Level, where, hu: float) -> Volume:
    """The CT with `hu` added where `where(local)` holds in one level."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in spine.ct.shape], indexing="ij"), axis=-1)
    local = spine.vertebrae[level].frame.to_local(spine.ct.to_lps(index))
    return spine.ct.like(spine.ct.array + np.float32(hu) * where(local), "HU")


@pytest.mark.parametrize(("spacing_mm", "noise_hu", "seed"), [(FINE, 10.0, 1), (COARSE, 40.0, 2)])
def test_healthy_spines_give_no_finding(spacing_mm, noise_hu, seed):
    spine = make_spine(spacing_mm=spacing_mm, noise_hu=noise_hu, seed=seed)
    assert detect_lesions(spine.ct, spine.vertebrae) == {}


@pytest.mark.parametrize(("spacing_mm", "noise_hu", "seed"), [(FINE, 40.0, 1), (COARSE, 25.0, 0)])
def test_lesions_of_12_mm_are_found_typed_and_measured(spacing_mm, noise_hu, seed):
    spine = sick(spacing_mm, noise_hu, seed)
    found = detect_lesions(spine.ct, spine.vertebrae)
    assert list(found) == [ball.level for ball in LESIONS]
    for ball in LESIONS:
        (lesion,) = found[ball.level]
        assert lesion.kind == ("lytic" if ball.contrast_hu < 0 else "blastic")
        assert lesion.volume_mm3 == pytest.approx(4 / 3 * np.pi * ball.radius_mm**3, rel=0.3)
        centre = spine.vertebrae[ball.level].frame.to_lps(np.array(ball.centre_mm))
        assert np.linalg.norm(np.array(lesion.centroid_lps_mm) - centre) < 2.0
        assert lesion.confidence is not None
        assert 0.5 <= lesion.confidence <= 1
        assert lesion.origin == "detected"


def test_a_destroyed_pedicle_is_found_on_its_side():
    spine = make_spine(lesions=(Ball(Level.T12, (-13, 14, 3), 6, -130),), seed=4)
    (lesion,) = detect_lesions(spine.ct, spine.vertebrae)[Level.T12]
    assert lesion.kind == "lytic"
    assert SubRegion.PEDICLE_RIGHT in lesion.parts_touched
    assert SubRegion.PEDICLE_LEFT not in lesion.parts_touched


@pytest.mark.parametrize(("contrast_hu", "kind"), [(-110, "lytic"), (300, "blastic")])
def test_a_body_full_of_tumour_does_not_hide(contrast_hu, kind):
    spine = make_spine(lesions=(Ball(Level.L1, (0, 0, 0), 18, contrast_hu),), seed=6)
    found = detect_lesions(spine.ct, spine.vertebrae)
    assert list(found) == [Level.L1]
    assert found[Level.L1][0].kind == kind
    assert found[Level.L1][0].body_share > 0.4


def test_steps_by_level_give_the_same_through_pickles_and_on_crops():
    spine = sick()
    crops = {level: spine.ct.crop(*_box(spine.ct, v.parts)) for level, v in spine.vertebrae.items()}
    reference = fit_reference([collect_reference(crops[level], v) for level, v in spine.vertebrae.items()])
    reference = pickle.loads(pickle.dumps(reference))
    assert len(pickle.dumps(reference)) < 20_000, "small enough to send to every worker"
    composed = detect_lesions(spine.ct, spine.vertebrae)
    for level, vertebra in spine.vertebrae.items():
        lesions = pickle.loads(pickle.dumps(detect_in(crops[level], vertebra, reference)))
        assert [one.volume_mm3 for one in lesions] == [one.volume_mm3 for one in composed.get(level, ())]
        for one, other in zip(lesions, composed.get(level, ()), strict=True):
            assert (one.mask.array == other.mask.array).all()
            assert one.confidence == other.confidence


def _box(ct: Volume, parts: Volume) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    start = np.rint(ct.to_index(parts.affine[:3, 3])).astype(int)
    return tuple(start - 2), tuple(start + parts.shape + 3)


def test_unfit_levels_are_neither_judged_nor_asked():
    spine = sick()
    found = detect_lesions(spine.ct, spine.vertebrae, unfit=[Level.L1])
    assert list(found) == [Level.T10, Level.L3]
    ruined = changed(spine, Level.L1, lambda p: (np.abs(p) < 14).all(axis=-1), 800)
    again = detect_lesions(ruined, spine.vertebrae, unfit=[Level.L1])
    assert [one.volume_mm3 for one in again[Level.T10]] == [one.volume_mm3 for one in found[Level.T10]]


def test_a_turned_patient_has_the_same_lesions():
    """An oblique scan of the same voxels: geometry comes from affine and frame alone."""
    spine = sick()
    angle = np.deg2rad(25)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = [30, -12, 7]
    turned = {
        level: replace(
            v,
            frame=Frame(turn[:3, :3] @ v.frame.origin_mm + turn[:3, 3], turn[:3, :3] @ v.frame.axes),
            parts=Volume(v.parts.array, turn @ v.parts.affine, "label"),
        )
        for level, v in spine.vertebrae.items()
    }
    straight = detect_lesions(spine.ct, spine.vertebrae)
    found = detect_lesions(Volume(spine.ct.array, turn @ spine.ct.affine, "HU"), turned)
    assert list(found) == list(straight)
    for level in found:
        assert found[level][0].volume_mm3 == pytest.approx(straight[level][0].volume_mm3, rel=0.02)
        assert found[level][0].longest_diameter_mm == pytest.approx(straight[level][0].longest_diameter_mm, rel=0.05)


def test_few_levels_are_said_to_be_few():
    spine = make_spine(levels=LEVELS[-2:], lesions=(Ball(Level.L3, (6, 0, 0), 7, 300),), seed=7)
    found = detect_lesions(spine.ct, spine.vertebrae)
    assert list(found) == [Level.L3]
    assert any("fewer than three" in note for note in found[Level.L3][0].notes)


def slab(p, *, half_mm, centre_mm):
    return (np.abs(p - np.array(centre_mm)) < np.array(half_mm)).all(axis=-1)


def test_sclerosis_under_an_endplate_is_not_reported():
    ct = changed(healthy(), Level.L2, lambda p: slab(p, half_mm=(12, 10, 3), centre_mm=(0, 0, 9.5)), 300)
    assert detect_lesions(ct, healthy().vertebrae) == {}


def test_a_vein_in_every_body_is_anatomy():
    spine = healthy()
    ct = spine.ct
    for level in LEVELS:
        vein = partial(slab, half_mm=(3, 6, 3.5), centre_mm=(0, 8, 0))
        ct = changed(replace(spine, ct=ct), level, vein, -110)
    assert detect_lesions(ct, spine.vertebrae) == {}


def test_metal_is_no_lesion():
    ct = changed(healthy(), Level.L2, lambda p: (p[..., 0] ** 2 + p[..., 2] ** 2 < 9) & (np.abs(p[..., 1]) < 12), 3500)
    assert detect_lesions(ct, healthy().vertebrae) == {}


def test_a_mirrored_patient_has_mirrored_lesions():
    """The body's x axis turned round in scan and masks alike: what was left is right, and nothing else changes."""
    spine = sick()
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    swap = {int(a): int(b) for a, b in SIDES.items()} | {int(b): int(a) for a, b in SIDES.items()}
    table = np.array([swap.get(n, n) for n in range(max(SubRegion) + 1)], dtype=np.uint8)
    turned = {
        level: replace(
            v,
            frame=Frame(mirror[:3, :3] @ v.frame.origin_mm, mirror[:3, :3] @ v.frame.axes @ mirror[:3, :3]),
            parts=Volume(table[v.parts.array], mirror @ v.parts.affine, "label"),
        )
        for level, v in spine.vertebrae.items()
    }
    straight = detect_lesions(spine.ct, spine.vertebrae)
    found = detect_lesions(Volume(spine.ct.array, mirror @ spine.ct.affine, "HU"), turned)
    assert list(found) == list(straight)
    for level in found:
        assert [one.kind for one in found[level]] == [one.kind for one in straight[level]]
        assert found[level][0].volume_mm3 == pytest.approx(straight[level][0].volume_mm3, rel=0.02)
        assert found[level][0].centroid_lps_mm[0] == pytest.approx(-straight[level][0].centroid_lps_mm[0], abs=0.3)


def test_more_mineral_is_found_at_least_as_surely():
    sure = []
    for contrast_hu in (150, 300):
        spine = make_spine(lesions=(Ball(Level.L1, (-8, -3, 2), 6, contrast_hu),), seed=8)
        found = detect_lesions(spine.ct, spine.vertebrae).get(Level.L1, ())
        sure.append(max((lesion.confidence for lesion in found), default=0.0))
    assert sure[1] >= sure[0]
    assert sure[1] > 0.9


def test_a_dense_pedicle_is_found_against_the_other_side():
    spine = make_spine(lesions=(Ball(Level.T12, (13, 14, 3), 6, 600),), seed=4)
    (lesion,) = detect_lesions(spine.ct, spine.vertebrae)[Level.T12]
    assert lesion.kind == "blastic"
    assert lesion.pedicles_touched == ("left",)


def test_lytic_and_dense_parts_among_each_other_are_one_mixed_lesion():
    spine = make_spine(lesions=(Ball(Level.L1, (0, 0, 0), 8, 600), Ball(Level.L1, (3, 0, 0), 5.5, -110)), seed=9)
    (lesion,) = detect_lesions(spine.ct, spine.vertebrae)[Level.L1]
    assert lesion.kind == "mixed"


def test_bone_equally_dense_on_both_sides_is_built_so():
    def both(p):
        return ((np.abs(p[..., 0]) - 14) ** 2 + (p[..., 1] - 28) ** 2 + (p[..., 2] - 3) ** 2) < 30

    assert detect_lesions(changed(healthy(), Level.T12, both, 500), healthy().vertebrae) == {}


@pytest.mark.parametrize("offset_hu", [-20, 20])
def test_a_scanners_offset_changes_little(offset_hu):
    """What tumour looks like is read off the scan: a constant added to all voxels makes and hides no lesion."""
    spine = sick()
    straight = detect_lesions(spine.ct, spine.vertebrae)
    found = detect_lesions(spine.ct.like(spine.ct.array + np.float32(offset_hu), "HU"), spine.vertebrae)
    assert list(found) == list(straight)
    for level in found:
        assert [one.kind for one in found[level]] == [one.kind for one in straight[level]]
        assert found[level][0].volume_mm3 == pytest.approx(straight[level][0].volume_mm3, rel=0.1)
        assert found[level][0].confidence == pytest.approx(straight[level][0].confidence, abs=0.1)


def test_soft_tumour_is_looked_for_at_the_density_of_the_muscle_beside():
    spine = healthy()
    ct = spine.ct.like(spine.ct.array + np.float32(25), "HU")
    for level, vertebra in spine.vertebrae.items():
        assert collect_reference(spine.ct, vertebra).muscle_hu == pytest.approx(40, abs=3)
        assert collect_reference(ct, vertebra).muscle_hu == pytest.approx(65, abs=3), level


def test_fine_parts_of_a_mixed_lesion_are_found_though_none_stands_out():
    """Cubes of 3 mm of soft and of moderately dense tissue: the mean over any of them is hardly that of either."""

    def cubes(p):
        return np.floor(p / 3).sum(axis=-1) % 2

    def inside(p):
        return (p**2).sum(axis=-1) < 7.5**2

    ct = changed(healthy(), Level.L2, lambda p: inside(p) * (cubes(p) * 420 - 110), 1)
    (lesion,) = detect_lesions(ct, healthy().vertebrae)[Level.L2]
    assert lesion.kind in ("mixed", "blastic")
    assert np.linalg.norm(healthy().vertebrae[Level.L2].frame.to_local(np.array(lesion.centroid_lps_mm))) < 3


def test_a_layer_denser_than_sclerosis_is_reported_with_a_note():
    ct = changed(healthy(), Level.L2, lambda p: slab(p, half_mm=(12, 10, 3), centre_mm=(0, 0, 9.5)), 800)
    (lesion,) = detect_lesions(ct, healthy().vertebrae)[Level.L2]
    assert lesion.kind == "blastic"
    assert any("denser" in note for note in lesion.notes)
