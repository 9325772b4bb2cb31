"""Rods measured in a made scan, and Mindways' equations against the physics of salt dissolved in water."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import hu_of_solution
from scipy import stats

from spondyl.core.errors import InvalidAnswer
from spondyl.core.volume import Volume
from spondyl.imaging.internal import density_line
from spondyl.imaging.rods import from_measured, from_mindways, rods_by_centre, rods_by_label

MG_CC = {1: 0.0, 2: 50.0, 3: 100.0, 4: 200.0}
# A phantom of five solid rods: water and K2HPO4 equivalents in mg/cc, as a certificate states them.
WATER = np.array([1012.2, 1057.0, 1103.6, 1119.5, 923.2])
SALT = np.array([-51.8, -53.4, 58.9, 157.0, 375.8])


def scan(noise_hu: float = 20.0) -> tuple[Volume, Volume, np.ndarray]:
    """Four rods of 9 mm radius along z at 70 keV in soft tissue; their centres."""
    spacing, shape = (1.0, 1.0, 2.5), (140, 60, 20)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -70.0, 20.0, 5.0
    x, y = np.meshgrid(np.arange(140) - 70.0, np.arange(60) + 20.0, indexing="ij")
    hu, labels = np.full(shape[:2], 60.0), np.zeros(shape, dtype=np.uint8)
    centres = [(-48.0 + 32 * n, 50.0, 30.0) for n in range(4)]
    for number, (cx, cy, _) in enumerate(centres, start=1):
        rod = np.hypot(x - cx, y - cy) < 9
        hu[rod] = hu_of_solution(MG_CC[number], 70.0)
        labels[rod] = number
    array = np.repeat(hu[:, :, None], 20, axis=2) + np.random.default_rng(4).normal(0, noise_hu, shape)
    return Volume(array.astype(np.float32), affine, "HU"), Volume(labels, affine, "label"), np.array(centres)


def test_rods_give_the_line_of_the_energy() -> None:
    ct, labels, _ = scan()
    line = from_measured(rods_by_label(ct, labels), MG_CC)
    for mg_cc in (30.0, 120.0, 250.0):
        hu = hu_of_solution(mg_cc, 70.0)
        assert line.density_mg_cc(hu) == pytest.approx(mg_cc, abs=2.0)
        assert abs(line.density_mg_cc(hu) - mg_cc) < 4 * line.sd_mg_cc(hu)


def test_centres_and_labels_measure_the_same() -> None:
    ct, labels, centres = scan()
    assert rods_by_centre(ct, centres, 9.0) == pytest.approx(list(rods_by_label(ct, labels).values()), abs=3.0)


def test_sd_at_a_density_is_that_of_the_regression() -> None:
    """Standard error of a fitted mean, smallest at the rods' own mean HU (textbook)."""
    ct, labels, _ = scan(60.0)
    hu = rods_by_label(ct, labels)
    line = from_measured(hu, MG_CC)
    x, y = np.array(list(hu.values())), np.array(list(MG_CC.values()))
    fit = stats.linregress(x, y)
    residual = np.sqrt(((y - fit.slope * x - fit.intercept) ** 2).sum() / (x.size - 2))
    for at in (0.0, float(x.mean()), 300.0):
        textbook = residual * np.sqrt(1 / x.size + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
        assert line.sd_mg_cc(at) == pytest.approx(textbook)


@pytest.mark.parametrize("kev", [60.0, 70.0, 80.0])
def test_mindways_equations_are_the_physics_of_a_solution(kev: float) -> None:
    """Rods that attenuate as so much water and so much salt: the line is that of salt dissolved in water."""
    sigma = (hu_of_solution(1000.0, kev) - hu_of_solution(0.0, kev)) / 1000.0 + 0.2174
    hu = WATER + sigma * SALT - 1000.0
    line = from_mindways(list(hu), list(WATER), list(SALT))
    slope, intercept = density_line(kev, 1.0, 0.0)
    assert line.slope_mg_cc_per_hu == pytest.approx(slope, rel=1e-4)
    assert line.intercept_mg_cc == pytest.approx(intercept, abs=1e-2)
    assert line.slope_sd == pytest.approx(0.0, abs=1e-6)
    for mg_cc in (0.0, 80.0, 200.0):
        assert line.density_mg_cc(hu_of_solution(mg_cc, kev)) == pytest.approx(mg_cc, abs=0.05)


def test_mindways_errors_are_those_of_repeated_scans() -> None:
    rng = np.random.default_rng(8)
    exact = WATER + 1.55 * SALT - 1000.0
    fits = [from_mindways(list(exact + rng.normal(0, 4, 5)), list(WATER), list(SALT)) for _ in range(1500)]
    for hu in (0.0, 150.0):
        seen = np.std([fit.density_mg_cc(hu) for fit in fits])
        assert np.sqrt(np.mean([fit.sd_mg_cc(hu) ** 2 for fit in fits])) == pytest.approx(seen, rel=0.08)


def test_what_can_not_be_measured_is_refused() -> None:
    ct, labels, centres = scan()
    with pytest.raises(InvalidAnswer, match="rod 1 holds"):
        rods_by_centre(ct, centres, 2.5)
    with pytest.raises(InvalidAnswer, match="no density for label 4"):
        from_measured(rods_by_label(ct, labels), {1: 0.0, 2: 50.0, 3: 100.0})
    with pytest.raises(InvalidAnswer, match="not on the CT's grid"):
        rods_by_label(ct, labels.crop((0, 0, 0), (50, 50, 10)))
    with pytest.raises(InvalidAnswer, match="5 HU values, 4 of water"):
        from_mindways([0.0] * 5, [1000.0] * 4, [0.0] * 5)
    with pytest.raises(InvalidAnswer, match="at least 3"):
        from_mindways([0.0, 1.0], [1000.0, 1000.0], [0.0, 10.0])
