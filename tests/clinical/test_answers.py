"""Files of answers: an empty one is valid, a wrong entry is named with its place and what is allowed there."""

from __future__ import annotations

import json
from contextlib import suppress

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from score_answers import answers_of_a_case, case_of
from spondyl.clinical import case, kinds, prognosis
from spondyl.clinical.answers import questions, read_answers
from spondyl.clinical.case import Case
from spondyl.clinical.kinds import Kind
from spondyl.core.errors import InvalidAnswer, UnreadableInput

SCHEMA = jsonschema.Draft202012Validator(case.schema())


def read(tmp_path, text, name="case.toml", model=Case):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_answers(path, model)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.toml", ""), ("a.json", ""), ("a.json", "{}"), ("a.toml", "# nothing\n"), ("a.toml", "\ufeff")],
)
def test_an_empty_file_is_a_case_of_which_nothing_is_known(tmp_path, name, text):
    assert read(tmp_path, text, name) == Case()


def test_toml_and_json_say_the_same(tmp_path):
    toml = read(tmp_path, '[cancer]\nprimary = "Renal Cell"\n[condition]\nkps = 80\n[laboratory]\nalbumin_g_dl = 4\n')
    data = {"cancer": {"primary": "kidney"}, "condition": {"kps": 80}, "laboratory": {"albumin_g_dl": 4.0}}
    assert toml == read(tmp_path, json.dumps(data), "case.json")


@pytest.mark.parametrize(
    ("text", "said", "allowed"),
    [
        ("[condition]\nkps = 75\n", "'condition.kps' is 75", "10, 20, 30, 40, 50"),
        ('[condition]\nkps = "80"\n', "'condition.kps' is \"80\"", "10, 20, 30"),
        ('[cancer]\nprimary = "brest"\n', "'cancer.primary' is \"brest\"", "Did you mean 'breast'? Allowed: bladder"),
        ('[cancer]\nprimry = "breast"\n', "'cancer.primry' is no question", "Did you mean 'cancer.primary'?"),
        ("[spread]\nkps = 50\n", "'spread.kps' is no question", "Did you mean 'condition.kps'?"),
        ("[spread]\nvertebrae = 0\n", "'spread.vertebrae' is 0", "a whole number from 1 to 33"),
        ("[spread]\nvertebrae = 2.5\n", "'spread.vertebrae' is 2.5", "a whole number from 1 to 33"),
        ("[laboratory]\nalbumin_g_dl = 36\n", "'laboratory.albumin_g_dl' is 36", "a number from 0.5 to 8"),
        ("[laboratory]\nplatelets_per_ul = 150\n", "'laboratory.platelets_per_ul' is 150", "from 1000 to 3e+06"),
        ("[laboratory]\ncrp_mg_dl = nan\n", "'laboratory.crp_mg_dl' is", "a number from 0 to 100"),
        ('[sins]\nlevel = "T14"\n', "'sins.level' is \"T14\"", "T1 to T13"),
        ('[sins]\npain = "some"\n', "'sins.pain' is \"some\"", "mechanical, occasional_not_mechanical, pain_free"),
        ("[condition]\nwalks = true\n", "'condition.walks' is true", "yes, no, unknown"),
        ("spread = 3\n", "'spread' is 3 and not a group", "table"),
        ('[spread]\nvisceral = "no"\ndisseminated = "yes"\n', "'spread.disseminated' contradicts", "leave it out"),
        ("[spread\n", "no valid TOML", "quotes"),
    ],
)
def test_a_wrong_answer_is_named_with_its_place_and_what_is_allowed(tmp_path, text, said, allowed):
    with pytest.raises(InvalidAnswer) as caught:
        read(tmp_path, text)
    assert said in caught.value.what
    assert allowed in caught.value.remedy


def test_of_several_wrong_answers_all_are_told(tmp_path):
    with pytest.raises(InvalidAnswer) as caught:
        read(tmp_path, '[condition]\nkps = 5\n[sins]\nlesion = "soft"\n')
    assert "'condition.kps' is 5" in str(caught.value)
    assert "'sins.lesion' is \"soft\". Allowed: lytic, mixed, blastic, unknown." in str(caught.value)


def test_a_question_answered_twice_is_refused(tmp_path):
    with pytest.raises(InvalidAnswer, match="answers 'pain' twice"):
        read(tmp_path, '{"sins": {"pain": "mechanical", "pain": "pain_free"}}', "a.json")


def test_what_can_not_be_read_is_said(tmp_path):
    with pytest.raises(UnreadableInput, match="can't be read"):
        read_answers(tmp_path / "none.toml", Case)
    with pytest.raises(UnreadableInput, match="neither"):
        read(tmp_path, "", "case.txt")


@pytest.mark.parametrize(("model", "schema"), [(Case, case.schema()), (Kind, kinds.schema())])
def test_the_published_schema_is_one_and_knows_every_question(model, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    for path in questions(model):
        part, _, name = path.partition(".")
        group = schema["$defs"][schema["properties"][part]["$ref"].rpartition("/")[2]]
        assert group["properties"][name]["description"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers_of_a_case)
def test_what_is_accepted_agrees_with_the_published_schema(answers):
    nested = {}
    for path, answer in answers.items():
        part, _, name = path.partition(".")
        nested.setdefault(part, {})[name] = answer
    assert SCHEMA.is_valid(nested)
    assert case_of(answers) is not None


def test_a_grade_of_digits_may_stand_without_quotes(tmp_path):
    assert read(tmp_path, "[escc]\ngrade = 2\n").escc.grade == "2"
    with pytest.raises(InvalidAnswer, match=r"'escc\.grade' is \"4\""):
        read(tmp_path, "[escc]\ngrade = 4\n")


PLACES = [path.split(".") for path in (*questions(Case), *questions(Kind))]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 500) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([Case, Kind]), st.lists(st.tuples(st.sampled_from(PLACES), ANYTHING), max_size=3), ANYTHING)
def test_whatever_stands_in_a_file_is_read_or_refused_in_words(tmp_path, model, answers, whole):
    content = {}
    for (part, name), answer in answers:
        content.setdefault(part, {})[name] = answer
    for text in (json.dumps(content), json.dumps(whole)):
        with suppress(InvalidAnswer):
            assert isinstance(read(tmp_path, text, "a.json", model), model)


# FHIR


def response(*items):
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "item": list(items)}


def item(path, **answer):
    return {"linkId": path, "answer": [answer]}


def test_a_questionnaire_response_says_the_same_as_the_file(tmp_path):
    groups = {
        "linkId": "condition",
        "item": [item("condition.kps", valueInteger=60), item("condition.ecog", valueCoding={"code": "2"})],
    }
    said = response(
        groups,
        item("cancer.primary", valueCoding={"code": "lung", "display": "Lung"}),
        item("spread.visceral", valueBoolean=True),
        item("spread.vertebrae", valueDecimal=2),
        item("laboratory.albumin_g_dl", valueQuantity={"value": 3.6, "unit": "g/dL"}),
        item("neurology.grade", valueString="D"),
        {"linkId": "neurology.myelopathy"},
    )
    by_fhir = read(tmp_path, json.dumps(said), "a.json")
    by_hand = Case.model_validate(
        {
            "condition": {"kps": 60, "ecog": 2},
            "cancer": {"primary": "lung"},
            "spread": {"visceral": "yes", "vertebrae": 2},
            "laboratory": {"albumin_g_dl": 3.6},
            "neurology": {"grade": "D"},
        }
    )
    assert by_fhir == by_hand
    assert prognosis.score("tokuhashi", by_fhir) == prognosis.score("tokuhashi", by_hand)


def test_several_answers_of_an_item_make_a_list(tmp_path):
    several = {
        "linkId": "extent.regions",
        "answer": [{"valueCoding": {"code": "body"}}, {"valueString": "pedicle_left"}],
    }
    found = read(tmp_path, json.dumps(response(several)), "a.json", Kind)
    assert found.extent.regions == ("body", "pedicle_left")
    one = read(tmp_path, json.dumps(response(item("extent.regions", valueString="body"))), "b.json", Kind)
    assert one.extent.regions == ("body",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (response(item("condition.kbs", valueInteger=70)), "linkId 'condition.kbs' is no question"),
        (response(item("condition.kps", valueInteger=75)), "'condition.kps' is 75"),
        (response(*[item("condition.kps", valueInteger=70)] * 2), "'condition.kps' is answered twice"),
        (response(item("condition.kps", valueDate="2026-01-01")), "of a kind that is not read"),
        ({"resourceType": "QuestionnaireResponse", "item": []}, "no valid FHIR R4B QuestionnaireResponse: 'status'"),
    ],
)
def test_a_wrong_questionnaire_response_is_named_with_its_item(tmp_path, content, said):
    with pytest.raises(InvalidAnswer) as caught:
        read(tmp_path, json.dumps(content), "a.json")
    assert said in caught.value.what
