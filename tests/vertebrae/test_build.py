"""Whole vertebrae: built, refused, and turned, against bones of exactly known shape."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from analytic_bones import BODY, PEDICLE, RING, SPINOUS, TRANSVERSE, Bone, stack, voxelise
from real_masks import demo_levels, dice
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.citations import cite
from spondyl.values.level_map import LevelMap
from spondyl.vertebrae.build import CITATIONS, Built, build_one, build_vertebrae, plan

ROW = (Level.T12, Level.L1, Level.L2)
OBLIQUE = Rotation.from_euler("xyz", [25, -15, 10], degrees=True)


@pytest.mark.parametrize("turn", [Rotation.identity(), OBLIQUE], ids=["upright", "oblique"])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 2.5)], ids=["1 mm", "2.5 mm slices"])
def test_frame_and_body_are_those_of_the_bone(turn, spacing):
    bones = stack(dict.fromkeys(ROW, Bone()), whole=turn)
    # Off the lattice: a body whose endplates run through voxel centres is as well 24 as 25 voxels high.
    levels, ct, truth = voxelise(bones, spacing, margin=52.3)
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
    # An upright body that is 24 mm high fills 9 or 10 slices of 2.5 mm: no reading of that mask can do better.
    tolerance = max(1.0, spacing[2] * 0.6) if turn is not OBLIQUE else 1.0
    # Here without the neighbours' help between thick slices: these bones' heights don't grow as a spine's do.
    for height in build_one(plan(levels)[0][Level.L1]).shape.heights_mm:
        assert height == pytest.approx(24.0, abs=tolerance + 1e-9)  # 9 slices are 22.5 mm but for rounding


@pytest.mark.parametrize("turn", [Rotation.identity(), OBLIQUE], ids=["upright", "oblique"])
def test_left_is_the_patients_left(turn):
    bones = stack(dict.fromkeys(ROW, Bone(transverse=(38.0, 24.0))), whole=turn)
    levels, ct, truth = voxelise(bones)
    vertebra = build_vertebrae(levels, ct)[0][Level.L1]
    left, right = vertebra.volume_mm3(SubRegion.TRANSVERSE_LEFT), vertebra.volume_mm3(SubRegion.TRANSVERSE_RIGHT)
    assert left > 2 * right > 0
    for part in SubRegion:
        if "_" in part.name:
            side = 1 if part.name.endswith("LEFT") else -1
            x = vertebra.frame.to_local(vertebra.parts.to_lps(np.argwhere(vertebra.mask(part))))[:, 0]
            assert (side * x).min() > -1.0, part.name
    pedicles = truth.resampled_onto(vertebra.parts, order=0, outside=0).array == PEDICLE
    found = vertebra.mask(SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT)
    behind_body = pedicles & vertebra.mask() & ~vertebra.mask(SubRegion.BODY)
    assert (found & behind_body).sum() > 0.8 * behind_body.sum()


def test_every_voxel_of_the_mask_has_one_part_and_none_lies_outside():
    levels, ct, _ = voxelise(stack(dict.fromkeys(ROW, Bone())))
    for level, vertebra in build_vertebrae(levels, ct)[0].items():
        own = levels.labels.resampled_onto(vertebra.parts, order=0, outside=0).array == int(level)
        assert np.array_equal(vertebra.mask(), own)


@pytest.mark.parametrize(("first", "last", "edge"), [(0, -52, "upper"), (52, None, "lower")])
def test_a_body_cut_off_by_the_scan_is_refused_with_the_edge(first, last, edge):
    levels, ct, _ = voxelise(stack(dict.fromkeys(ROW, Bone())))
    stop = ct.shape[2] if last is None else ct.shape[2] + last
    cut = [v.crop((0, 0, first), (*ct.shape[:2], stop)) for v in (levels.labels, ct)]
    level = Level.T12 if edge == "upper" else Level.L2
    built, reasons = build_vertebrae(LevelMap(cut[0], "verse"), cut[1])
    assert level not in built
    assert f"{edge} edge of the scan" in reasons[level]
    assert Level.L1 in built


def test_a_cut_arch_is_named_and_the_body_still_built():
    levels, ct, _ = voxelise(stack(dict.fromkeys(ROW, Bone())), margin=62.0)
    stop = int(ct.to_index((0, 15 + 2 * 8 + 12, 0))[1])
    cut = [v.crop((0, 0, 0), (ct.shape[0], stop, ct.shape[2])) for v in (levels.labels, ct)]
    built, _ = build_vertebrae(LevelMap(cut[0], "verse"), cut[1])
    assert built[Level.L1].cut_parts == (SubRegion.SPINOUS,)
    whole, _ = build_vertebrae(levels, ct)
    assert whole[Level.L1].cut_parts == ()


def test_a_part_whose_tip_grazes_the_edge_is_not_cut():
    levels, ct, _ = voxelise(stack(dict.fromkeys(ROW, Bone())), margin=62.0)
    stop = int(ct.to_index((0, 15 + 2 * 8 + 12, 0))[1])
    cut = [v.crop((0, 0, 0), (ct.shape[0], stop, ct.shape[2])) for v in (levels.labels, ct)]
    array = cut[0].array.copy()
    edge = np.argwhere(array[:, -1] == int(Level.L1))
    for i, k in edge[1:]:
        array[i, -1, k] = 0
    built, _ = build_vertebrae(LevelMap(cut[0].like(array, "label"), "verse"), cut[1])
    assert len(edge) > 20
    assert built[Level.L1].cut_parts == ()


def test_a_vertebra_cut_through_its_laminae_is_refused():
    levels, ct, _ = voxelise(stack(dict.fromkeys(ROW, Bone())), margin=62.0)
    # The body's half depth, most of the canal's depth: the scan ends where the laminae close the canal.
    stop = int(ct.to_index((0, 15 + 2 * 8 + 3, 0))[1])
    cut = [v.crop((0, 0, 0), (ct.shape[0], stop, ct.shape[2])) for v in (levels.labels, ct)]
    built, reasons = build_vertebrae(LevelMap(cut[0], "verse"), cut[1])
    assert Level.L1 not in built
    assert "through its arch by the back edge" in reasons[Level.L1]


def test_levels_without_a_body_are_refused_and_only_those_asked_for_come_back():
    levels, ct, _ = voxelise(stack(dict.fromkeys((Level.L4, Level.L5, Level.S1), Bone())))
    built, reasons = build_vertebrae(levels, ct)
    assert set(built) == {Level.L4, Level.L5}
    assert set(reasons) == {Level.S1}
    built, reasons = build_vertebrae(levels, ct, only={Level.L5})
    assert set(built) == {Level.L5}
    assert not reasons


def test_the_axis_has_no_heights_and_says_why():
    built, _ = build_vertebrae(*voxelise(stack(dict.fromkeys((Level.C2, Level.C3), Bone(height=14))), margin=52.3)[:2])
    shape = built[Level.C2].geometry
    assert (shape.anterior_height_mm, shape.middle_height_mm, shape.posterior_height_mm) == (None, None, None)
    assert shape.wedge_deg is None
    assert any("dens" in note for note in shape.notes)
    assert built[Level.C3].geometry.middle_height_mm == pytest.approx(14, abs=1.0)


def test_a_task_travels_to_another_process_and_gives_the_same_vertebra():
    levels, _, _ = voxelise(stack(dict.fromkeys(ROW, Bone())))
    task = plan(levels)[0][Level.L1]
    here, there = build_one(task), build_one(pickle.loads(pickle.dumps(task)))
    assert isinstance(here, Built)
    assert isinstance(there, Built)
    assert np.array_equal(here.vertebra.parts.array, there.vertebra.parts.array)
    assert here.shape == there.shape


def test_a_half_lost_arch_does_not_turn_the_vertebra():
    """Osteolysis of everything right of the midline behind the body: the canal is open, neighbours show the way."""
    bones = stack(dict.fromkeys((Level.T11, *ROW, Level.L3), Bone()))
    levels, ct, _ = voxelise(bones)
    labels = levels.labels.array.copy()
    x, y, _ = np.moveaxis(ct.to_lps(np.moveaxis(np.indices(ct.shape), 0, -1)), -1, 0)
    labels[(labels == Level.L1) & (y > 15) & (x < -3)] = 0
    cord = ct.like(np.hypot(x, y - 23) < 5, "mask")
    for given in (None, cord):
        built, reasons = build_vertebrae(LevelMap(ct.like(labels, "label"), "verse"), ct, cord=given, only=[Level.L1])
        assert not reasons
        back = built[Level.L1].frame.axes[:, 1]
        assert np.degrees(np.arccos(back[1])) < 6.0


def test_given_subregions_are_taken_over_and_the_arch_is_split():
    levels, ct, truth = voxelise(stack(dict.fromkeys(ROW, Bone())))
    x = ct.to_lps(np.moveaxis(np.indices(ct.shape), 0, -1))[..., 0]
    codes = np.zeros(ct.shape, np.uint8)
    codes[truth.array == BODY] = 50
    codes[(truth.array == PEDICLE) | (truth.array == RING)] = 41
    codes[truth.array == SPINOUS] = 42
    codes[(truth.array == TRANSVERSE) & (x > 0)] = 43
    codes[(truth.array == TRANSVERSE) & (x < 0)] = 44
    codes[::3, ::3, ::3] = 0  # unlabelled crumbs go with their neighbours
    built, _ = build_vertebrae(levels, ct, subregions=ct.like(codes, "label"), only=[Level.L1])
    vertebra = built[Level.L1]
    assert vertebra.subregion_source == "given"
    true = truth.resampled_onto(vertebra.parts, order=0, outside=0).array
    own = vertebra.mask()
    for part, number in ((SubRegion.BODY, BODY), (SubRegion.SPINOUS, SPINOUS)):
        assert dice(vertebra.mask(part), (true == number) & own) > 0.97
    for side in ("LEFT", "RIGHT"):
        assert vertebra.volume_mm3(SubRegion[f"PEDICLE_{side}"]) > 300
        assert vertebra.volume_mm3(SubRegion[f"LAMINA_{side}"]) > 300
    assert vertebra.volume_mm3(SubRegion.FACET_LEFT, SubRegion.FACET_RIGHT) == 0


def test_demo_case():
    built, reasons = build_vertebrae(*demo_levels())
    whole = [Level[f"T{n}"] for n in range(1, 13)] + [Level.L1, Level.L2]
    assert set(whole) <= set(built)
    assert "lower edge" in reasons[Level.L3]
    assert Level.C5 in reasons
    assert Level.C6 in reasons
    assert "through its arch" in reasons[Level.C7]
    assert built[Level.L2].cut_parts
    assert SubRegion.BODY not in built[Level.L2].cut_parts
    for level in whole:
        shape = built[level].geometry
        low, high = (13, 22) if level.order < Level.T6.order else (16, 27) if level.order < Level.L1.order else (23, 30)
        for height in (shape.anterior_height_mm, shape.middle_height_mm, shape.posterior_height_mm):
            assert low < height < high, level.name
        assert shape.height_loss < 0.15, level.name
        assert shape.width_mm > shape.depth_mm > 14
        left, right = (built[level].volume_mm3(SubRegion[f"PEDICLE_{side}"]) for side in ("LEFT", "RIGHT"))
        assert 0.6 < left / right < 1.7, level.name


def test_citations_are_known():
    assert len(cite((*CITATIONS, "moeller2024"))) == len(CITATIONS) + 1
