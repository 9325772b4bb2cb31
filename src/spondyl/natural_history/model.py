"""Parameters and policy as one record that compiled code reads: `model.growth_capacity` is 'growth.capacity'."""

from __future__ import annotations

from typing import Any

import numpy as np

from spondyl.natural_history.parameters import ParameterSet
from spondyl.natural_history.scenario import Scenario
from spondyl.natural_history.states import REGION_OF

_STARTS = {"diagnosis": 0, "known spinal metastasis": 1, "trial entry": 2}
_TRIALS = {"none": 0, "asymptomatic spinal metastases": 1, "high-risk asymptomatic metastasis": 2}
NO_LIMIT = 1e9


def model(parameters: ParameterSet, scenario: Scenario) -> Any:
    """A numpy record. Its layout is the same for every set and scenario, so that code is compiled once."""
    fields = {path.replace(".", "_"): entry.value for path, entry in sorted(parameters.entries.items())}
    fields |= {name: np.asarray(value, dtype=float) for name, value in _derived(parameters, scenario).items()}
    fields |= {name: np.asarray(value, dtype=float) for name, value in _policy(scenario).items()}
    record = np.zeros(1, np.dtype([(name, "f8", value.shape) for name, value in fields.items()]))
    for name, value in fields.items():
        record[name] = value
    return record[0]


def level_shares(parameters: ParameterSet) -> np.ndarray:
    """Where in the spine an arrival settles, (9 primaries, 25 levels), rows sum to 1.

    Active marrow by region [icrp145], within a region by level, times flow and the venous plexus of the primary.
    """
    within = parameters["seeding.level_share"].copy()
    for region in range(4):
        inside = region == REGION_OF
        within[inside] *= parameters["seeding.region_share"][region] / within[inside].sum()
    weights = within * parameters["seeding.flow"][REGION_OF] * parameters["seeding.plexus"][:, REGION_OF]
    return weights / weights.sum(axis=1, keepdims=True)


def _derived(parameters: ParameterSet, scenario: Scenario) -> dict[str, Any]:
    share = parameters["people.share"] * scenario.people.weights()
    share = np.append(share / share.sum() * (1 - parameters["people.spinal_primaries"]), 0.0)
    share[-1] = parameters["people.spinal_primaries"] * scenario.people.with_spinal_primaries
    canal_share = parameters["canal.area_mm2"] / parameters["canal.area_mm2"].sum()
    return {
        "primary_cumulative": np.cumsum(share / share.sum()),
        "level_cumulative": np.cumsum(level_shares(parameters), axis=1),
        "spinal_level_cumulative": np.cumsum(canal_share),
        "bone_type_cumulative": np.cumsum(parameters["growth.bone_type"], axis=1),
        "compartment_cumulative": np.cumsum(parameters["seeding.primary_compartments"]),
        "collapse_cumulative": np.cumsum(parameters["loads.collapse"]),
    }


def _policy(scenario: Scenario) -> dict[str, float]:
    scan, care, trial = scenario.surveillance, scenario.care, scenario.trial
    return {
        "horizon_days": scenario.years * 365.25,
        "scan_interval_days": scan.interval_days or 0.0,
        "scan_start": _STARTS[scan.start],
        "scan_delay_days": scan.first_after_days,
        "scan_sensitivity": scan.sensitivity,
        "scan_only_after_finding": float(scan.only_while_compression_was_found),
        "staging": float(care.staging_at_first_metastasis),
        "preemptive_grade": 99 if care.preemptive_from_grade is None else care.grade_number(),
        "prophylactic_share": NO_LIMIT if care.prophylactic_from_share is None else care.prophylactic_from_share,
        "silent_only_in_trial": float(care.silent_only_in_trial),
        "all_stereotactic": float(care.stereotactic_only),
        "trial_kind": _TRIALS[trial.entry],
        "trial_delay_days": trial.delay_days,
        "trial_share": trial.high_risk_share,
    }
