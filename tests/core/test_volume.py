"""Volume against nibabel's own reorientation, and its coordinates against themselves under all 48 orientations."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from orientations import AXIS_ORIENTATIONS, RAS_FROM_LPS, reoriented
from spondyl.core.volume import Volume


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(3)
    affine = np.diag([0.7, 0.8, 2.5, 1.0])
    affine[:3, :3] = Rotation.from_euler("xyz", [5, -8, 12], degrees=True).as_matrix() @ affine[:3, :3]
    affine[:3, 3] = (-30, 12, 7)
    return Volume(rng.normal(size=(5, 6, 7)).astype(np.float32), affine, "HU")


@pytest.mark.parametrize(("permutation", "signs"), AXIS_ORIENTATIONS)
def test_canonical_undoes_every_axis_orientation(volume: Volume, permutation, signs):
    turned = reoriented(volume, permutation, signs)
    back = turned.canonical()
    np.testing.assert_array_equal(back.array, volume.array)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-12)


@pytest.mark.parametrize(("permutation", "signs"), AXIS_ORIENTATIONS[::5])
def test_canonical_agrees_with_nibabel(volume: Volume, permutation, signs):
    turned = reoriented(volume, permutation, signs)
    image = nib.Nifti1Image(turned.array, RAS_FROM_LPS @ turned.affine)
    orientation = nib.orientations.ornt_transform(
        nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(("L", "P", "S"))
    )
    theirs = image.as_reoriented(orientation)
    np.testing.assert_array_equal(np.asanyarray(theirs.dataobj), turned.canonical().array)


def test_index_and_lps_are_inverse(volume: Volume):
    points = np.random.default_rng(0).uniform(-50, 50, (20, 3))
    np.testing.assert_allclose(volume.to_lps(volume.to_index(points)), points, atol=1e-9)


def test_crop_keeps_places(volume: Volume):
    crop = volume.crop((1, 2, 3), (4, 6, 7))
    assert crop.array[0, 0, 0] == volume.array[1, 2, 3]
    np.testing.assert_allclose(crop.to_lps((0, 0, 0)), volume.to_lps((1, 2, 3)))


def test_sampling_a_linear_field_is_exact(volume: Volume):
    index = np.stack(np.meshgrid(*[np.arange(n) for n in volume.shape], indexing="ij"), -1)
    lps = volume.to_lps(index)
    field = volume.like((lps @ [1.0, -2.0, 0.5]).astype(np.float64), "HU")
    inside = volume.to_lps(np.random.default_rng(1).uniform(0.1, 3.9, (50, 3)))
    np.testing.assert_allclose(field.sample(inside, order=1, outside=0), inside @ [1.0, -2.0, 0.5], atol=1e-4)


def test_resampling_a_mask_onto_a_shifted_grid_keeps_voxels(volume: Volume):
    mask = volume.like(volume.array > 0.5, "mask")
    crop = mask.crop((1, 1, 1), (5, 5, 6))
    back = crop.resampled_onto(mask, order=0, outside=0)
    expected = np.zeros(mask.shape, bool)
    expected[1:5, 1:5, 1:6] = mask.array[1:5, 1:5, 1:6]
    np.testing.assert_array_equal(back.array.astype(bool), expected)


def test_arrays_are_read_only(volume: Volume):
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 1


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)])
def test_affines_that_place_nothing_are_refused(affine):
    with pytest.raises(ValueError, match="affine"):
        Volume(np.zeros((2, 2, 2)), affine, "HU")
