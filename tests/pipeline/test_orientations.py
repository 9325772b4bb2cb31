"""One case, stored along any axes or turned in space, gives the same numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from data import demo_case, tptbox_case
from orientations import AXIS_ORIENTATIONS, reoriented, write_nifti
from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.imaging.files import read_image_file
from spondyl.pipeline.assess import assess
from spondyl.pipeline.request import Request
from spondyl.report.schema import from_case
from spondyl.values.case import CaseResult, VertebraResult

NUMBERS = {
    "anterior height": lambda r: r.vertebra.geometry.anterior_height_mm,
    "middle height": lambda r: r.vertebra.geometry.middle_height_mm,
    "posterior height": lambda r: r.vertebra.geometry.posterior_height_mm,
    "width": lambda r: r.vertebra.geometry.width_mm,
    "depth": lambda r: r.vertebra.geometry.depth_mm,
    "density": lambda r: r.density.trabecular_mg_cc,
    "canal": lambda r: r.canal.min_area_mm2,
    "stiffness": lambda r: r.strength.stiffness_n_per_mm,
    "failure load": lambda r: r.strength.failure_load_n,
}


def run(folder: Path, ct: Volume, labels: Volume, **options: float) -> CaseResult:
    request = Request(
        ct=write_nifti(ct, folder / "ct.nii.gz"),
        vertebrae=write_nifti(labels, folder / "labels.nii.gz"),
        scheme="verse",
        workers=1,
        **options,  # type: ignore[arg-type]
    )
    return assess(request)


def of(case: CaseResult, level: Level) -> VertebraResult:
    return next(result for result in case.vertebrae if result.level == level)


@pytest.fixture(scope="module")
def lumbar() -> tuple[Volume, Volume]:
    ct, labels, _ = tptbox_case()
    return read_image_file(ct, "the CT"), read_image_file(labels, "the mask")


@pytest.fixture(scope="module")
def lumbar_result(lumbar, tmp_path_factory) -> str:
    return numbers_as_json(run(tmp_path_factory.mktemp("upright"), *lumbar, voxel_mm=2.0))


def numbers_as_json(case: CaseResult) -> str:
    """All of the assessment but the hashes of the input files, which differ with the axis order they are stored in."""
    return from_case(replace(case, inputs={})).to_json()


@pytest.mark.parametrize(("permutation", "signs"), AXIS_ORIENTATIONS)
def test_every_axis_orientation_gives_the_same_assessment(lumbar, lumbar_result, tmp_path, permutation, signs):
    ct, labels = (reoriented(volume, permutation, signs) for volume in lumbar)
    assert numbers_as_json(run(tmp_path, ct, labels, voxel_mm=2.0)) == lumbar_result


@pytest.fixture(scope="module")
def thoracic() -> tuple[Volume, Volume]:
    """T8 to T11 of the demo case, small enough to be assessed often."""
    ct_path, labels_path = demo_case()
    ct, labels = read_image_file(ct_path, "the CT"), read_image_file(labels_path, "the mask")
    # TotalSegmentator numbers T12 32 to T1 43, from below.
    verse = np.zeros_like(labels.array)
    for totalsegmentator, level in ((36, Level.T8), (35, Level.T9), (34, Level.T10), (33, Level.T11)):
        verse[labels.array == totalsegmentator] = int(level)
    where = np.argwhere(verse)
    start, stop = where.min(axis=0) - np.array([10, 10, 2]), where.max(axis=0) + np.array([11, 11, 3])
    return ct.crop(tuple(start), tuple(stop)), labels.like(verse, "label").crop(tuple(start), tuple(stop))


@pytest.fixture(scope="module")
def thoracic_case(thoracic, tmp_path_factory) -> CaseResult:
    return run(tmp_path_factory.mktemp("thoracic"), *thoracic)


@pytest.mark.parametrize("angles", [(12.0, 0.0, 0.0), (0.0, 15.0, 0.0), (0.0, 0.0, -14.0), (8.0, -10.0, 12.0)])
def test_a_patient_lying_turned_has_the_same_numbers(thoracic, thoracic_case, tmp_path, angles):
    """The very same voxels, the whole patient turned: only where 'back' and 'up' point at first has changed."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    ct, labels = (Volume(volume.array, turn @ volume.affine, volume.quantity) for volume in thoracic)
    turned = run(tmp_path, ct, labels)
    for level in (Level.T8, Level.T9, Level.T10, Level.T11):
        for name, number in NUMBERS.items():
            expected = number(of(thoracic_case, level))
            assert number(of(turned, level)) == pytest.approx(expected, rel=0.03), (level.name, name)


def test_an_oblique_grid_gives_the_same_numbers_within_interpolation(thoracic, thoracic_case, tmp_path):
    """The scan resampled onto a grid that lies aslant in the patient, as an oblique acquisition would."""
    ct, labels = thoracic
    turn = Rotation.from_euler("xyz", [9, -7, 11], degrees=True).as_matrix()
    centre = ct.to_lps((np.array(ct.shape) - 1) / 2)
    spacing = np.array([0.7, 0.7, 1.5])
    shape = np.ceil((np.array(ct.shape) * ct.spacing_mm + 30) / spacing).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = turn * spacing
    affine[:3, 3] = centre - affine[:3, :3] @ ((shape - 1) / 2)
    grid = Volume(np.broadcast_to(np.int16(0), tuple(shape)), affine, "HU")
    oblique_ct = ct.resampled_onto(grid, order=1, outside=-1000.0)
    oblique_labels = np.zeros(grid.shape, dtype=np.uint8)
    for level in (Level.T8, Level.T9, Level.T10, Level.T11):
        share = labels.like((labels.array == int(level)).astype(np.float32), "mask")
        oblique_labels[share.resampled_onto(grid, order=1, outside=0.0).array > 0.5] = int(level)
    oblique = run(tmp_path, oblique_ct, grid.like(oblique_labels, "label"))
    for level in (Level.T8, Level.T9, Level.T10, Level.T11):
        for name, number in NUMBERS.items():
            # Interpolating smooths the cortex, and stiffness and strength live on it.
            tolerance = 0.15 if name in ("stiffness", "failure load") else 0.08
            expected = number(of(thoracic_case, level))
            assert number(of(oblique, level)) == pytest.approx(expected, rel=tolerance), (level.name, name)


def test_left_stays_left(thoracic, tmp_path):
    """A lesion drawn in the left pedicle is reported in the left pedicle, however the file is stored."""
    from spondyl.anatomy.subregions import SubRegion

    ct, labels = thoracic
    plain = run(tmp_path, ct, labels)
    parts = of(plain, Level.T9).vertebra.parts
    drawn = parts.like(parts.array == int(SubRegion.PEDICLE_LEFT), "mask").resampled_onto(ct, order=0, outside=0)
    for permutation, signs in AXIS_ORIENTATIONS[::13]:
        folder = tmp_path / f"{permutation}{signs}"
        folder.mkdir()
        stored = [reoriented(volume, permutation, signs) for volume in (ct, labels, drawn)]
        request = Request(
            ct=write_nifti(stored[0], folder / "ct.nii"),
            vertebrae=write_nifti(stored[1], folder / "labels.nii"),
            lesions=write_nifti(stored[2], folder / "lesions.nii"),
            scheme="verse",
            workers=1,
            voxel_mm=2.0,
        )
        found = of(assess(request), Level.T9)
        assert [lesion.parts_touched for lesion in found.lesions] == [(SubRegion.PEDICLE_LEFT,)]
        item = next(item for item in found.sins.items if item.name == "posterolateral")
        assert item.answer == "unilateral"
        # The left pedicle lies to the patient's left (LPS x grows leftwards) of the body.
        assert found.lesions[0].centroid_lps_mm[0] > found.vertebra.frame.origin_mm[0]
