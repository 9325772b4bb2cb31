"""Internal calibration on made spines: their mineral is known, their soft tissues are not those of ICRU-44."""

from __future__ import annotations

import pytest

from spondyl.anatomy.levels import Level
from spondyl.imaging.internal import internal
from spondyl.phantoms.phantom import make
from spondyl.phantoms.spec import PhantomSpec
from spondyl.values.scan import CtScan


def phantom(kvp: float, contrast: str) -> PhantomSpec:
    return PhantomSpec.model_validate(
        {
            "seed": 1207,
            "person": {"sex": "female", "age": 62.0},
            "scan": {"first": "T9", "last": "T11"},
            "scanner": {"voxel_mm": 1.0, "slice_spacing_mm": 2.5, "slice_thickness_mm": 2.5, "kvp": kvp}
            | {"contrast": contrast, "noise_hu": 15.0},
        }
    )


@pytest.mark.parametrize(("kvp", "contrast"), [(120.0, "none"), (100.0, "portal")])
def test_the_truth_lies_in_the_interval(kvp: float, contrast: str) -> None:
    made = make(phantom(kvp, contrast))
    line = internal(CtScan(made.ct, kvp, None, None, 2.5, "made", ""), made.level_map)
    assert line.method == "internal"
    assert line.contrast is not None
    assert line.contrast.present is (contrast != "none")
    levels = {name: entry["trabecular"] for name, entry in made.truth["levels"].items()}
    assert set(levels) >= {Level.T9.name, Level.T10.name}
    for truth in levels.values():
        error = line.density_mg_cc(truth["hu_as_scanned"]) - truth["mg_cc_k2hpo4"]
        assert abs(error) < 1.96 * line.sd_mg_cc(truth["hu_as_scanned"])
