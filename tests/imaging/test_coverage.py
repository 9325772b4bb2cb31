"""How often the 95 % interval of an internal calibration holds the truth when scanners and patients differ.

Phantoms share one scanner scale, so that they can't tell: here energy, gain and offset of the scanner and the tissues
of the patient are drawn as widely as `imaging.internal` says that they differ.
"""

from __future__ import annotations

import numpy as np
import pytest
from bodies import hu_of_solution, hu_of_tissue

from spondyl.imaging.internal import from_tissues
from spondyl.values.density import Tissue, TissueSample

DRAWS = 150
SCATTER_HU = {Tissue.AIR: 8.0, Tissue.FAT: 15.0, Tissue.MUSCLE: 12.0, Tissue.BLOOD: 12.0}


@pytest.mark.parametrize("mg_cc", [50.0, 120.0, 200.0])
def test_intervals_hold_the_truth_about_as_often_as_they_say(mg_cc: float) -> None:
    rng = np.random.default_rng(int(mg_cc))
    inside, ratios = 0, []
    for _ in range(DRAWS):
        energy, gain, offset = rng.normal(70.0, 3.5), rng.normal(1.0, 0.03), rng.normal(0.0, 10.0)
        seen = {t: gain * rng.normal(hu_of_tissue(t.value, energy), sd) + offset for t, sd in SCATTER_HU.items()}
        samples = [TissueSample(tissue, hu, 10.0, 1e4, None, True, "") for tissue, hu in seen.items()]
        line = from_tissues(samples, 120.0, header=False)
        hu = gain * hu_of_solution(mg_cc, energy) + offset
        error, sd = line.density_mg_cc(hu) - mg_cc, line.sd_mg_cc(hu)
        inside += abs(error) <= 1.96 * sd
        ratios.append(error / sd)
    assert 0.93 <= inside / DRAWS <= 0.999
    assert np.std(ratios) > 0.5  # an interval twice as wide as need be would hold everything
