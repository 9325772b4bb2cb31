"""Internal calibration: the patient's own tissues put the scan's HU on the physical scale, then HU become density.

A tissue of known composition and density has at an effective energy E a known HU. The measured HU are taken as
`gain * HU(E) + offset`; E, gain and offset are found by least squares over the tissues, each weighed by how much it
differs between people, and over what is known beforehand: E from the tube voltage, gain and offset from how well
scanners keep water and air. Density is then that of K2HPO4 dissolved in water with the same HU, which is what a
phantom on the table measures (mindways2011). The published way (`imaging.michalski`) finds its energy otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spondyl.imaging import calibration as lines
from spondyl.imaging.attenuation import K2HPO4, TRIGLYCERIDE, WATER, hu_of, mass_attenuation, tissue_hu
from spondyl.imaging.contrast import detect_contrast
from spondyl.imaging.gate.metal import unusable_voxels
from spondyl.imaging.michalski import published_fit
from spondyl.imaging.rods import DISPLACED_MG_PER_MG, WATER_MG_CC
from spondyl.imaging.tissues import find_tissues
from spondyl.values.density import Calibration, ContrastFinding, Tissue, TissueSample
from spondyl.values.level_map import LevelMap
from spondyl.values.scan import CtScan

FEWEST_TISSUES = 3
ENERGY_OF_KVP_KEV = {80.0: 55.5, 100.0: 63.0, 120.0: 70.0, 140.0: 76.0}
"""Energy at which K2HPO4 and water attenuate in the ratio that they have under the whole spectrum: own calculation
(tungsten after Kramers, 9 mm aluminium, 25 cm of water, a gadolinium detector that adds up energy; repeated in
`tests/imaging/test_internal.py`)."""
ENERGY_SD_KEV = 3.5
"""20 to 32 cm of water move the calculated energy by 2 to 3 keV; own choice: a little more for the filter."""
UNKNOWN_KVP_ENERGY_KEV, UNKNOWN_KVP_SD_KEV = 70.0, 6.0
"""120 kVp, the voltage of routine body CT; own choice: 100 and 140 kVp lie one sd away."""
ENERGY_BOUNDS_KEV = (45.0, 110.0)
OFFSET_SD_HU, GAIN_SD = 10.0, 0.03
"""Own choice: water is kept within 5 HU in quality control, and hardening in a large body shifts it as much again;
air in real scans lies within 4 % of its place."""
SD_HU = {Tissue.AIR: 8.0, Tissue.FAT: 15.0, Tissue.MUSCLE: 12.0, Tissue.BLOOD: 12.0, Tissue.BONE: 60.0}
"""Own choice: how far a tissue of one person lies from the reference. Scatter from the body moves air; fat is half
way from adipose tissue of ICRU-44 (-76 HU at 70 keV) to pure triglyceride (-110 HU); fat between the fibres lowers
muscle and anaemia lowers blood by some 10 HU."""
MUSCLE_WITH_CONTRAST_HU, MUSCLE_WITH_CONTRAST_SD_HU = 10.0, 18.0
"""Psoas rises by 18 to 26 % with contrast medium (abstract of a study of 113 patients), about 10 HU."""
TRIGLYCERIDE_G_CC = 0.92
"""Own choice: density of human fat as a liquid, within 0.01."""
PUBLISHED_RMSD = 0.078
"""Internal calibration against QCT in 46 patients (kaesmacher2017): no line of ours claims to be better."""
CHECK_HU = 120.0
"""Trabecular bone of middle age, at which notes compare methods."""


def internal(
    scan: CtScan, levels: LevelMap, *, kvp: float | None = None, unusable: NDArray[np.bool_] | None = None
) -> Calibration:
    """A line from the patient's own tissues, or the generic one with the reason.

    scan: canonical, `levels` on its grid; kvp: the user's word, before the header's; unusable: metal and streaks
    (`gate.metal.unusable_voxels`, found here when None). Contrast medium is detected and stands in `contrast`, its
    effect in the intercept's sd and a note.
    """
    unusable = unusable_voxels(scan.volume) if unusable is None else unusable
    samples = find_tissues(scan.volume, levels, unusable=unusable if unusable.any() else None)
    return from_tissues(samples, kvp or scan.kvp, header=scan.contrast)


def from_tissues(samples: Sequence[TissueSample], kvp: float | None, *, header: bool | None = None) -> Calibration:
    """As `internal`, from samples. `header`: whether the header says that contrast medium was given."""
    contrast = detect_contrast(samples, header)
    enhanced = contrast.present is True or ((contrast.rise_hu or 0.0) > 0 and contrast.present is None)
    judged = tuple(_without_contrast(sample) if enhanced else sample for sample in samples)
    used = [sample for sample in judged if sample.used]
    line = _too_few(judged, kvp) if len(used) < FEWEST_TISSUES else _fitted(used, kvp, enhanced)
    line = replace(line, tissues=judged, contrast=contrast)
    return lines.with_contrast_note(_with_reason(line, contrast), contrast.present)


def _without_contrast(sample: TissueSample) -> TissueSample:
    if sample.tissue is not Tissue.BLOOD or not sample.used:
        return sample
    return replace(sample, used=False, reason=f"{sample.reason}; left out, it holds contrast medium.")


def _with_reason(line: Calibration, contrast: ContrastFinding) -> Calibration:
    return replace(line, notes=(*line.notes, contrast.reason))


def _too_few(samples: Sequence[TissueSample], kvp: float | None) -> Calibration:
    line = lines.generic(kvp)
    found = [sample.tissue.value for sample in samples if sample.used]
    missing = "; ".join(f"{sample.tissue.value}: {sample.reason}" for sample in samples if not sample.used)
    text = (
        f"Internal calibration needs {FEWEST_TISSUES} tissues and found {len(found)} "
        f"({', '.join(found) or 'none'}): a published line was taken instead. {missing}"
    )
    return replace(line, notes=(text, *line.notes))


def _fitted(used: Sequence[TissueSample], kvp: float | None, enhanced: bool) -> Calibration:
    energy, gain, offset, covariance = fit_scale(used, kvp, enhanced=enhanced)
    state = np.array([energy, gain, offset])
    line = density_line(*state)
    # How slope and intercept answer to energy, gain and offset, by central differences.
    steps = np.array([0.1, 1e-4, 0.1])
    answer = np.array([np.subtract(density_line(*(state + d)), density_line(*(state - d))) for d in np.diag(steps)])
    jacobian = (answer / (2 * steps[:, None])).T
    (slope_var, cross), (_, intercept_var) = jacobian @ covariance @ jacobian.T
    slope_sd = max(float(np.sqrt(slope_var)), PUBLISHED_RMSD * line[0])
    correlation = float(cross / np.sqrt(slope_var * intercept_var))
    intercept_sd = float(np.sqrt(intercept_var))
    return Calibration(
        slope_mg_cc_per_hu=line[0],
        intercept_mg_cc=line[1],
        slope_sd=slope_sd,
        intercept_sd=intercept_sd,
        method="internal",
        citations=("hubbell1995", "kaesmacher2017", "michalski2020", "mindways2011", "newville_xraydb"),
        notes=_notes(used, kvp, (energy, gain, offset), line),
        covariance=correlation * slope_sd * intercept_sd,
        effective_energy_kev=energy,
    )


def fit_scale(
    used: Sequence[TissueSample], kvp: float | None, *, enhanced: bool = False
) -> tuple[float, float, float, NDArray[np.float64]]:
    """Effective energy [keV], gain, offset [HU] and their covariance (3, 3)."""
    from scipy.optimize import least_squares

    expected, energy_sd = energy_of(kvp)

    def residuals(state: NDArray[np.float64]) -> NDArray[np.float64]:
        energy, gain, offset = state
        prior = [(energy - expected) / energy_sd, (gain - 1) / GAIN_SD, offset / OFFSET_SD_HU]
        return np.array([*prior, *(_residual(sample, energy, gain, offset, enhanced) for sample in used)])

    low, high = ENERGY_BOUNDS_KEV
    start = [expected, 1.0, 0.0]
    found = least_squares(residuals, start, bounds=([low, 0.8, -100], [high, 1.2, 100]), x_scale=[5.0, 0.02, 5.0])
    covariance = np.linalg.inv(found.jac.T @ found.jac)
    # Tissues that agree worse than their scatter allows make every estimate less certain.
    surplus = float(2 * found.cost) / len(used)
    energy, gain, offset = (float(value) for value in found.x)
    return energy, gain, offset, covariance * max(1.0, surplus)


def _residual(sample: TissueSample, energy: float, gain: float, offset: float, enhanced: bool) -> float:
    """In sds; compact bone counts only where it is denser than bone can be at this energy."""
    expected, sd = reference_hu(sample.tissue, energy), SD_HU[sample.tissue]
    if sample.tissue is Tissue.MUSCLE and enhanced:
        expected, sd = expected + MUSCLE_WITH_CONTRAST_HU, MUSCLE_WITH_CONTRAST_SD_HU
    residual = (sample.hu - gain * expected - offset) / sd
    return max(residual, 0.0) if sample.tissue is Tissue.BONE else residual


def energy_of(kvp: float | None) -> tuple[float, float]:
    """Effective energy expected at a tube voltage and its sd, in keV."""
    if kvp is None:
        return UNKNOWN_KVP_ENERGY_KEV, UNKNOWN_KVP_SD_KEV
    table = sorted(ENERGY_OF_KVP_KEV.items())
    expected = float(np.interp(kvp, [voltage for voltage, _ in table], [energy for _, energy in table]))
    outside = max(table[0][0] - kvp, kvp - table[-1][0], 0.0)
    return expected, ENERGY_SD_KEV + outside / 5


def reference_hu(tissue: Tissue, energy_kev: float) -> float:
    """HU expected of a tissue at an effective energy; fat half way from adipose tissue to triglyceride."""
    listed = tissue_hu(tissue, energy_kev)
    if tissue is not Tissue.FAT:
        return listed
    pure = float(hu_of(TRIGLYCERIDE_G_CC * mass_attenuation(TRIGLYCERIDE, energy_kev), energy_kev)[0])
    return 0.5 * (listed + pure)


def density_line(energy_kev: float, gain: float, offset_hu: float) -> tuple[float, float]:
    """(slope, intercept) of density [mg/cc K2HPO4 dissolved in water] over measured HU."""
    ratio = float((mass_attenuation(K2HPO4, energy_kev) / mass_attenuation(WATER, energy_kev))[0])
    # A litre of solution: the salt's attenuation more, that of the water it displaces less.
    slope = 1.0 / (gain * (ratio - DISPLACED_MG_PER_MG))
    water_hu = gain * (WATER_MG_CC - 1000.0) + offset_hu
    return slope, -slope * water_hu


def _notes(
    used: Sequence[TissueSample], kvp: float | None, scale: tuple[float, float, float], line: tuple[float, float]
) -> tuple[str, ...]:
    energy, gain, offset = scale
    measured = ", ".join(f"{sample.tissue.value} {sample.hu:.0f} HU" for sample in used)
    notes = [
        f"Calibrated by the patient's own tissues ({measured}): effective energy {energy:.0f} keV, HU scale "
        f"{100 * gain:.1f} % with {offset:+.0f} HU at water."
    ]
    if kvp is None:
        notes.append(
            "The tube voltage is unknown and was taken as about 120 kVp; tissues tell little of it, so that a scan at "
            "100 or 140 kVp would read some 10 % too high or too low."
        )
    published = published_fit({sample.tissue: sample.hu for sample in used})
    notes.append(
        f"At {CHECK_HU:.0f} HU this line gives {line[0] * CHECK_HU + line[1]:.0f} mg/cc, the published two-component "
        f"reading of the same tissues (michalski2020) {published.density_mg_cc(CHECK_HU):.0f} mg/cc."
    )
    return tuple(notes)
