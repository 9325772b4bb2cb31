"""Every number has a status and a known source; the surface and the fits are those that are kept beside them."""

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from spondyl.core.citations import bibliography
from spondyl.core.errors import InvalidAnswer
from spondyl.natural_history.calibrate import identify
from spondyl.natural_history.fits import committed_fit
from spondyl.natural_history.parameters import SETS, load_set, over
from spondyl.natural_history.states import LEVELS, PRIMARIES
from spondyl.natural_history.targets import Free, read_targets

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.mark.parametrize("name", SETS)
def test_every_parameter_has_its_source(name):
    for path, entry in load_set(name).entries.items():
        assert entry.unit, path
        assert set(entry.citations) <= set(bibliography()), path
        assert entry.status != "source" or entry.citations, path
        assert entry.status == "source" or entry.why or entry.citations, path


@pytest.mark.parametrize("name", SETS)
def test_every_target_has_its_source(name):
    for target in read_targets(name).target:
        assert target.citations, target.figure
        assert set(target.citations) <= set(bibliography()), target.figure


def test_held_out_trials_are_fitted_nowhere():
    held_out = {"dearnaley2022", "gillespie2024", "sahgal2013"}
    for name in SETS:
        for target in read_targets(name).fitted():
            assert not held_out & set(target.citations)
    trials = tomllib.loads(files("spondyl.natural_history").joinpath("data", "trials.toml").read_text())["trial"]
    assert {key for trial in trials for key in trial["citations"]} == held_out


def test_tables_are_of_one_length():
    p = load_set("literature")
    for path in ("body.volume_mm3", "body.depth_mm", "canal.area_mm2", "canal.neural_mm2", "loads.profile"):
        assert p[path].shape == (len(LEVELS),)
    for path in ("growth.doubling_days", "people.age_mean_years", "survival.metastatic_median_months"):
        assert p[path].shape == (len(PRIMARIES),)
    assert np.allclose(p["growth.bone_type"].sum(axis=1), 1, atol=0.011)
    assert (p["canal.neural_mm2"] < p["canal.area_mm2"]).all()


def test_the_surface_is_the_one_that_was_fitted():
    kept = json.loads((RESULTS / "strength_surface.json").read_text())
    surface = load_set("literature")["weakening.surface"]
    assert np.allclose(surface, [kept[kind]["b"] for kind in ("lytic", "mixed", "blastic")], atol=1e-3)
    assert kept["lytic"]["rms_error_leaving_one_person_out"] < 0.06


@pytest.mark.parametrize("name", SETS)
def test_fits_are_kept_with_what_they_can_tell(name):
    fit = committed_fit(name)
    assert fit is not None
    assert {one["name"] for one in fit["free"]} == {free.name for free in read_targets(name).free}


def test_a_users_file_lies_over_its_base():
    changed = over({"set": {"base": "article", "title": "mine"}, "growth": {"capacity": 2.0}})
    assert changed.title == "mine"
    assert float(changed["growth.capacity"]) == 2.0
    assert np.array_equal(changed["seeding.organ_share"], load_set("article")["seeding.organ_share"])
    with pytest.raises(InvalidAnswer, match=r"growth\.kapacity"):
        over({"growth": {"kapacity": 2.0}})


def test_identification_of_a_known_problem():
    """Two parameters seen only by their sum are not pinned down, a third seen alone is, with the SD of its target."""
    free = tuple(Free(paths=(name,), low=0.1, high=10, start=1) for name in ("a", "b", "c"))
    jacobian = np.array([[10.0, 10.0, 0.0], [0.0, 0.0, 20.0]])
    bounds = np.log([0.1] * 3), np.log([10.0] * 3)
    a, b, c = identify(free, np.zeros(3), jacobian, *bounds)
    assert not a.pinned
    assert not b.pinned
    assert a.strongest_partner == "b"
    assert a.correlation == pytest.approx(-1, abs=1e-3)
    assert c.pinned
    assert c.relative_sd == pytest.approx(1 / 20)
