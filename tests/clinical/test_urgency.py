"""Urgency: worked cases, and that neither a symptom more nor an answer less makes it less urgent."""

import contextlib
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spondyl.clinical import rules, urgency
from spondyl.clinical.history import History, question
from spondyl.clinical.urgency_questions import BY_PATH, SIGNS
from spondyl.core.citations import cite

CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "urgency.toml").read_text(encoding="utf-8"))["case"]
ANSWERS = ("yes", "no", "unknown")
PAIN = ("sudden", "much_worse", "mechanical", "nocturnal", "unremitting", "straining", "tender", "claudication")
RADIATING = ("radiating_to_arm", "radiating_to_leg")
BAND = ("band_like",)
NEUROLOGY = (
    "bladder_or_bowel_control_lost",
    "weakness_of_arm",
    "weakness_of_leg",
    "gait_disturbance",
    "numbness",
    "saddle_anaesthesia",
)
SYMPTOMS = [*(f"pain.{name}" for name in (*PAIN, *RADIATING, *BAND)), *(f"neurology.{name}" for name in NEUROLOGY)]

# What acting on a tier means: 'routine' and 'not enough to say' both start nothing.
ACTION = {"not_enough_to_say": 0, "routine": 0, "call_physician": 1, "immediate": 2}

answers = st.fixed_dictionaries(
    {
        "cancer": st.fixed_dictionaries({"status": st.sampled_from(["known", "suspected", "none", "unknown"])}),
        "pain": st.fixed_dictionaries({name: st.sampled_from(ANSWERS) for name in (*PAIN, *RADIATING, *BAND)}),
        "neurology": st.fixed_dictionaries(
            {
                **{name: st.sampled_from(ANSWERS) for name in NEUROLOGY},
                "ais_grade": st.sampled_from([*"ABCDE", "unknown"]),
            }
        ),
        "body": st.fixed_dictionaries(
            {},
            optional={name: st.sampled_from(["left", "yes", "no"]) for name in ("weak_leg", "numb_trunk", "pain_arm")},
        ),
        "examination": st.fixed_dictionaries(
            {},
            optional={
                "upper_motor_neurone_signs": st.sampled_from(ANSWERS),
                "voluntary_anal_contraction": st.sampled_from(ANSWERS),
                "frankel_grade": st.sampled_from([*"ABCDE", "unknown"]),
                "motor": st.sampled_from([{}, {"L4": {"left": 3}}, {"L4": {"left": 5}}]),
                "sensory": st.sampled_from([{}, {"T10": {"right": 1}}, {"S4-5": {"right": 0}}]),
            },
        ),
    }
).map(lambda content: consistent(content))


GENERAL = {"weak_leg": ("neurology", "weakness_of_leg"), "numb_trunk": ("neurology", "numbness")}
GENERAL["pain_arm"] = ("pain", "radiating_to_arm")


def consistent(content):
    """The same without the answers that the file would refuse beside others."""
    content = {part: dict(given) for part, given in content.items()}
    for side, (part, name) in GENERAL.items():
        if content[part][name] == "no":
            content["body"].pop(side, None)
    examination = content["examination"]
    grades = {content["neurology"]["ais_grade"], examination.get("frankel_grade", "unknown")}
    if "E" in grades and (len(grades - {"unknown"}) > 1 or not accepted(content)):
        content["neurology"]["ais_grade"] = "unknown"
        examination.pop("frankel_grade", None)
    return content


def accepted(content):
    """Whether the answers do not contradict each other."""
    with contextlib.suppress(ValueError):
        return bool(History.model_validate(content))
    return False


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
    assert len(result.would_change) == 18
    assert (result.least, result.most) == ("routine", "immediate")
    assert "does not mean that nothing is wrong" in result.for_patient


def neurological(content):
    """The first plain rule as a sentence, written without the rule file."""
    body, examination = content["body"], content["examination"]
    told = [content["neurology"][name] for name in NEUROLOGY] + [content["pain"][name] for name in RADIATING]
    sides = [body.get(name) for name in ("weak_leg", "numb_trunk", "pain_arm")]
    grades = [content["neurology"]["ais_grade"], examination.get("frankel_grade", "unknown")]
    scores = [score for entry in examination.get("motor", {}).values() for score in entry.values() if score < 5]
    scores += [score for entry in examination.get("sensory", {}).values() for score in entry.values() if score < 2]
    return (
        "yes" in told
        or "left" in sides
        or "yes" in sides
        or any(grade in "ABCD" for grade in grades)
        or bool(scores)
        or examination.get("upper_motor_neurone_signs") == "yes"
        or examination.get("voluntary_anal_contraction") == "no"
    )


@given(answers)
def test_the_two_plain_rules_and_the_lists_of_the_guideline_hold_for_every_history(content):
    cancer = content["cancer"]["status"] != "none"
    pain = "yes" in [content["pain"][name] for name in PAIN]
    tier = triage(content).tier
    if neurological(content) or (cancer and content["pain"]["band_like"] == "yes"):
        assert tier == "immediate"
    elif pain and cancer:
        assert tier == "call_physician"
    else:
        assert tier in ("routine", "not_enough_to_say")


@given(answers, st.sampled_from(SYMPTOMS))
def test_no_symptom_more_is_less_urgent(content, symptom):
    worse = changed(content, symptom, "yes")
    assume(accepted(worse))
    before, after = triage(content), triage(worse)
    assert ACTION[after.tier] >= ACTION[before.tier]
    assert urgency.TIERS.index(after.least) >= urgency.TIERS.index(before.least)
    assert (
        urgency.TIERS.index(after.most) >= urgency.TIERS.index(before.most)
        or content[symptom.split(".")[0]][symptom.split(".")[1]] == "unknown"
    )


@given(answers, st.sampled_from(["known", "suspected"]))
def test_cancer_never_makes_it_less_urgent(content, status):
    assert ACTION[triage(changed(content, "cancer.status", status)).tier] >= ACTION[triage(content).tier]


@given(answers, st.sampled_from([*SYMPTOMS, "cancer.status"]))
def test_an_open_question_is_never_less_urgent_than_its_denial(content, path):
    denied = changed(content, path, "none" if path == "cancer.status" else "no")
    assume(accepted(denied))
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
        if History.model_validate(content).answer(path) != "unknown":
            assert BY_PATH[path].ask not in result.would_change
            continue
        raises = ACTION[triage(changed(content, path, "yes")).tier] > ACTION[result.tier]
        assert raises == (BY_PATH[path].ask in result.would_change)
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


def leaves(content, head=()):
    """Places of all single answers."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, (*head, name))
        else:
            yield (*head, name)


def without(content, place):
    name, *rest = place
    if not rest:
        return {key: value for key, value in content.items() if key != name}
    return {**content, name: without(content[name], rest)}


@given(answers, st.data())
def test_an_answer_less_never_narrows_the_range_nor_says_that_all_is_well(content, data):
    place = data.draw(st.sampled_from(list(leaves(content))))
    before, after = triage(content), triage(without(content, place))
    rank = urgency.TIERS.index
    assert rank(after.least) <= rank(before.least)
    assert rank(after.most) >= rank(before.most)
    # Every tier that any answer in this place could give lies within the range that stands without it.
    if ACTION[after.tier] < ACTION[before.tier]:
        assert rank(after.most) >= rank(before.tier)
        asked = BY_PATH.get(".".join(place))
        assert asked is None or asked.ask in after.would_change


@given(answers)
def test_the_tier_lies_within_its_range(content):
    result = triage(content)
    rank = urgency.TIERS.index
    said = "routine" if result.tier == urgency.NOT_ENOUGH else result.tier
    assert rank(result.least) <= rank(said) <= rank(result.most)
    if result.tier == urgency.NOT_ENOUGH:
        assert result.most != "routine"


def test_an_unverified_rule_drives_nothing(monkeypatch):
    text = (Path(rules.__file__).parent / "rules" / "urgency.toml").read_text(encoding="utf-8")
    head, tail = text.split("[rules.pain_of_metastases]")
    doubted = rules.parse(
        head + "[rules.pain_of_metastases]" + tail.replace('"verified"', '"unverified"', 3), "urgency"
    )
    cancer = {"cancer": {"status": "known"}, "pain": {"mechanical": "yes"}}
    assert triage(cancer).tier == "call_physician"
    monkeypatch.setattr(rules, "load", lambda name: doubted)
    assert triage(cancer).tier == "not_enough_to_say"


def test_what_an_examination_found_counts_against_what_was_told():
    told = {"neurology": {"weakness_of_leg": "no"}, "examination": {"motor": {"L4": {"left": 3}}}}
    assert triage(told).tier == "immediate"


def test_a_result_says_whom_to_call_how_soon_and_when_to_ask_again():
    for case in CASES:
        result = triage(case["answers"])
        assert result.call
        assert result.how_soon
        assert result.ask_again


def test_times_of_ng234_are_said_only_with_cancer():
    symptom = {"neurology": {"numbness": "yes"}}
    assert "24 hours" in triage({**symptom, "cancer": {"status": "known"}}).for_clinician
    assert "24 hours" not in triage({**symptom, "cancer": {"status": "none"}}).for_clinician


def test_every_answer_a_rule_names_exists_and_has_words():
    for path, entry in rules.load("urgency").entries.items():
        if path.endswith(".any_of"):
            for answer in entry.value:
                assert question(answer).endswith("?")
                assert BY_PATH[answer].ask.endswith("?")
        if path.endswith((".signs", ".denied")):
            assert {*entry.value} <= {*SIGNS}
        if path.endswith(".tier"):
            assert entry.value in urgency.TIERS


def test_every_question_is_one_of_a_history_and_asked_once():
    assert len({q.ask for q in BY_PATH.values()}) == len(BY_PATH)
    for path in BY_PATH:
        assert re.fullmatch(r"(pain|neurology|cancer)\.\w+", path)
        assert question(path)
