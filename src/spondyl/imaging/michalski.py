"""Internal calibration as published (michalski2020): one effective energy, two straight lines, two components.

It is kept as the published yardstick. In bodies whose tissues are known exactly its effective energy comes out near
95 keV whatever the true one is, because mu/rho is no straight function of HU where tissues differ in density; the
density it then gives is too low by a fifth to a third (`tests/imaging/test_michalski.py`). `imaging.internal` is what
Spondyl itself uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.core.errors import InvalidAnswer
from spondyl.imaging.attenuation import K2HPO4, TRIGLYCERIDE, WATER, published_attenuation
from spondyl.values.density import Tissue

ENERGIES_KEV = np.arange(1.5, 200.5, 0.5)
"""Searched in steps of half a keV (michalski2020)."""
FEWEST_TISSUES = 3


@dataclass(frozen=True)
class PublishedFit:
    energy_kev: float
    r_squared: float
    attenuation_slope: float
    """mu/rho [cm2/g] = attenuation_slope * HU + attenuation_intercept."""
    attenuation_intercept: float
    density_slope: float
    """Density of the tissue [g/cc] = density_slope * HU + density_intercept."""
    density_intercept: float
    k2hpo4_cm2_g: float
    triglyceride_cm2_g: float
    water_cm2_g: float

    def density_mg_cc(self, hu: Any) -> Any:
        """mg/cc K2HPO4 in triglyceride, for a number or an array of HU."""
        attenuation = self.attenuation_slope * hu + self.attenuation_intercept
        tissue_g_cc = self.density_slope * hu + self.density_intercept
        share = (attenuation - self.triglyceride_cm2_g) / (self.k2hpo4_cm2_g - self.triglyceride_cm2_g)
        return 1000.0 * tissue_g_cc * share


def published_fit(hu: Mapping[Tissue, float]) -> PublishedFit:
    """The published fit to the mean HU of three or more tissues. Raises InvalidAnswer for fewer."""
    if len(hu) < FEWEST_TISSUES:
        raise InvalidAnswer(
            f"internal calibration: {len(hu)} tissues given, at least {FEWEST_TISSUES} are needed.",
            "Add tissues, or give a calibration line.",
        )
    tissues, measured = list(hu), np.array(list(hu.values()), dtype=np.float64)
    table = np.array([published_attenuation(tissue, ENERGIES_KEV) for tissue in tissues])
    centred = measured - measured.mean()
    spread = table - table.mean(axis=0)
    r_squared = (centred @ spread) ** 2 / ((centred @ centred) * (spread**2).sum(axis=0))
    best = int(np.argmax(r_squared))
    energy, attenuation = float(ENERGIES_KEV[best]), table[:, best]
    water, salt, fat = (float(published_attenuation(name, energy)) for name in (WATER, K2HPO4, TRIGLYCERIDE))
    u_slope, u_intercept = np.polyfit(measured, attenuation, 1)
    rho_slope, rho_intercept = np.polyfit(measured, (measured / 1000 + 1) * water / attenuation, 1)
    return PublishedFit(
        energy, float(r_squared[best]), float(u_slope), float(u_intercept), float(rho_slope), float(rho_intercept),
        salt, fat, water,
    )  # fmt: skip
