"""Tissues found in a made trunk whose every voxel is known, and left out where they are not what they should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bodies import hu_of_tissue, trunk

from spondyl.core.volume import Volume
from spondyl.imaging.contrast import detect_contrast
from spondyl.imaging.tissues import find_tissues, peak
from spondyl.values.density import Tissue, TissueSample
from spondyl.values.level_map import LevelMap


def found(volume: Volume, levels: LevelMap) -> dict[Tissue, TissueSample]:
    return {sample.tissue: sample for sample in find_tissues(volume, levels)}


@pytest.mark.parametrize("kev", [60.0, 80.0])
@pytest.mark.parametrize("noise_hu", [5.0, 40.0])
def test_each_tissue_has_the_hu_it_was_made_with(kev: float, noise_hu: float) -> None:
    scan, levels = trunk(kev, noise_hu=noise_hu)
    samples = found(scan.volume, levels)
    for tissue in (Tissue.AIR, Tissue.FAT, Tissue.MUSCLE, Tissue.BLOOD):
        assert samples[tissue].used, samples[tissue].reason
        assert samples[tissue].hu == pytest.approx(hu_of_tissue(tissue.value, kev), abs=2.5)


def test_places_are_where_the_tissues_are() -> None:
    scan, levels = trunk(70.0)
    samples = found(scan.volume, levels)
    assert samples[Tissue.BLOOD].centre_mm is not None
    assert samples[Tissue.BLOOD].centre_mm[:2] == pytest.approx((22.0, -38.0), abs=4.0)
    assert samples[Tissue.MUSCLE].centre_mm is not None
    assert samples[Tissue.MUSCLE].centre_mm[1] > 0
    assert samples[Tissue.AIR].centre_mm is not None
    assert samples[Tissue.AIR].centre_mm[1] < -50


def test_a_crop_around_the_spine_has_no_air_and_says_so() -> None:
    scan, levels = trunk(70.0, half_mm=(60.0, 50.0))
    samples = found(scan.volume, levels)
    assert not samples[Tissue.AIR].used
    assert "no air" in samples[Tissue.AIR].reason
    assert samples[Tissue.MUSCLE].used


def test_a_crop_without_aorta_finds_none_in_the_muscle() -> None:
    scan, levels = trunk(70.0, blood_hu=hu_of_tissue("fat", 70.0))
    assert not found(scan.volume, levels)[Tissue.BLOOD].used


def test_padding_is_no_air() -> None:
    scan, levels = trunk(70.0)
    hu = scan.volume.array.copy()
    hu[hu < -900] = -1024.0
    sample = found(scan.volume.like(hu, "HU"), levels)[Tissue.AIR]
    assert not sample.used
    assert "cut off at -1024 HU" in sample.reason


def test_fat_that_is_too_dense_for_fat_is_left_out_with_the_number() -> None:
    scan, levels = trunk(70.0, offset=35.0)
    sample = found(scan.volume, levels)[Tissue.FAT]
    assert not sample.used


def test_fatty_streaks_do_not_move_the_peak_of_muscle() -> None:
    rng = np.random.default_rng(5)
    mixed = np.concatenate([rng.normal(48, 9, 20_000), rng.uniform(-90, 48, 8000)])
    centre, sd = peak(mixed)
    assert centre == pytest.approx(48, abs=2.5)
    assert sd == pytest.approx(9, rel=0.35)


def test_peak_of_a_plain_bell() -> None:
    centre, sd = peak(np.random.default_rng(2).normal(-101, 14, 50_000))
    assert centre == pytest.approx(-101, abs=0.5)
    assert sd == pytest.approx(14, rel=0.05)


def blood(hu: float) -> TissueSample:
    return TissueSample(Tissue.BLOOD, hu, 8.0, 9000.0, (0.0, 0.0, 0.0), True, "aorta")


@pytest.mark.parametrize(
    ("hu", "header", "present"),
    [
        (240.0, None, True),
        (240.0, False, True),
        (42.0, None, False),
        (28.0, False, False),
        (42.0, True, None),
        (66.0, None, None),
        (66.0, True, True),
    ],
)
def test_contrast_medium_is_what_the_blood_shows(hu: float, header: bool | None, present: bool | None) -> None:
    finding = detect_contrast([blood(hu)], header)
    assert finding.present is present
    assert finding.rise_hu == pytest.approx(hu - 43)
    assert f"{hu:.0f} HU" in finding.reason


@pytest.mark.parametrize("header", [True, False, None])
def test_without_blood_the_header_has_the_word(header: bool | None) -> None:
    finding = detect_contrast([replace(blood(300.0), used=False)], header)
    assert finding.present is header
    assert finding.rise_hu is None
