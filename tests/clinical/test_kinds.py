"""Kinds of tumours: a metastatic one is always malignant; zones, layers and surgical types from given parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from spondyl.clinical import kinds
from spondyl.clinical.kinds import BEHAVIOURS, COMPARTMENTS, Kind

REGIONS = ["body", "pedicle_left", "lamina_left", "facet_right", "spinous_process"]
ANSWERS = st.sampled_from(["yes", "no", "unknown"])


def kind(tumour=None, **extent):
    return kinds.classify(Kind.model_validate({"tumour": tumour or {}, "extent": extent}))


def test_without_answers_every_cell_is_possible_and_has_entities():
    result = kind()
    cells = {(row.origin, row.compartment, row.behaviour) for row in result.rows}
    assert cells == {
        *(("primary", compartment, behaviour) for compartment in COMPARTMENTS for behaviour in BEHAVIOURS),
        *(("secondary", compartment, "malignant") for compartment in COMPARTMENTS),
    }
    assert all(row.entities for row in result.rows)
    assert result.surgical_types == tuple("1234567")


def test_a_metastatic_tumour_is_always_malignant():
    result = kind({"origin": "secondary"})
    assert {row.behaviour for row in result.rows} == {"malignant"}
    assert "always malignant" in result.notes[0]
    for behaviour in ("benign", "intermediate"):
        with pytest.raises(ValidationError, match="contradiction"):
            kind({"origin": "secondary", "behaviour": behaviour})
        # The other way round: what tissue calls benign is no metastasis.
        assert {row.origin for row in kind({"behaviour": behaviour}).rows} == {"primary"}


def test_lists_from_memory_say_so():
    assert all(row.verified == (row.origin == "secondary") for row in kind().rows)


@pytest.mark.parametrize(
    ("compartment", "behaviour", "entity"),
    [
        ("extradural", "malignant", "chordoma"),
        ("extradural", "benign", "osteoid osteoma"),
        ("extradural", "intermediate", "giant cell tumour"),
        ("intradural_extramedullary", "benign", "schwannoma"),
        ("intramedullary", "intermediate", "ependymoma (WHO 2)"),
    ],
)
def test_an_entity_stands_in_its_cell(compartment, behaviour, entity):
    (row,) = kind({"origin": "primary", "compartment": compartment, "behaviour": behaviour}).rows
    assert entity in row.entities


def test_zones_run_from_the_left_half_of_the_spinous_process_round_by_the_left():
    assert kind(regions=["lamina_left"]).zones == (2,)
    assert kind(regions=["pedicle_left"]).zones == (4,)
    assert kind(regions=["pedicle_right"]).zones == (9,)
    assert kind(regions=["body"]).zones == (5, 6, 7, 8)
    assert kind(regions=["spinous_process"]).zones == (1, 12)
    assert kind().zones is None
    assert kind(regions=[]).zones == ()


def test_left_and_right_mirror_each_other_in_the_zones():
    for part in ("lamina", "facet", "transverse_process", "pedicle", "body"):
        left, right = kind(regions=[f"{part}_left"]).zones, kind(regions=[f"{part}_right"]).zones
        assert sorted(13 - zone for zone in left) == list(right)


def test_layers_follow_the_answers():
    result = kind(regions=["body"], depth="deep", paravertebral="no", canal="yes")
    assert result.layers == ("C", "D")
    assert result.layers_open == ("E", "F")
    assert kind(regions=["body"]).layers_open == ("A", "B", "C", "D", "E", "F")


NOWHERE_ELSE = {"canal": "no", "paravertebral": "no", "neighbouring_vertebra": "no", "elsewhere_in_spine": "no"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"regions": ["body"]}, ("1",)),
        ({"regions": ["lamina_left"]}, ("1",)),
        ({"regions": ["body", "pedicle_left"]}, ("2",)),
        ({"regions": ["body", "pedicle_left", "lamina_left"]}, ("3",)),
        ({"regions": ["body"], "canal": "yes"}, ("4",)),
        ({"regions": ["body"], "canal": "yes", "paravertebral": "yes"}, ("5",)),
        ({"regions": ["body"], "neighbouring_vertebra": "yes"}, ("6",)),
        ({"regions": ["body"], "elsewhere_in_spine": "yes"}, ("7",)),
        ({"regions": ["body"], "paravertebral": "unknown"}, ("1", "5")),
    ],
)
def test_tomitas_surgical_type(answers, expected):
    assert kind(**{**NOWHERE_ELSE, **answers}).surgical_types == expected


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "regions": st.lists(st.sampled_from(REGIONS), min_size=1, unique=True),
            **dict.fromkeys(NOWHERE_ELSE, ANSWERS),
        },
    ),
    st.data(),
)
def test_a_removed_answer_never_narrows_the_surgical_types(extent, data):
    if not extent:
        return
    gone = data.draw(st.sampled_from(sorted(extent)))
    fewer = {name: answer for name, answer in extent.items() if name != gone}
    assert set(kind(**extent).surgical_types) <= set(kind(**fewer).surgical_types)
