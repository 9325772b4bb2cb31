"""The scanner against theory: what a blur conserves and widens, what noise was asked for, what stays outside."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.core.volume import Volume
from spondyl.phantoms.metal import MetalRod
from spondyl.phantoms.noise import NoiseTexture, filtered_noise, power
from spondyl.phantoms.scanner import HU_RANGE, KERNEL_FWHM_MM, ScannerSpec, blurred_as_scanned, scan, scan_grid

STEP = (0.3, 0.3, 0.5)


def block(value: float = 100.0, shape: tuple[int, int, int] = (60, 60, 40), step: float = 0.5) -> Volume:
    return Volume(np.full(shape, value, np.float32), np.diag([step, step, step, 1.0]), "HU")


@pytest.mark.parametrize("kernel", list(KERNEL_FWHM_MM))
@pytest.mark.parametrize("thickness_mm", [0.5, 1.3, 4.0])
def test_blur_conserves_the_mean_and_widens_a_point_as_asked(kernel: str, thickness_mm: float) -> None:
    point = np.zeros((61, 61, 41))
    point[30, 30, 20] = 1000.0
    blurred = blurred_as_scanned(point, STEP, ScannerSpec(kernel=kernel, slice_thickness_mm=thickness_mm))
    assert blurred.sum(dtype=float) == pytest.approx(1000.0, rel=1e-4)
    # The point is a voxel: its own box belongs to the blur.
    in_plane = float(blurred.sum(axis=(1, 2)) @ ((np.arange(61) - 30) * 0.3) ** 2) / 1000 + 0.3**2 / 12
    across = float(blurred.sum(axis=(0, 1)) @ ((np.arange(41) - 20) * 0.5) ** 2) / 1000 + 0.5**2 / 12
    assert np.sqrt(in_plane) * 2.3548 == pytest.approx(KERNEL_FWHM_MM[kernel], rel=0.03)
    assert np.sqrt(12 * across) == pytest.approx(thickness_mm, rel=0.03)


@pytest.mark.parametrize("kernel", ["soft", "bone"])
def test_noise_has_the_sd_asked_and_the_correlation_of_its_kernel(kernel: str) -> None:
    spec = ScannerSpec(kernel=kernel, noise_hu=25.0, slice_thickness_mm=0.5)
    image = scan(block(shape=(128, 128, 30)), spec, (1,)).array.astype(float)
    assert image.std() == pytest.approx(25.0, rel=0.03)
    assert image.mean() == pytest.approx(100.0, abs=0.5)
    texture = NoiseTexture(2.3548 / (2 * np.pi * KERNEL_FWHM_MM[kernel]))
    expected = np.fft.ifft2(power((128, 128), (0.5, 0.5), texture)).real
    rest = image - 100
    for lag in (1, 2, 3):
        measured = np.mean(rest[lag:] * rest[:-lag]) / np.mean(rest**2)
        assert measured == pytest.approx(expected[lag, 0] / expected[0, 0], abs=0.03)
    assert abs(np.mean(rest[..., 1:] * rest[..., :-1]) / np.mean(rest**2)) < 0.03  # thin slices share nothing


def test_noise_of_thick_slices_is_shared_by_neighbours() -> None:
    texture = NoiseTexture(0.5, slice_fwhm_mm=3.0)
    field = filtered_noise((64, 64, 60), (0.7, 0.7, 1.0), texture, 10.0, np.random.default_rng(3))
    assert field.std() == pytest.approx(10.0, rel=0.05)
    sigma = 3.0 / 2.3548
    measured = np.mean(field[..., 1:] * field[..., :-1]) / np.mean(field**2)
    assert measured == pytest.approx(np.exp(-1 / (4 * sigma**2)), abs=0.03)


def test_the_same_key_gives_the_same_bits_and_another_key_other_noise() -> None:
    one, again, other = (scan(block(), ScannerSpec(), key).array for key in ((1, "a"), (1, "a"), (2, "a")))
    assert (one == again).all()
    assert (one != other).mean() > 0.9


def test_the_scan_has_the_voxels_asked_and_things_stay_where_they_are() -> None:
    exact = block(40.0, (80, 80, 60))
    x, y, z = exact.to_lps(np.stack(np.indices(exact.shape), -1)).transpose(3, 0, 1, 2)
    ball = (x - 24) ** 2 + (y - 18) ** 2 + (z - 15) ** 2 < 36
    exact = exact.like(np.where(ball, 800.0, 40.0), "HU")
    spec = ScannerSpec(voxel_mm=0.8, slice_spacing_mm=2.0, slice_thickness_mm=2.0, noise_hu=0.0)
    image = scan(exact, spec, ())
    assert image.spacing_mm == pytest.approx((0.8, 0.8, 2.0))
    assert image.same_grid(scan_grid(exact, spec))
    weight = image.array.astype(float) - 40
    at = image.to_lps(np.stack(np.indices(image.shape), -1))
    np.testing.assert_allclose((weight[..., None] * at).sum((0, 1, 2)) / weight.sum(), [24, 18, 15], atol=0.05)
    volume = weight.sum() * image.voxel_volume_mm3 / 760
    assert volume == pytest.approx(ball.sum() * 0.5**3, rel=0.02)


def test_metal_is_bright_streaks_lie_in_its_slices_only_and_between_rods_it_is_dark() -> None:
    rods = tuple(MetalRod(start_lps_mm=(x, 10, 5), end_lps_mm=(x, 22, 5), radius_mm=2.5) for x in (10.0, 22.0))
    clean = scan(block(40.0, (64, 64, 40)), ScannerSpec(noise_hu=0), ())
    image = scan(block(40.0, (64, 64, 40)), ScannerSpec(noise_hu=0, metal=rods), (1,))
    assert image.array[20, 32, 10] == HU_RANGE[1]
    assert (image.array[:, :, 25:] == clean.array[:, :, 25:]).all()
    assert np.abs(image.array[2:8, :, 10].astype(float) - 40).mean() > 5
    between = image.array[30:34, 24:40, 10].mean()
    assert between < 40 - 50


def test_table_field_of_view_and_padding() -> None:
    body = block(-1000.0, (80, 100, 10)).array.copy()
    body[20:60, 10:40] = 40.0
    exact = block(0, (80, 100, 10)).like(body, "HU")
    spec = ScannerSpec(noise_hu=0, table=True, fov_mm=38.0, padding_hu=-2048)
    image = scan(exact, spec, ()).array
    assert (image[0] == -2048).all()
    assert image[40, 50, 5] > -400  # the plate under the back
    assert image[40, 60, 5] < -800  # the foam in it


def test_contrast_and_voltage_tell_what_they_change() -> None:
    assert ScannerSpec(contrast="portal").rise_hu("marrow") == pytest.approx(18.0)  # pompe2015
    assert ScannerSpec().rise_hu("aorta") == 0.0
    assert (
        ScannerSpec(kvp=80).mineral_factor
        > ScannerSpec(kvp=100).mineral_factor
        > 1
        > ScannerSpec(kvp=140).mineral_factor
    )
