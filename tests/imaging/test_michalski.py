"""The published internal calibration against its authors' own worked example, and against bodies known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import hu_of_solution, hu_of_tissue

from spondyl.core.citations import cite
from spondyl.core.errors import InvalidAnswer
from spondyl.imaging.attenuation import (
    K2HPO4,
    TRIGLYCERIDE,
    WATER,
    mass_attenuation,
    published_attenuation,
    tissue_hu,
)
from spondyl.imaging.michalski import published_fit
from spondyl.values.density import Tissue

# Subject VerSe004 of the Bonelab's finite element benchmark: mean HU of its five tissues.
VERSE004 = {
    Tissue.FAT: -82.579,
    Tissue.AIR: -956.834,
    Tissue.BLOOD: 39.249,
    Tissue.BONE: 1226.214,
    Tissue.MUSCLE: 24.561,
}
# NIST's printed mu/rho [cm2/g] at 60, 80 and 100 keV.
NIST = {
    Tissue.FAT: (0.1974, 0.1800, 0.1688),
    Tissue.AIR: (0.1875, 0.1662, 0.1541),
    Tissue.BLOOD: (0.2057, 0.1827, 0.1695),
    Tissue.BONE: (0.3148, 0.2229, 0.1855),
    Tissue.MUSCLE: (0.2048, 0.1823, 0.1693),
    WATER: (0.2059, 0.1837, 0.1707),
}


def test_the_published_worked_example_to_its_printed_digits() -> None:
    fit = published_fit(VERSE004)
    assert fit.energy_kev == 97.0
    assert f"{fit.r_squared:.6f}" == "0.998965"
    printed = [f"{v:.3f}" for v in (fit.k2hpo4_cm2_g, fit.triglyceride_cm2_g, fit.water_cm2_g)]
    assert printed == ["0.205", "0.170", "0.173"]
    assert f"{fit.attenuation_slope:.6f}" == "0.000016"
    assert f"{fit.attenuation_intercept:.6f}" == "0.171240"
    assert f"{fit.density_slope:.6f}" == "0.000893"
    assert f"{fit.density_intercept:.6f}" == "0.968731"


@pytest.mark.parametrize("material", NIST)
def test_the_library_holds_nists_tables(material: Tissue | str) -> None:
    energies = (60.0, 80.0, 100.0)
    assert mass_attenuation(material, energies) == pytest.approx(NIST[material], abs=0.51e-4)
    assert tuple(published_attenuation(material, energies)) == NIST[material]


@pytest.mark.parametrize(("material", "printed"), [(K2HPO4, 0.2508), (TRIGLYCERIDE, 0.1789)])
def test_compounds_agree_with_xcom(material: str, printed: float) -> None:
    """XCOM's values at 80 keV, as the worked example's authors list them."""
    assert mass_attenuation(material, 80.0)[0] == pytest.approx(printed, abs=0.51e-4)


def test_straight_lines_between_printed_energies_are_why_a_digit_differs() -> None:
    """Water at 97 keV: 0.1724 on the true curve, 0.1727 (printed 0.173) on a straight line from 80 to 100 keV."""
    assert f"{mass_attenuation(WATER, 97.0)[0]:.3f}" == "0.172"
    assert f"{published_attenuation(WATER, 97.0):.3f}" == "0.173"


@pytest.mark.parametrize("tissue", [Tissue.FAT, Tissue.MUSCLE, Tissue.BLOOD, Tissue.BONE])
def test_tissue_hu_agree_with_the_librarys_own_reading(tissue: Tissue) -> None:
    name = "bone" if tissue is Tissue.BONE else tissue.value
    assert tissue_hu(tissue, 70.0) == pytest.approx(hu_of_tissue(name, 70.0), abs=0.2)


@pytest.mark.parametrize("kev", [60.0, 70.0, 80.0])
def test_the_published_way_reads_too_low_in_bodies_known_exactly(kev: float) -> None:
    """Why it is a yardstick and not what Spondyl uses: its energy hardly follows the true one."""
    names = {Tissue.FAT: "fat", Tissue.AIR: "air", Tissue.BLOOD: "blood", Tissue.BONE: "bone", Tissue.MUSCLE: "muscle"}
    fit = published_fit({tissue: hu_of_tissue(name, kev) for tissue, name in names.items()})
    assert fit.energy_kev > kev + 15
    assert fit.density_mg_cc(hu_of_solution(200.0, kev)) < 0.9 * 200


def test_two_tissues_are_too_few() -> None:
    with pytest.raises(InvalidAnswer, match="2 tissues"):
        published_fit({Tissue.AIR: -1000.0, Tissue.BLOOD: 40.0})


def test_arrays_are_read_voxel_by_voxel() -> None:
    fit = published_fit(VERSE004)
    hu = np.array([0.0, 150.0])
    assert fit.density_mg_cc(hu) == pytest.approx([fit.density_mg_cc(0.0), fit.density_mg_cc(150.0)])


def test_its_sources_are_known() -> None:
    assert len(cite(["michalski2020", "hubbell1995", "newville_xraydb", "kaesmacher2017", "mindways2011"])) == 5
