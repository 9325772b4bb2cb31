"""Urgency: worked cases, and that neither a symptom more nor an answer less makes it less urgent."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spondyl.clinical import rules, urgency
from spondyl.clinical.history import History, question
from spondyl.core.citations import cite

CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "urgency.toml").read_text(encoding="utf-8"))["case"]
ANSWERS = ("yes", "no", "unknown")
PAIN = ("sudden", "much_worse", "mechanical", "nocturnal")
RADIATING = ("radiating_to_arm", "radiating_to_leg")
NEUROLOGY = (
    "bladder_or_bowel_control_lost",
    "weakness_of_arm",
    "weakness_of_leg",
    "gait_disturbance",
    "numbness",
    "saddle_anaesthesia",
)
SYMPTOMS = [*(f"pain.{name}" for name in (*PAIN, *RADIATING)), *(f"neurology.{name}" for name in NEUROLOGY)]

# What acting on a tier means: 'routine' and 'not enough to say' both start nothing.
ACTION = {"not_enough_to_say": 0, "routine": 0, "call_physician": 1, "immediate": 2}

answers = st.fixed_dictionaries(
    {
        "cancer": st.fixed_dictionaries({"status": st.sampled_from(["known", "suspected", "none", "unknown"])}),
        "pain": st.fixed_dictionaries({name: st.sampled_from(ANSWERS) for name in (*PAIN, *RADIATING)}),
        "neurology": st.fixed_dictionaries(
            {
                **{name: st.sampled_from(ANSWERS) for name in NEUROLOGY},
                "ais_grade": st.sampled_from([*"ABCDE", "unknown"]),
            }
        ),
    }
)


def triage(content):
    return urgency.triage(History.model_validate(content))


def changed(content, path, to):
    part, _, name = path.partition(".")
    return {**content, part: {**content[part], name: to}}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_worked_case(case):
    assert triage(case["answers"]).tier == case["tier"]
    assert cite([case["source"]])


def test_no_history_gives_no_result_and_an_empty_one_says_not_enough():
    assert urgency.triage(None) is None
    result = urgency.triage(History())
    assert result.tier == "not_enough_to_say"
    assert len(result.would_change) == 12
    assert "does not mean that nothing is wrong" in result.for_patient


@given(answers)
def test_the_two_plain_rules_hold_for_every_history(content):
    # The plain rules as sentences, written without the rule file.
    neurological = "yes" in [content["neurology"][name] for name in NEUROLOGY]
    neurological |= content["neurology"]["ais_grade"] in "ABCD"
    radiating = "yes" in [content["pain"][name] for name in RADIATING]
    sudden = "yes" in (content["pain"]["sudden"], content["pain"]["much_worse"])
    tier = triage(content).tier
    if neurological or radiating:
        assert tier == "immediate"
    elif sudden and content["cancer"]["status"] != "none":
        assert tier == "call_physician"
    else:
        assert tier != "immediate"


@given(answers, st.sampled_from(SYMPTOMS))
def test_no_symptom_more_is_less_urgent(content, symptom):
    before, after = triage(content).tier, triage(changed(content, symptom, "yes")).tier
    assert urgency.TIERS.index(after) >= urgency.TIERS.index(before) or (before, after) == (
        "routine",
        "not_enough_to_say",
    )
    assert ACTION[after] >= ACTION[before]


@given(answers, st.sampled_from(["known", "suspected"]))
def test_cancer_never_makes_it_less_urgent(content, status):
    assert ACTION[triage(changed(content, "cancer.status", status)).tier] >= ACTION[triage(content).tier]


@given(answers, st.sampled_from([*SYMPTOMS, "cancer.status"]))
def test_an_open_question_is_never_less_urgent_than_its_denial(content, path):
    denied = changed(content, path, "none" if path == "cancer.status" else "no")
    open_ = changed(content, path, "unknown")
    assert ACTION[triage(open_).tier] >= ACTION[triage(denied).tier]


@given(answers)
def test_an_open_question_about_cancer_is_as_urgent_as_cancer(content):
    known, open_ = changed(content, "cancer.status", "known"), changed(content, "cancer.status", "unknown")
    assert ACTION[triage(open_).tier] == ACTION[triage(known).tier]


@given(answers)
def test_what_would_change_is_just_what_could_raise_the_tier(content):
    result = triage(content)
    for path in SYMPTOMS:
        part, _, name = path.partition(".")
        if content[part][name] != "unknown":
            assert question(path) not in result.would_change
            continue
        raises = ACTION[triage(changed(content, path, "yes")).tier] > ACTION[result.tier]
        assert raises == (question(path) in result.would_change)
    if result.tier == "routine":
        assert result.would_change == ()
    if result.tier == "not_enough_to_say":
        assert result.would_change


@given(answers)
def test_every_result_has_words_for_both_and_sources(content):
    result = triage(content)
    assert result.for_patient
    assert result.for_clinician
    assert cite(result.citations)
    assert bool(result.reasons) == (ACTION[result.tier] > 0)


def test_an_unverified_rule_drives_nothing():
    table = rules.load("urgency")
    assert table["rules.mechanical_pain.tier"].status == "unverified"
    cancer = {"cancer": {"status": "known"}, "pain": {"mechanical": "yes"}}
    assert triage(cancer).tier == "not_enough_to_say"


def test_times_of_ng234_are_said_only_with_cancer():
    symptom = {"neurology": {"numbness": "yes"}}
    assert "24 hours" in triage({**symptom, "cancer": {"status": "known"}}).for_clinician
    assert "24 hours" not in triage({**symptom, "cancer": {"status": "none"}}).for_clinician


def test_every_answer_a_rule_names_exists():
    for path, entry in rules.load("urgency").entries.items():
        if path.endswith(".any_of"):
            for answer in entry.value:
                assert question(answer).endswith("?")
        if path.endswith(".tier"):
            assert entry.value in urgency.TIERS
