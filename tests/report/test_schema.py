"""assessment.json against its own schema, and the promises its readers rely on."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from typing import Any

import jsonschema
import numpy as np
import pytest
from rich_case import rich_case
from synthetic_case import synthetic_case

from data import ROOT
from spondyl.core.errors import RuleError
from spondyl.report import calibration_parts, canal_parts, fracture_parts, lesion_parts, parts, strength_parts
from spondyl.report import schema as whole
from spondyl.report.schema import Assessment, from_case, json_schema
from spondyl.values import canal, density, fracture, lesion, quality, score, strength, vertebra

KEYS = {
    "schema_version",
    "inputs",
    "quality",
    "vertebrae",
    "urgency",
    "classification",
    "calibration",
    "citations",
    "provenance",
    "disclaimer",
}
VERTEBRA_KEYS = {
    "level",
    "status",
    "reasons",
    "warnings",
    "geometry",
    "density",
    "lesions",
    "canal",
    "strength",
    "loads",
    "sins",
}


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    return json.loads(from_case(synthetic_case()).to_json())


def test_validates_against_the_published_schema(written: dict[str, Any]) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(written)
    written_wrong = written | {"schema_version": 7}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(written_wrong)


def test_reads_back_into_the_models(written: dict[str, Any]) -> None:
    assert json.loads(Assessment.model_validate(written).to_json()) == written


def test_holds_the_promised_keys(written: dict[str, Any]) -> None:
    assert set(written) >= KEYS
    for entry in written["vertebrae"]:
        assert set(entry) >= VERTEBRA_KEYS
    strength = written["vertebrae"][1]["strength"]
    assert set(strength) >= {"stiffness_n_per_mm", "failure_load_n", "failure_load_interval_n", "method"}
    assert strength["criteria"]["peak"] == strength["failure_load_n"]
    assert len(strength["curve"]["strain"]) == len(strength["curve"]["load"]) == 7
    lytic = written["vertebrae"][2]
    assert lytic["strength"]["lesions"][0]["lesions"] == [lytic["lesions"][0]["number"]]
    assert [task["load_to_strength"] for task in lytic["loads"]] == [0.12, 0.5]
    sins = written["vertebrae"][1]["sins"]
    assert set(sins) >= {"items", "total_min", "total_max", "category"}
    assert written["vertebrae"][0]["status"] == "not_assessed"
    assert written["vertebrae"][0]["reasons"]
    assert written["vertebrae"][1]["status"] == "assessed"


def test_unknown_is_null_with_a_note_and_never_a_number(written: dict[str, Any]) -> None:
    lesion_level = written["vertebrae"][2]
    assert lesion_level["geometry"]["height_loss"] is None
    assert any("Height loss" in note for note in lesion_level["geometry"]["notes"])
    assert written["vertebrae"][3]["strength"] is None
    assert written["vertebrae"][3]["strength_reason"]
    assert lesion_level["canal"]["areas_mm2"][0] is None
    assert lesion_level["canal"]["areas_mm2"][1] == pytest.approx(262.3)


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_number_that_is_none_becomes_null_and_is_said(lost: float) -> None:
    case = synthetic_case()
    second = case.vertebrae[1]
    assert second.strength is not None
    assert second.density is not None
    broken = replace(
        second,
        strength=replace(second.strength, failure_load_n=lost, failure_load_interval_n=(lost, 6000.0)),
        density=replace(second.density, trabecular_mg_cc=np.float64(lost)),
    )
    assessment = from_case(replace(case, vertebrae=(case.vertebrae[0], broken, *case.vertebrae[2:])))
    shown = assessment.vertebrae[1]
    assert shown.strength is not None
    assert shown.density is not None
    assert shown.strength.failure_load_n is None
    assert shown.strength.failure_load_interval_n is None
    assert any("failure_load_n:" in note for note in shown.strength.notes)
    assert any("failure_load_interval_n:" in note for note in shown.strength.notes)
    assert any("trabecular_mg_cc:" in note for note in shown.density.notes)
    assert "NaN" not in assessment.to_json()
    assert "Infinity" not in assessment.to_json()


def test_numbers_have_the_digits_that_mean_something(written: dict[str, Any]) -> None:
    assert written["vertebrae"][1]["density"]["trabecular_mg_cc"] == 119.5
    wedge = written["vertebrae"][1]["geometry"]["wedge_deg"]
    assert math.copysign(1, wedge) == 1  # was -0.0
    assert written["vertebrae"][1]["strength"]["solve"]["final_relative_residual"] == 8.12e-9


def test_no_time_and_no_path_is_written(written: dict[str, Any]) -> None:
    text = json.dumps(written)
    assert "stage_seconds" not in text
    assert "/" not in "".join(str(fact) for role in written["inputs"].values() for fact in role.values())


def test_sets_and_dictionaries_come_in_one_order() -> None:
    case = synthetic_case()
    one = replace(case, provenance={"b": {"z", "a", "m"}, "a": (1, np.int64(2))}, inputs=dict(case.inputs))
    other = replace(case, provenance={"a": [1, 2], "b": {"m", "z", "a"}}, inputs=dict(reversed(case.inputs.items())))
    assert from_case(one).to_json() == from_case(other).to_json()


def test_every_citation_named_anywhere_in_the_case_is_listed() -> None:
    case = replace(synthetic_case(), citations=())
    named = {*case.calibration.citations}
    for result in case.vertebrae:
        named |= set(result.sins.citations if result.sins else ())
    assert named
    assert named <= {citation.key for citation in from_case(case).citations}


def test_a_lost_citation_is_an_error() -> None:
    with pytest.raises(RuleError, match="nobody1900"):
        from_case(replace(synthetic_case(), citations=("nobody1900",)))


def test_every_key_of_the_schema_is_explained_in_the_documentation() -> None:
    text = (ROOT / "docs" / "reference" / "assessment.md").read_text(encoding="utf-8")
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]
    missing = {key for part in parts for key in part["properties"] if f"`{key}`" not in text}
    assert not missing


PAIRS: dict[type, tuple[type[parts.Part], set[str]]] = {
    quality.LevelQuality: (whole.LevelQuality, set()),
    vertebra.Geometry: (whole.Geometry, set()),
    density.DensityMeasure: (whole.Density, set()),
    density.TissueSample: (calibration_parts.Tissue, set()),
    density.ContrastFinding: (calibration_parts.Contrast, set()),
    density.Calibration: (calibration_parts.Calibration, {"slope_sd", "intercept_sd"}),  # written with their units
    lesion.Lesion: (lesion_parts.LesionFinding, {"mask", "kind"}),  # in masks/; written as `type`
    fracture.PlaceLoss: (fracture_parts.PlaceLoss, set()),
    fracture.LookAlike: (fracture_parts.LookAlike, set()),
    fracture.Sign: (fracture_parts.Sign, set()),
    fracture.Fracture: (fracture_parts.Fracture, {"level"}),  # the entry's own
    canal.NormComparison: (canal_parts.Norm, set()),
    canal.Foramen: (canal_parts.Foramen, {"above"}),  # the entry's own
    canal.Compression: (canal_parts.Compression, set()),
    canal.CanalMeasure: (canal_parts.Canal, {"lumen"}),  # in masks/
    score.ScoredItem: (whole.SinsItem, set()),
    score.ScoreResult: (whole.Sins, set()),
    score.UrgencyResult: (whole.Urgency, set()),
    score.ClassificationResult: (whole.Classification, set()),
    strength.Criteria: (strength_parts.FailureCriteria, set()),
    strength.Spread: (strength_parts.Uncertainty, set()),
    strength.LesionEffect: (strength_parts.LesionCost, set()),
    strength.Strength: (
        strength_parts.StrengthEstimate,
        {"strain_energy_density_mpa", "plastic_strain", "bone"},  # shown in figures/
    ),
}
"""Each value that is written, the part it becomes, and its fields that are written elsewhere or not."""


@pytest.mark.parametrize("value", PAIRS, ids=lambda value: value.__name__)
def test_every_field_of_a_value_is_written(value: type) -> None:
    part, elsewhere = PAIRS[value]
    names = {field.name for field in fields(value)}
    assert names - elsewhere - set(part.model_fields) == set(), "the file lacks what the value holds"
    assert elsewhere <= names - set(part.model_fields), "an exception that is none"


def test_all_that_can_be_known_validates_and_is_read_back() -> None:
    written = json.loads(from_case(rich_case()).to_json())
    jsonschema.Draft202012Validator(json_schema()).validate(written)
    assert json.loads(Assessment.model_validate(written).to_json()) == written
    l2, l3 = written["vertebrae"][2], written["vertebrae"][3]
    assert l2["canal"]["compression"]["sac_loss"] == 0.31
    assert l2["canal"]["open_areas_mm2"] == [291.0, None, None, None, None, 287.0]
    assert l2["canal"]["norms"][0]["deviations"] == -2.0
    assert [side["side"] for side in l2["canal"]["foramina"]] == ["right", "left"]
    assert l2["lesions"][0]["pedicles_touched"] == ["left"]
    assert l3["fracture"]["grade"] == [1, 2]
    assert written["calibration"]["tissues"][-1]["hu"] is None
    assert {"genant1993", "mauch2018", "panjabi1992"} <= {citation["key"] for citation in written["citations"]}
