"""Masks written, read again by another program (nibabel), and laid back on the CT."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from synthetic_case import LEVELS, oblique_affine, synthetic_case

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.report.masks import place, write_masks, write_nifti

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read(path: Path) -> Volume:
    image = nibabel.load(path)
    return Volume(np.asarray(image.dataobj), RAS_TO_LPS @ image.affine, "label")


@pytest.mark.parametrize("degrees", [0.0, 7.0, 31.0])
def test_masks_come_back_voxel_for_voxel_in_their_place(tmp_path: Path, degrees: float) -> None:
    case = synthetic_case(degrees=degrees)
    write_masks(case, tmp_path)
    vertebrae = read(tmp_path / "vertebrae.nii.gz")
    assert vertebrae.array.dtype == np.uint8
    assert np.array_equal(vertebrae.array, case.level_map.labels.array)
    np.testing.assert_allclose(vertebrae.affine, case.scan.volume.affine, atol=1e-3)
    parts = read(tmp_path / "parts.nii.gz")
    for result in case.vertebrae:
        if result.vertebra is None:
            continue
        for part in SubRegion:
            here = (parts.array == int(part)) & (vertebrae.array == int(result.level))
            assert here.sum() == result.vertebra.mask(part).sum()
    lesion = case.vertebrae[2].lesions[0]
    lesions = read(tmp_path / "lesions.nii.gz")
    assert lesions.array.max() == 1
    centre = lesions.to_lps(np.argwhere(lesions.array == 1)).mean(axis=0)
    np.testing.assert_allclose(centre, lesion.centroid_lps_mm, atol=1.5)
    canal = read(tmp_path / "canal.nii.gz")
    assert canal.array.sum() == sum(r.canal.lumen.array.sum() for r in case.vertebrae if r.canal and r.canal.lumen)
    assert not (canal.array.astype(bool) & (parts.array > 0)).any()


def test_the_legend_names_every_number(tmp_path: Path) -> None:
    case = synthetic_case()
    write_masks(case, tmp_path)
    legend = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))
    for name in ("vertebrae", "parts", "lesions", "canal"):
        numbers = set(np.unique(read(tmp_path / f"{name}.nii.gz").array).tolist()) - {0}
        assert numbers
        assert numbers <= {int(key) for key in legend[f"{name}.nii.gz"]}
    assert legend["vertebrae.nii.gz"] == {str(int(level)): level.name for level in LEVELS}
    assert legend["parts.nii.gz"]["2"] == "left pedicle"
    assert str(int(Level.L2)) in legend["vertebrae.nii.gz"]


def test_the_gzip_header_holds_no_time_and_no_name(tmp_path: Path) -> None:
    write_nifti(Volume(np.ones((3, 4, 5), np.uint8), oblique_affine(), "label"), tmp_path / "a.nii.gz")
    header = (tmp_path / "a.nii.gz").read_bytes()[:10]
    assert header[4:8] == bytes(4)  # RFC 1952: MTIME 0 is 'no time'
    assert not header[3] & 0x08  # FNAME


def test_more_than_255_lesions_keep_their_numbers(tmp_path: Path) -> None:
    many = np.arange(300, dtype=np.uint16).reshape(5, 6, 10)
    write_nifti(Volume(many, np.eye(4), "label"), tmp_path / "many.nii.gz")
    assert np.array_equal(read(tmp_path / "many.nii.gz").array, many)


def test_a_mask_off_the_grid_is_refused() -> None:
    grid = Volume(np.zeros((8, 8, 8), np.uint8), oblique_affine(), "label")
    crop = grid.crop((2, 3, 1), (5, 7, 8))
    assert place(crop, grid) == (slice(2, 5), slice(3, 7), slice(1, 8))
    moved = crop.affine.copy()
    moved[0, 3] += 0.4
    with pytest.raises(ValueError, match="grid"):
        place(Volume(crop.array, moved, "label"), grid)
