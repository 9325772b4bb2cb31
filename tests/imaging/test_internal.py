"""Internal calibration against bodies whose tissues, energy and mineral are known."""

from __future__ import annotations

import numpy as np
import pytest
import xraydb
from bodies import hu_of_solution, hu_of_tissue, trunk

from data import demo_case, shared_data, tptbox_case
from spondyl.imaging.calibration import generic
from spondyl.imaging.internal import (
    ENERGY_OF_KVP_KEV,
    PUBLISHED_RMSD,
    density_line,
    from_tissues,
    internal,
    reference_hu,
)
from spondyl.values.density import Calibration, Tissue, TissueSample
from spondyl.values.level_map import LevelMap
from spondyl.values.scan import CtScan

MG_CC = (50.0, 100.0, 150.0, 200.0)
NAMES = {Tissue.FAT: "fat", Tissue.AIR: "air", Tissue.BLOOD: "blood", Tissue.MUSCLE: "muscle", Tissue.BONE: "bone"}


def samples(kev: float, *left_out: Tissue, gain: float = 1.0, offset: float = 0.0, **shift: float) -> list:
    """Tissues of ICRU-44 at one energy, on a scale of HU that may be wrong."""
    made = []
    for tissue, name in NAMES.items():
        hu = gain * (hu_of_tissue(name, kev) + shift.get(name, 0.0)) + offset
        made.append(TissueSample(tissue, hu, 10.0, 5000.0, (0.0, 0.0, 0.0), tissue not in left_out, "made"))
    return made


def read(line: Calibration, hu: float) -> tuple[float, float]:
    return float(line.density_mg_cc(hu)), line.sd_mg_cc(hu)


@pytest.mark.parametrize(("kvp", "kev"), ENERGY_OF_KVP_KEV.items())
@pytest.mark.parametrize("mg_cc", MG_CC)
def test_known_mineral_comes_back(kvp: float, kev: float, mg_cc: float) -> None:
    density, _ = read(from_tissues(samples(kev), kvp), hu_of_solution(mg_cc, kev))
    assert density == pytest.approx(mg_cc, rel=0.05, abs=3.0)


@pytest.mark.parametrize("kev", [55.0, 62.0, 68.0, 75.0, 82.0])
@pytest.mark.parametrize("mg_cc", MG_CC)
def test_without_a_tube_voltage_the_truth_lies_in_the_interval(kev: float, mg_cc: float) -> None:
    density, sd = read(from_tissues(samples(kev), None), hu_of_solution(mg_cc, kev))
    assert abs(density - mg_cc) < 1.96 * sd


@pytest.mark.parametrize(("gain", "offset"), [(0.96, 0.0), (1.0, 15.0), (1.03, -12.0)])
def test_a_wrong_hu_scale_is_put_right(gain: float, offset: float) -> None:
    """Most of what a wrong scale does to the density is taken back, and the rest lies in the interval."""
    seen = gain * hu_of_solution(150.0, 70.0) + offset
    plain = np.polyval(density_line(70.0, 1.0, 0.0), seen)
    density, sd = read(from_tissues(samples(70.0, gain=gain, offset=offset), 120.0), seen)
    assert abs(density - 150.0) < 1.96 * sd
    if abs(plain - 150.0) > 5:
        assert abs(density - 150.0) < 0.5 * abs(plain - 150.0)


@pytest.mark.parametrize(("kvp", "kev"), ENERGY_OF_KVP_KEV.items())
def test_energies_of_tube_voltages_by_a_spectrum(kvp: float, kev: float) -> None:
    """Kramers' tungsten through 9 mm of aluminium and 25 cm of water into an energy-summing detector."""
    energies = np.arange(15.0, kvp, 0.5)

    def mu(formula: str, at: np.ndarray) -> np.ndarray:
        return np.asarray(xraydb.material_mu(formula, 1000 * at, density=1.0))

    passed = np.exp(-0.9 * 2.7 * mu("Al", energies) - 25 * mu("H2O", energies))
    caught = 1 - np.exp(-1.66 * mu("Gd", energies))
    signal = (kvp - energies) / energies * passed * energies * caught
    ratio = (signal @ mu("K2HPO4", energies)) / (signal @ mu("H2O", energies))
    grid = np.arange(40.0, 110.0, 0.25)
    found = np.interp(-ratio, -mu("K2HPO4", grid) / mu("H2O", grid), grid)
    assert found == pytest.approx(kev, abs=1.5)


def test_the_slope_at_120_kvp_is_that_of_902_vertebral_bodies() -> None:
    """Buenger 2021: 0.7 mg/cc per HU."""
    line = from_tissues(samples(70.0), 120.0)
    assert line.slope_mg_cc_per_hu == pytest.approx(generic(120.0).slope_mg_cc_per_hu, rel=0.1)


def test_truth_lies_in_the_interval_as_often_as_it_says() -> None:
    """People whose tissues differ from the reference, scanners that differ from theirs."""
    rng = np.random.default_rng(11)
    inside = 0
    for _ in range(100):
        kev, gain, offset = rng.normal(70.0, 3.5), rng.normal(1.0, 0.01), rng.normal(0, 5)
        shift = {"fat": rng.normal(-17, 12), "muscle": rng.normal(0, 10), "blood": rng.normal(-12, 8)}
        found = from_tissues(samples(kev, gain=gain, offset=offset, **shift), 120.0)
        density, sd = read(found, gain * hu_of_solution(130.0, kev) + offset)
        inside += abs(density - 130.0) < 1.96 * sd
    assert inside >= 90


def test_fewer_tissues_and_contrast_medium_make_it_less_certain() -> None:
    whole = from_tissues(samples(70.0), 120.0)
    few = from_tissues(samples(70.0, Tissue.AIR, Tissue.BLOOD), 120.0)
    bright = from_tissues(samples(70.0, blood=180.0), 120.0)
    assert whole.sd_mg_cc(120.0) < few.sd_mg_cc(120.0)
    assert whole.sd_mg_cc(120.0) < bright.sd_mg_cc(120.0)
    assert whole.slope_sd >= PUBLISHED_RMSD * whole.slope_mg_cc_per_hu


def test_too_few_tissues_fall_back_and_say_so() -> None:
    line = from_tissues(samples(70.0, Tissue.AIR, Tissue.BLOOD, Tissue.FAT), 120.0)
    assert line.slope_mg_cc_per_hu == generic(120.0).slope_mg_cc_per_hu
    assert "generic" in line.method
    assert "needs 3 tissues and found 2 (muscle, cortical bone)" in line.notes[0]
    assert len(line.tissues) == 5


def test_bone_denser_than_bone_can_be_lowers_the_energy() -> None:
    """At 80 kVp compact bone has 2200 HU, which 120 kVp does not allow; less dense bone tells nothing."""
    assert hu_of_tissue("bone", 55.5) > reference_hu(Tissue.BONE, 70.0) + 500
    low = from_tissues(samples(55.5), None).effective_energy_kev
    porous = from_tissues(samples(70.0, bone=-600.0), None).effective_energy_kev
    whole = from_tissues(samples(70.0), None).effective_energy_kev
    assert low is not None
    assert whole is not None
    assert low < 62
    assert porous == pytest.approx(whole, abs=3.0)


@pytest.mark.parametrize(("kvp", "kev", "mg_cc"), [(120.0, 70.0, 60.0), (120.0, 70.0, 150.0), (100.0, 63.0, 100.0)])
def test_a_made_trunk_is_calibrated_from_its_image(kvp: float, kev: float, mg_cc: float) -> None:
    scan, levels = trunk(kev, mg_cc, kvp=kvp)
    line = internal(scan, levels)
    assert line.method == "internal"
    density, sd = read(line, hu_of_solution(mg_cc, kev))
    assert density == pytest.approx(mg_cc, rel=0.05, abs=3.0)
    assert abs(density - mg_cc) < 1.96 * sd
    assert line.contrast is not None
    assert line.contrast.present is False


def test_contrast_medium_in_a_made_trunk_is_seen_and_its_blood_left_out() -> None:
    scan, levels = trunk(70.0, kvp=120.0, blood_hu=240.0)
    line = internal(scan, levels)
    assert line.contrast is not None
    assert line.contrast.present is True
    assert line.contrast.rise_hu == pytest.approx(240 - 43, abs=4)
    blood = next(sample for sample in line.tissues if sample.tissue is Tissue.BLOOD)
    assert not blood.used
    assert any("densities come out too high" in note for note in line.notes)


def test_metal_beside_the_vertebra_does_not_move_the_line() -> None:
    plain, screwed = (internal(*trunk(70.0, kvp=120.0, screw=screw)) for screw in (False, True))
    assert screwed.density_mg_cc(150.0) == pytest.approx(plain.density_mg_cc(150.0), abs=2.0)


def _demo() -> tuple[CtScan, LevelMap]:
    from spondyl.imaging.labels import read_level_map
    from spondyl.imaging.read import read_ct

    ct, mask = demo_case()
    scan = read_ct(ct)
    return scan, read_level_map(mask, scan.volume)


def test_the_demo_scan() -> None:
    """A chest CT in the arterial phase without a header: seen by eye, aorta near 400 HU."""
    line = internal(*_demo())
    assert line.method == "internal"
    assert line.contrast is not None
    assert line.contrast.present is True
    assert line.contrast.rise_hu is not None
    assert 320 < line.contrast.rise_hu < 400
    found = {sample.tissue: sample for sample in line.tissues}
    assert -120 < found[Tissue.FAT].hu < -90
    assert 35 < found[Tissue.MUSCLE].hu < 60
    assert 0.65 < line.slope_mg_cc_per_hu < 0.85


def test_a_small_field_of_view_does_without_air_and_blood() -> None:
    from spondyl.imaging.labels import read_level_map
    from spondyl.imaging.read import read_ct

    ct, mask, _ = tptbox_case()
    scan = read_ct(ct)
    line = internal(scan, read_level_map(mask, scan.volume))
    assert line.method == "internal"
    assert {sample.tissue for sample in line.tissues if not sample.used} == {Tissue.AIR, Tissue.BLOOD}
    assert line.contrast is not None
    assert line.contrast.present is None


def test_a_dicom_series_with_contrast_medium() -> None:
    """RIDER: 120 kVp and a contrast agent in the header; no masks, so that bone above 130 HU stands for a vertebra."""
    from scipy import ndimage

    from spondyl.anatomy.levels import Level
    from spondyl.imaging.read import read_ct

    scan = read_ct(shared_data("rider_pilot_0117_thoracic_0.8mm_dicom"))
    near = np.zeros(scan.volume.shape, dtype=bool)
    near[200:275, 260:360] = scan.volume.array[200:275, 260:360] > 130
    parts, _ = ndimage.label(near)
    largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    levels = LevelMap(scan.volume.like((largest * int(Level.T10)).astype(np.uint8), "label"), "rough")
    line = internal(scan, levels)
    assert line.contrast is not None
    assert line.contrast.present is True
    assert line.contrast.rise_hu == pytest.approx(200, abs=25)
    assert line.effective_energy_kev == pytest.approx(70, abs=4)
