"""ESCC and NOMS against the scale's definitions and what the authors of the frame say in their abstracts."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from score_answers import answers_of_a_case, case_of
from spondyl.clinical import escc, noms
from spondyl.clinical.case import Case
from spondyl.clinical.case_scores import escc_of, sins_of
from spondyl.core.errors import InvalidAnswer

NOMS = tomllib.loads((Path(__file__).parents[1] / "cases" / "noms.toml").read_text(encoding="utf-8"))["case"]

# Bilsky 2010, as in independent copies of the definitions.
DEFINITIONS = [
    ("0", {"epidural_tumour": "no"}),
    ("1a", {"epidural_tumour": "yes", "sac_deformed": "no"}),
    ("1b", {"sac_deformed": "yes", "touches_cord": "no"}),
    ("1c", {"touches_cord": "yes", "cord_compressed": "no"}),
    ("2", {"cord_compressed": "yes", "csf_visible": "yes"}),
    ("3", {"cord_compressed": "yes", "csf_visible": "no"}),
]


@pytest.mark.parametrize(("grade", "signs"), DEFINITIONS)
def test_the_definition_of_a_grade_gives_it_and_only_it(grade, signs):
    assert escc.possible("unknown", signs) == (grade,)
    assert escc.assess("unknown", signs).missing == ()
    assert escc_of(Case.model_validate({"escc": signs})).grades == (grade,)


def test_nothing_known_is_every_grade_and_every_group():
    result = escc.assess("unknown", {})
    assert result.grades == ("0", "1a", "1b", "1c", "2", "3")
    assert result.group == "low or disputed or high"
    assert result.missing == escc.SIGNS


def test_the_sac_alone_narrows_to_the_grades_from_1b():
    result = escc.assess("unknown", {"sac_deformed": "yes"})
    assert result.grades == ("1b", "1c", "2", "3")
    assert "epidural_tumour" not in result.missing


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"grade": "1a", "sac_deformed": "yes"}, "'escc.sac_deformed' contradicts 'escc.grade'"),
        (
            {"epidural_tumour": "no", "cord_compressed": "yes"},
            "'escc.cord_compressed' contradicts 'escc.epidural_tumour'",
        ),
    ],
)
def test_answers_that_exclude_each_other_are_refused(answers, said):
    with pytest.raises(ValidationError) as caught:
        Case.model_validate({"escc": answers})
    context = caught.value.errors()[0]["ctx"]
    assert f"'{context['path']}' contradicts '{context['other']}'" == said


@given(
    st.sampled_from(("unknown", *escc.GRADES)),
    st.dictionaries(st.sampled_from(escc.SIGNS), st.sampled_from(("yes", "no"))),
    st.data(),
)
def test_a_removed_sign_never_narrows_the_grades(grade, signs, data):
    if not signs:
        return
    gone = data.draw(st.sampled_from(sorted(signs)))
    fewer = {sign: answer for sign, answer in signs.items() if sign != gone}
    assert set(escc.possible(grade, signs)) <= set(escc.possible(grade, fewer))
    assert set(escc.possible(grade, signs)) <= set(escc.possible("unknown", signs))


@pytest.mark.parametrize("case", NOMS, ids=[case["name"] for case in NOMS])
def test_noms_says_what_its_authors_say(case):
    result = noms.assess(Case.model_validate(case["answers"]))
    for part in ("radiation", "stability"):
        if part in case:
            said = getattr(result, part)
            assert len(said) == len(case[part])
            assert all(line.startswith(start) for line, start in zip(said, case[part], strict=True))


def test_an_empty_case_leaves_the_whole_frame_open():
    result = noms.assess(Case())
    assert [part.name for part in result.considerations] == ["neurologic", "oncologic", "mechanical", "systemic"]
    assert all(len(part.possible) > 1 for part in result.considerations)
    assert len(result.radiation) == 4
    assert set(result.missing) == {
        "escc.grade",
        "noms.radiosensitive",
        "noms.gross_instability",
        "noms.axial_load_pain",
        "condition.tolerates_surgery",
    }


def test_radiosensitivity_from_memory_settles_nothing():
    result = noms.assess(Case.model_validate({"cancer": {"primary": "breast"}}))
    oncologic = result.considerations[1]
    assert oncologic.possible == ("sensitive", "resistant")
    assert "[unverified" in oncologic.reasons[0]


def test_a_line_from_memory_is_marked():
    unfit = {"cancer": {"primary": "kidney"}, "escc": {"grade": "3"}, "condition": {"tolerates_surgery": "no"}}
    assert noms.assess(Case.model_validate(unfit)).radiation[0].endswith("[unverified]")


UNSTABLE = {
    "level": "T12",
    "pain": "mechanical",
    "lesion": "lytic",
    "alignment": "de_novo_deformity",
    "collapse": "over_50",
    "posterolateral": "bilateral",
}


def test_sins_bears_on_stability_and_a_contradiction_is_refused():
    result = noms.assess(Case.model_validate({"sins": UNSTABLE}))
    assert result.considerations[2].possible == ("axial_load_pain", "gross")
    both = {"sins": UNSTABLE, "noms": {"gross_instability": "no", "axial_load_pain": "no"}}
    with pytest.raises(InvalidAnswer, match="'noms' contradicts 'sins': SINS is 16"):
        noms.assess(Case.model_validate(both))


def _frame(answers):
    case = case_of(answers)
    try:
        return None if case is None else noms.assess(case)
    except InvalidAnswer:
        return None


@settings(max_examples=200, deadline=None)
@given(answers_of_a_case, st.data())
def test_a_removed_answer_never_narrows_the_frame_nor_sins(answers, data):
    known = _frame(answers)
    if known is None or not answers:
        return
    gone = data.draw(st.sampled_from(sorted(answers)))
    fewer = {path: answer for path, answer in answers.items() if path != gone}
    wider = _frame(fewer)
    assert wider is not None
    assert set(known.radiation) <= set(wider.radiation)
    assert set(known.stability) <= set(wider.stability)
    before, after = sins_of(case_of(answers)), sins_of(case_of(fewer))
    assert after.total_min <= before.total_min <= before.total_max <= after.total_max
    assert set(before.category.split(" or ")) <= set(after.category.split(" or "))
