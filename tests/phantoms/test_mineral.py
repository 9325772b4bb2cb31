"""What mineral measures in a phantom, against K2HPO4 dissolved in water under a whole X-ray spectrum.

The phantom's `mg_cc_k2hpo4` is that of the solution with the same HU, which is what a calibration phantom under the
patient reads. The spectrum is that of a tungsten anode after Kramers behind 9 mm of aluminium and 25 cm of water, seen
by a detector that adds up energy; nothing here is read from the imaging code, which takes one effective energy.
"""

from __future__ import annotations

import numpy as np
import pytest
import xraydb

from spondyl.phantoms.scanner import ScannerSpec
from spondyl.phantoms.tissues import density_of_hu, hu_of_density

DISPLACED, WATER_G_CC = 0.2174, 0.9996


def hu_of_solution(mg_cc: float, kvp: float) -> float:
    kev = np.arange(20, kvp, 0.5)

    def mu(formula: str, density: float) -> np.ndarray:
        return xraydb.material_mu(formula, 1000 * kev, density=density)

    water = mu("H2O", 1.0)
    seen = (kvp / kev - 1) * np.exp(-mu("Al", 2.7) * 0.9 - water * 25) * kev * (1 - np.exp(-mu("Gd2O2S", 7.3) * 0.14))
    salt = mg_cc / 1000
    solution = salt * mu("K2HPO4", 1.0) + (WATER_G_CC - DISPLACED * salt) * water
    return float(1000 * ((seen * solution).sum() / (seen * water).sum() - 1))


@pytest.mark.parametrize("kvp", [80.0, 100.0, 120.0, 140.0])
@pytest.mark.parametrize("mg_cc", [0.0, 60.0, 120.0, 200.0])
def test_marrow_measures_what_the_solution_of_its_density_does(mg_cc: float, kvp: float) -> None:
    measured = hu_of_density(mg_cc * ScannerSpec(kvp=kvp).mineral_factor)
    assert measured == pytest.approx(hu_of_solution(mg_cc, kvp), rel=0.015, abs=0.2)


def test_density_and_hu_are_each_others_inverse() -> None:
    assert density_of_hu(hu_of_density(137.0)) == pytest.approx(137.0)
