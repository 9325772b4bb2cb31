"""Parts found from shape, against parts that other programs and people have labelled."""

from __future__ import annotations

import numpy as np
import pytest
from real_masks import dice, read, tptbox_levels

from data import shared_data
from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap
from spondyl.vertebrae.build import build_vertebrae
from spondyl.vertebrae.subregions import pedicles_in_one_piece

CODES = {
    SubRegion.BODY: (49, 50),
    SubRegion.SPINOUS: (42,),
    SubRegion.TRANSVERSE_LEFT: (43,),
    SubRegion.TRANSVERSE_RIGHT: (44,),
    SubRegion.FACET_LEFT: (45, 47),
    SubRegion.FACET_RIGHT: (46, 48),
}


@pytest.mark.parametrize("slice_mm", [1.5, 3.0])
def test_parts_of_an_l3_agree_with_the_tptbox_labels(slice_mm):
    levels, ct, codes = tptbox_levels()
    step = round(slice_mm / 1.5)
    levels = LevelMap(_every(levels.labels, step), "verse")
    vertebra = build_vertebrae(levels, _every(ct, step), only=[Level.L3])[0][Level.L3]
    given = codes.resampled_onto(vertebra.parts, order=0, outside=0).array * vertebra.mask()
    for part, wanted in CODES.items():
        least = 0.95 if part is SubRegion.BODY else 0.75
        assert dice(vertebra.mask(part), np.isin(given, wanted)) > least, part.words
    arch = vertebra.mask(*(part for part in SubRegion if part.name.startswith(("PEDICLE", "LAMINA"))))
    assert dice(arch, given == 41) > 0.7


def test_given_labels_of_the_l3_come_back_whole_and_its_pedicles_agree_with_those_from_shape():
    levels, ct, codes = tptbox_levels()
    given = build_vertebrae(levels, ct, subregions=codes, only=[Level.L3])[0][Level.L3]
    assert given.subregion_source == "given"
    true = codes.resampled_onto(given.parts, order=0, outside=0).array
    for part, wanted in CODES.items():
        assert dice(given.mask(part), np.isin(true, wanted) & given.mask()) > 0.98, part.words
    shape = build_vertebrae(levels, ct, only=[Level.L3])[0][Level.L3]
    for part in (SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT):
        assert dice(shape.mask(part), given.mask(part)) > 0.6


def test_body_and_arch_of_a_verse_l2_agree_with_its_published_labels():
    """Labels 1 and 2 are the body, 3 and 4 the process; the vertebra stands alone and on a mirrored grid."""
    folder = shared_data("verse004_L2_fe_benchmark")
    labels = read(folder / "sub-verse004_0000_vertebra_21_seg.nii.gz", "label")
    bone = labels.like(np.where(np.isin(labels.array, (1, 2, 3, 4)), int(Level.L2), 0).astype(np.uint8), "label")
    vertebra = build_vertebrae(LevelMap(bone, "verse"), bone)[0][Level.L2]
    true = labels.resampled_onto(vertebra.parts, order=0, outside=0).array
    assert dice(vertebra.mask(SubRegion.BODY), np.isin(true, (1, 2))) > 0.95


def test_a_verse_spine_shows_its_crushed_l1_and_no_other_lumbar_one():
    folder = shared_data("verse004_L2_fe_benchmark")
    labels = read(folder / "sub-verse004_seg-vert_msk.nii.gz", "label")
    levels = LevelMap(labels.like(labels.array.astype(np.uint8), "label"), "verse")
    built, reasons = build_vertebrae(levels, levels.labels)
    assert not reasons
    assert built[Level.L1].geometry.height_loss > 0.4
    for level in (Level.L2, Level.L3, Level.L4, Level.L5):
        assert built[level].geometry.height_loss < 0.15, level.name
    assert built[Level.L5].geometry.width_mm < 56
    # Lordosis of L1 to L5 is negative kyphosis, level by level.
    assert all(built[level].geometry.sagittal_angle_to_above_deg < 0 for level in (Level.L3, Level.L4, Level.L5))


def _every(volume: Volume, step: int) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 2] *= step
    return Volume(np.ascontiguousarray(volume.array[:, :, ::step]), affine, volume.quantity)


def test_a_crumb_of_a_pedicle_goes_to_what_it_touches() -> None:
    """A pedicle beside a lamina, and five voxels of its label inside a facet; the right pedicle stays as it is."""
    parts = np.zeros((30, 20, 10), np.uint8)
    parts[2:8, 2:8, 2:8] = SubRegion.PEDICLE_LEFT
    parts[2:8, 8:14, 2:8] = SubRegion.LAMINA_LEFT
    parts[2:8, 14:20, 2:8] = SubRegion.FACET_LEFT
    parts[4:9, 17, 5] = SubRegion.PEDICLE_LEFT
    parts[20:26, 2:8, 2:8] = SubRegion.PEDICLE_RIGHT
    tidy = pedicles_in_one_piece(parts)
    assert (tidy[4:9, 17, 5] == SubRegion.FACET_LEFT).all()
    changed = tidy != parts
    assert changed.sum() == 5
