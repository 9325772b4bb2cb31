"""From HU to bone mineral density: given line, phantom rods, or a generic line with an honest uncertainty.

Densities are mg/cc K2HPO4-equivalent; a line is density = slope * HU + intercept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spondyl.core.errors import InvalidAnswer
from spondyl.values.density import Calibration

SLOPE_BOUNDS = (0.3, 2.0)
"""Own choice: mg/cc per HU; published lines at 80 to 140 kVp lie between 0.6 and 1.1."""
INTERCEPT_BOUND_MG_CC = 100.0
"""Own choice: water must come out as nearly mineral-free."""
ROD_BOUNDS_MG_CC = (-200.0, 2000.0)
"""Own choice: rods run from fat-equivalent (below zero) to dense cortex."""

_REFERENCE_KVP = 120.0
_SLOPE_AT_REFERENCE, _INTERCEPT_MG_CC = 0.70, 17.8
"""QCT = 17.8 + 0.7 HU in 902 vertebral bodies without contrast, r = 0.944 (buenger2021). The tube voltage is not in
the abstract; 120 kVp is taken, the voltage of routine body CT."""
_SLOPE_RATIO_OF_KVP = {80.0: 0.75, 100.0: 0.89, 120.0: 1.0, 140.0: 1.07}
"""Own estimate, unverified: mineral attenuates more at low voltage. For bone with marrow one physical model gives
0.93 at 100 and 1.05 at 140 kVp (bone alone more), so the uncertainty below covers the difference."""
_SLOPE_SD_SHARE_AT_REFERENCE = 0.11
"""Scanners differ by 9.2 % (sd) at one voltage (skornitzke2022); own choice: a little more for salt and phantom, so
that 0.85 mg/cc per HU, often used at 120 kVp, lies within two sd."""
_SLOPE_SD_SHARE_ELSEWHERE = 0.20
_SLOPE_SD_SHARE_FAR_OUTSIDE = 0.28
"""Lines taken from another tube voltage (80 to 150 kVp) err by 28.2 % (sd; skornitzke2022)."""
_INTERCEPT_SD_MG_CC = 10.0
"""Own choice: patient size and beam hardening shift the HU of one density by about this much."""
_SAME_KVP = 2.5

CONTRAST_RISE_HU = (14.1, 18.0)
"""L1 of 53 patients with cancer: 112.1 HU unenhanced, 126.2 arterial, 130.1 portal venous (pompe2015).
In 20 374 adults the effect was small above 40 years (jang2019): this is the larger of two published effects."""


def given_line(slope: float, intercept: float) -> Calibration:
    """A line the user knows, taken as exact. Raises InvalidAnswer for one no scanner has."""
    _check_line(slope, intercept, "the calibration line")
    return Calibration(slope, intercept, 0.0, 0.0, "given line", notes=("The line was given and is taken as exact.",))


def from_rods(hu: Sequence[float], mg_cc: Sequence[float]) -> Calibration:
    """Least squares through the mean HU of a phantom's rods and their known densities.

    Standard errors are those of the fit (n - 2 degrees of freedom). Raises InvalidAnswer for fewer than three
    rods, rods that do not rise together, or a line no scanner has.
    """
    x, y = np.asarray(hu, dtype=np.float64), np.asarray(mg_cc, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise InvalidAnswer(
            f"phantom rods: {x.size} HU values but {y.size} densities.", "Give one density for each rod."
        )
    if x.size < 3:
        raise InvalidAnswer(
            f"phantom rods: {x.size} given, at least 3 are needed to know how good the line is.",
            "Measure more rods, or give the line itself.",
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidAnswer("phantom rods: a value is not a number.", "Check the rods' entries.")
    if y.min() < ROD_BOUNDS_MG_CC[0] or y.max() > ROD_BOUNDS_MG_CC[1]:
        raise InvalidAnswer(
            f"phantom rods: densities from {y.min():g} to {y.max():g} mg/cc.", "Give them in mg/cc (not g/cc or HU)."
        )
    spread = float(((x - x.mean()) ** 2).sum())
    if spread == 0.0 or float(np.ptp(y)) == 0.0:
        raise InvalidAnswer("phantom rods: all rods have the same value.", "Give rods of different density.")
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    intercept = float(y.mean() - slope * x.mean())
    _check_line(slope, intercept, "the line through the phantom rods")
    variance = float(((y - slope * x - intercept) ** 2).sum()) / (x.size - 2)
    return Calibration(
        slope,
        intercept,
        math.sqrt(variance / spread),
        math.sqrt(variance * (1 / x.size + float(x.mean()) ** 2 / spread)),
        "phantom rods",
        notes=(f"Line through {x.size} rods, residual {math.sqrt(variance):.1f} mg/cc.",),
        covariance=-variance * float(x.mean()) / spread,
    )


def generic(kvp: float | None) -> Calibration:
    """A published line for a scan that was not calibrated, with the scatter between scanners as its uncertainty.

    At 120 kVp the line is published (buenger2021); at other voltages its slope is scaled by an own, unverified
    estimate with a wider uncertainty; an unknown voltage is taken as 120 kVp with that wider uncertainty.
    """
    used = _REFERENCE_KVP if kvp is None else kvp
    table = sorted(_SLOPE_RATIO_OF_KVP.items())
    ratio = float(np.interp(used, [voltage for voltage, _ in table], [value for _, value in table]))
    notes = [
        "The scan is not calibrated: densities come from a published line of other scanners, whose phantom salt "
        "(taken as K2HPO4) and tube voltage (taken as 120 kVp) its abstract does not state."
    ]
    if kvp is None:
        share = _SLOPE_SD_SHARE_ELSEWHERE
        notes.append("The tube voltage is unknown and was taken as 120 kVp; the uncertainty is widened for it.")
    elif abs(kvp - _REFERENCE_KVP) <= _SAME_KVP:
        share = _SLOPE_SD_SHARE_AT_REFERENCE
    elif table[0][0] <= kvp <= table[-1][0]:
        share = _SLOPE_SD_SHARE_ELSEWHERE
        notes.append(f"The slope for {kvp:g} kVp is an unverified estimate; the uncertainty is widened for it.")
    else:
        share = _SLOPE_SD_SHARE_FAR_OUTSIDE
        notes.append(f"No line is known near {kvp:g} kVp: the nearest is used with a very wide uncertainty.")
    slope = _SLOPE_AT_REFERENCE * ratio
    return Calibration(
        slope,
        _INTERCEPT_MG_CC,
        slope * share,
        _INTERCEPT_SD_MG_CC,
        "generic, tube voltage unknown" if kvp is None else f"generic {kvp:g} kVp",
        ("buenger2021", "skornitzke2022"),
        tuple(notes),
    )


def with_contrast_note(calibration: Calibration, contrast: bool | None) -> Calibration:
    """The same line with what intravenous contrast does to it: a stated bias upward, and a wider intercept.

    Contrast is not corrected for, since its rise depends on phase and dose. Where it is unknown, half of the
    rise (own choice) enters the uncertainty. No contrast leaves the line as it is.
    """
    if contrast is False:
        return calibration
    low, high = (calibration.slope_mg_cc_per_hu * rise for rise in CONTRAST_RISE_HU)
    bias = f"{low:.0f} (arterial) to {high:.0f} mg/cc (portal venous)"
    if contrast:
        widening = (low + high) / 2
        text = f"Intravenous contrast was given: densities come out too high, by about {bias}; not corrected."
    else:
        widening = (low + high) / 4
        text = f"Whether intravenous contrast was given is unknown: if so, densities come out too high by about {bias}."
    return replace(
        calibration,
        intercept_sd=math.hypot(calibration.intercept_sd, widening),
        citations=tuple(dict.fromkeys((*calibration.citations, "pompe2015", "jang2019"))),
        notes=(*calibration.notes, text),
    )


def _check_line(slope: float, intercept: float, what: str) -> None:
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise InvalidAnswer(f"{what} is not made of numbers.", "Give slope and intercept as numbers.")
    if not SLOPE_BOUNDS[0] <= slope <= SLOPE_BOUNDS[1]:
        raise InvalidAnswer(
            f"{what} has a slope of {slope:g} mg/cc per HU; scanners have {SLOPE_BOUNDS[0]:g} to {SLOPE_BOUNDS[1]:g}.",
            "Check the order of HU and density and their units (mg/cc, not g/cc).",
        )
    if abs(intercept) > INTERCEPT_BOUND_MG_CC:
        raise InvalidAnswer(
            f"{what} gives water {intercept:g} mg/cc of mineral; at most {INTERCEPT_BOUND_MG_CC:g} is plausible.",
            "Check the intercept and its sign.",
        )
