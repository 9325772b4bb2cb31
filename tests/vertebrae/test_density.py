"""The trabecular core against bodies whose every HU is known."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.density import Calibration
from spondyl.values.vertebra import Frame, Geometry, Vertebra
from spondyl.vertebrae.density import CORE_DEPTH_MM, measure_density, trabecular_core, why_no_core

GENERIC = Calibration(0.8, 5.0, 0.06, 4.0, "generic")
CORE_HU, CORTEX_HU, POSTERIOR_HU, OUTSIDE_HU = 120.0, 600.0, -40.0, 40.0
GRIDS = [(0.7, 0.7, 2.5), (1.0, 1.0, 1.0), (0.8, 0.8, 0.8)]


def body(spacing=GRIDS[0], half=(19.0, 14.0, 11.0), lean_deg=20.0, cortex_mm=1.0) -> tuple[Vertebra, Volume]:
    """A box-shaped body, smeared as a CT smears it: cortex outside, fat in the back fifth, trabecular bone between."""
    angle = np.deg2rad(lean_deg)
    axes = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    frame = Frame(np.array([5.2, -31.4, 70.6]), axes)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = frame.origin_mm - 30.2
    shape = tuple(int(60 / step) for step in spacing)
    grid = Volume(np.zeros(shape, np.uint8), affine, "label")
    fine = np.moveaxis(np.indices(shape), 0, -1)
    # Five points along the slice make the partial volume of thick slices.
    layers = []
    for shift in np.linspace(-0.4, 0.4, 5):
        p = frame.to_local(grid.to_lps(fine + np.array([0, 0, shift])))
        hu = np.full(shape, OUTSIDE_HU)
        hu[(np.abs(p) < half).all(-1)] = CORTEX_HU
        inside = (np.abs(p) < np.array(half) - cortex_mm).all(-1)
        hu[inside] = CORE_HU
        hu[inside & (p[..., 1] > 0.6 * half[1])] = POSTERIOR_HU
        layers.append(hu)
    p = frame.to_local(grid.to_lps(fine))
    parts = np.where((np.abs(p) < half).all(-1), int(SubRegion.BODY), 0).astype(np.uint8)
    vertebra = Vertebra(Level.L1, frame, Volume(parts, affine, "label"), Geometry(*[None] * 13), "shape")
    return vertebra, Volume(np.mean(layers, axis=0).astype(np.float32), affine, "HU")


@pytest.mark.parametrize("spacing", GRIDS)
@pytest.mark.parametrize("lean", [0.0, 20.0])
def test_only_trabecular_bone_enters(spacing, lean):
    vertebra, ct = body(spacing, lean_deg=lean)
    found = measure_density(vertebra, ct, GENERIC)
    assert found is not None
    assert found.trabecular_hu == pytest.approx(CORE_HU, abs=1.0)
    assert found.trabecular_hu_sd < 5
    assert found.notes == ()


@pytest.mark.parametrize("spacing", GRIDS)
def test_volume_of_the_core_of_a_box(spacing):
    half = np.array([19.0, 14.0, 11.0])
    vertebra, ct = body(spacing, half=tuple(half), lean_deg=0.0)
    found = measure_density(vertebra, ct, GENERIC)
    assert found is not None
    d = CORE_DEPTH_MM
    exact = 2 * (half[0] - d) * (2 * half[1] * 2 / 3 - d) * 2 * (half[2] - d)
    # The surface is known to half a voxel on each side.
    slack = sum(step / side for step, side in zip(spacing, (29.0, 14.2, 13.0), strict=True))
    assert found.core_volume_mm3 == pytest.approx(exact, rel=slack)


def test_noise_is_measured():
    vertebra, ct = body()
    noise = np.random.default_rng(3).normal(0, 30, ct.shape)
    found = measure_density(vertebra, ct.like((ct.array + noise).astype(np.float32), "HU"), GENERIC)
    assert found is not None
    assert found.trabecular_hu == pytest.approx(CORE_HU, abs=3.0)
    assert found.trabecular_hu_sd == pytest.approx(30, rel=0.1)


def test_interval_is_that_of_the_calibration():
    vertebra, ct = body()
    found = measure_density(vertebra, ct, GENERIC)
    assert found is not None
    draws = np.random.default_rng(7).normal([0.8, 5.0], [0.06, 4.0], (200_000, 2))
    low, high = np.percentile(draws[:, 0] * CORE_HU + draws[:, 1], [2.5, 97.5])
    assert found.trabecular_mg_cc == pytest.approx(0.8 * CORE_HU + 5, abs=1.0)
    assert found.trabecular_mg_cc_interval == pytest.approx((low, high), abs=1.0)


def test_a_lesion_and_its_border_do_not_enter():
    vertebra, ct = body()
    p = vertebra.frame.to_local(ct.to_lps(np.moveaxis(np.indices(ct.shape), 0, -1)))
    lesion = np.linalg.norm(p - np.array([4.0, -4.0, 0.0]), axis=-1) < 6
    hu = np.where(lesion, 30.0, ct.array).astype(np.float32)
    diseased = ct.like(hu, "HU")
    plain = measure_density(vertebra, diseased, GENERIC)
    found = measure_density(vertebra, diseased, GENERIC, exclude=lesion)
    assert plain is not None
    assert plain.trabecular_hu < CORE_HU - 5
    assert found is not None
    assert found.trabecular_hu == pytest.approx(CORE_HU, abs=1.0)
    assert found.core_volume_mm3 < plain.core_volume_mm3
    assert any("Lesions" in note for note in found.notes)


def test_a_thin_body_says_so_and_a_thinner_one_gives_nothing():
    thin, ct = body((0.8, 0.8, 0.8), half=(15.0, 11.0, 4.6), lean_deg=0.0)
    found = measure_density(thin, ct, GENERIC)
    assert found is not None
    assert "thin" in found.notes[0]
    assert found.trabecular_hu == pytest.approx(CORE_HU, abs=1.0)
    crushed, ct = body((0.8, 0.8, 0.8), half=(15.0, 11.0, 3.0), lean_deg=0.0)
    assert measure_density(crushed, ct, GENERIC) is None
    assert "body holds less" in why_no_core(crushed)


def test_a_lesion_that_fills_the_body_gives_nothing():
    vertebra, ct = body()
    everything = np.ones(ct.shape, dtype=bool)
    assert measure_density(vertebra, ct, GENERIC, exclude=everything) is None
    assert "lesions" in why_no_core(vertebra, exclude=everything)


def test_metal_and_its_streaks_do_not_enter_and_their_share_is_told():
    vertebra, ct = body()
    p = vertebra.frame.to_local(ct.to_lps(np.moveaxis(np.indices(ct.shape), 0, -1)))
    spoiled = p[..., 0] > 5.0
    streaky = ct.like(np.where(spoiled, 900.0, ct.array).astype(np.float32), "HU")
    found = measure_density(vertebra, streaky, GENERIC, unusable=spoiled)
    assert found is not None
    assert found.trabecular_hu == pytest.approx(CORE_HU, abs=1.0)
    # The core is 29 mm wide about the middle; 9.5 mm of it lie beyond 5 mm.
    assert found.unusable_share == pytest.approx(9.5 / 29, abs=0.04)
    assert any("Metal" in note for note in found.notes)
    everything = np.ones(ct.shape, dtype=bool)
    assert measure_density(vertebra, ct, GENERIC, unusable=everything) is None
    assert "metal" in why_no_core(vertebra, unusable=everything)


def test_errors_of_slope_and_intercept_that_cancel_narrow_the_interval():
    vertebra, ct = body()
    loose = Calibration(0.8, 5.0, 0.06, 7.2, "rods")
    tied = Calibration(0.8, 5.0, 0.06, 7.2, "rods", covariance=-0.06 * 7.2)
    widths = []
    for line in (loose, tied):
        found = measure_density(vertebra, ct, line)
        assert found is not None
        widths.append(np.diff(found.trabecular_mg_cc_interval).item())
    assert widths[1] < 0.1 * widths[0]


def test_a_scan_that_ends_before_the_body_gives_nothing():
    vertebra, ct = body()
    beside = ct.crop((0, 0, 0), (6, 6, 3))
    assert measure_density(vertebra, beside, GENERIC) is None
    core, _ = trabecular_core(vertebra)
    assert core is not None
    assert "does not cover" in why_no_core(vertebra)
