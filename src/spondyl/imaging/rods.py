"""Rods of a calibration phantom under the patient: measured in the scan, and the line through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from spondyl.core.errors import InvalidAnswer
from spondyl.core.volume import Volume
from spondyl.imaging.calibration import from_rods, given_line
from spondyl.values.density import Calibration

RIM_MM = 2.0
"""Own choice: a rod's border is smeared by about this much."""
FEWEST_VOXELS, FEWEST_RODS = 20, 3
DISPLACED_MG_PER_MG, WATER_MG_CC = 0.2174, 999.6
"""Water that 1 mg of dissolved K2HPO4 displaces, and water's density (mindways2011)."""


def rods_by_label(ct: Volume, rods: Volume) -> dict[int, float]:
    """Median HU of each label of `rods` (on the grid of `ct`), less its rim. Raises InvalidAnswer for a thin one."""
    if not ct.same_grid(rods):
        raise InvalidAnswer("phantom rods: their mask is not on the CT's grid.", "Give a mask of this CT.")
    found = {}
    for number, box in enumerate(ndimage.find_objects(rods.array), start=1):
        if box is None:
            continue
        mask = np.pad(rods.array[box] == number, 1)
        inner = ndimage.distance_transform_edt(mask, sampling=ct.spacing_mm)[1:-1, 1:-1, 1:-1] > RIM_MM
        found[number] = _median(ct.array[box][inner], f"rod {number}")
    return found


def rods_by_centre(ct: Volume, centres_mm: ArrayLike, radius_mm: float) -> list[float]:
    """Median HU around each centre (LPS, (n, 3)): in a sphere of the rod's radius less its rim."""
    inner = radius_mm - RIM_MM
    reach = [int(np.ceil(max(inner, 0.0) / step)) for step in ct.spacing_mm]
    found = []
    for number, centre in enumerate(np.atleast_2d(np.asarray(centres_mm, dtype=np.float64)), start=1):
        middle = np.rint(ct.to_index(centre)).astype(int)
        start = (middle[0] - reach[0], middle[1] - reach[1], middle[2] - reach[2])
        stop = (middle[0] + reach[0] + 1, middle[1] + reach[1] + 1, middle[2] + reach[2] + 1)
        crop = ct.crop(start, stop)
        points = crop.to_lps(np.moveaxis(np.indices(crop.shape), 0, -1))
        near = np.linalg.norm(points - centre, axis=-1) <= inner
        found.append(_median(crop.array[near], f"rod {number}"))
    return found


def from_measured(hu: Mapping[int, float], mg_cc: Mapping[float, float]) -> Calibration:
    """Line through labelled rods whose densities are known.

    Raises InvalidAnswer for a label without a density, or a density without a label.
    """
    if lost := sorted(set(hu) - set(mg_cc)):
        raise InvalidAnswer(f"phantom rods: no density for label {', '.join(map(str, lost))}.", "Give one for each.")
    if absent := sorted(set(mg_cc) - set(hu)):
        found = ", ".join(map(str, sorted(hu)))
        raise InvalidAnswer(
            f"phantom rods: the mask holds no label {', '.join(f'{label:g}' for label in absent)} (it holds {found}).",
            "Name its labels.",
        )
    return from_rods([hu[number] for number in hu], [mg_cc[number] for number in hu])


def from_mindways(hu: Sequence[float], water_mg_cc: Sequence[float], k2hpo4_mg_cc: Sequence[float]) -> Calibration:
    """The line of a phantom whose rods state their water and K2HPO4 equivalents, as Mindways' certificate does.

    HU - water = sigma * K2HPO4 + beta over the rods; dissolved salt displaces water, so that a solution has
    HU = (sigma - 0.2174) * density + beta + 999.6 (mindways2011), which is turned round. Raises InvalidAnswer for
    fewer than three rods, unequal lists, or a line no scanner has.
    """
    salt, seen = np.asarray(k2hpo4_mg_cc, dtype=np.float64), np.asarray(hu, dtype=np.float64)
    water = np.asarray(water_mg_cc, dtype=np.float64)
    if not salt.shape == seen.shape == water.shape:
        raise InvalidAnswer(
            f"phantom rods: {seen.size} HU values, {water.size} of water and {salt.size} of K2HPO4.",
            "Give all three for each rod.",
        )
    if seen.size < FEWEST_RODS or float(np.ptp(salt)) == 0.0:
        raise InvalidAnswer(
            f"phantom rods: {np.unique(salt).size} densities, at least {FEWEST_RODS} are needed.", "Measure more rods."
        )
    spread = float(((salt - salt.mean()) ** 2).sum())
    sigma = float(((salt - salt.mean()) * (seen - water)).sum()) / spread
    beta = float((seen - water).mean() - sigma * salt.mean())
    variance = float(((seen - water - sigma * salt - beta) ** 2).sum()) / (salt.size - 2)
    sigma_ct, beta_ct = sigma - DISPLACED_MG_PER_MG, beta + WATER_MG_CC
    line = given_line(1.0 / sigma_ct, -beta_ct / sigma_ct)
    # Slope 1/sigma and intercept -beta/sigma, each to first order in the errors of sigma and beta.
    errors = variance * np.array(
        [[1 / spread, -salt.mean() / spread], [0.0, 1 / salt.size + salt.mean() ** 2 / spread]]
    )
    errors[1, 0] = errors[0, 1]
    jacobian = np.array([[-1 / sigma_ct**2, 0.0], [beta_ct / sigma_ct**2, -1 / sigma_ct]])
    (slope_var, covariance), (_, intercept_var) = jacobian @ errors @ jacobian.T
    return replace(
        line,
        slope_sd=float(np.sqrt(slope_var)),
        intercept_sd=float(np.sqrt(intercept_var)),
        covariance=float(covariance),
        method="phantom rods (Mindways)",
        citations=("mindways2011",),
        notes=(f"Line through {salt.size} rods, residual {np.sqrt(variance) / sigma_ct:.1f} mg/cc.",),
    )


def _median(values: np.ndarray, name: str) -> float:
    if values.size < FEWEST_VOXELS:
        raise InvalidAnswer(
            f"phantom rods: {name} holds {values.size} voxels {RIM_MM:g} mm inside its border.",
            "Check its mask or centre and radius.",
        )
    return float(np.median(values))
