"""Prognosis scores against the published tables, typed here a second time, worked cases, and brute force."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from score_answers import answers_of_a_case, case_of
from spondyl.clinical import prognosis, rules
from spondyl.clinical.case import SITES, Case
from spondyl.core.citations import bibliography

CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "prognosis.toml").read_text(encoding="utf-8"))["case"]

# Typed from the papers' tables, as reproduced in several copies; the oracle of this file.
TABLES = {
    "tokuhashi": [{0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2, 3, 4, 5}, {0, 1, 2}],
    "tomita": [{1, 2, 4}, {0, 2, 4}, {1, 2}],
    "katagiri": [{0, 2, 3}, {0, 1, 2}, {0, 1, 2}, {0, 1}, {0, 1}, {0, 1}],
    "bauer": [{0, 1}] * 4,
    "nesms": [{0, 2}, {0, 1}, {0, 1}],
    "van_der_linden": [{0, 1, 2}, {0, 1, 2, 3}, {0, 1}],
    "rades": [{3, 4, 7, 8, 9}, {5, 7}, {2, 8}, {4, 7}, {3, 7}, {3, 6, 8}],
}
BANDS = {
    "tokuhashi": [(0, 8), (9, 11), (12, 15)],
    "tomita": [(2, 3), (4, 5), (6, 7), (8, 10)],
    "katagiri": [(0, 3), (4, 6), (7, 10)],
    "bauer": [(0, 1), (2, 2), (3, 4)],
    "nesms": [(0, 0), (1, 1), (2, 2), (3, 3)],
    "van_der_linden": [(0, 3), (4, 5), (6, 6)],
    "rades": [(20, 25), (26, 30), (31, 35), (36, 40), (41, 46)],
}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_worked_case(case):
    assert case["source"] in bibliography()
    result = prognosis.score(case["score"], Case.model_validate(case["answers"]))
    assert [item.points_min for item in result.items] == case["points"]
    assert [item.points_max for item in result.items] == case["points"]
    assert (result.total_min, result.total_max) == (case["total"], case["total"])
    assert list(result.bands) == case["bands"]
    assert result.missing == ()


@pytest.mark.parametrize("name", prognosis.SCORES)
def test_the_rule_file_holds_the_published_points_and_bands(name):
    table = rules.load(name)
    items = list(dict.fromkeys(path.split(".")[1] for path in table.entries if path.startswith("points.")))
    assert [{entry.value for entry in table.under(f"points.{item}").values()} for item in items] == TABLES[name]
    assert [tuple(entry.value) for entry in table.under("strata").values()] == BANDS[name]


@pytest.mark.parametrize("name", prognosis.SCORES)
def test_nothing_known_is_the_full_range_and_every_band(name):
    cap = 3 if name == "nesms" else 99
    low, high = sum(map(min, TABLES[name])), min(cap, sum(map(max, TABLES[name])))
    result = prognosis.score(name, Case())
    assert (result.total_min, result.total_max) == (result.lowest, result.highest) == (low, high)
    assert result.says_nothing
    assert len(result.bands) == len(BANDS[name])
    assert result.missing


@pytest.mark.parametrize("name", prognosis.SCORES)
def test_the_bands_meet_without_gap_from_the_lowest_to_the_highest_total(name):
    bands = BANDS[name]
    for (_, top), (foot, _) in itertools.pairwise(bands):
        assert foot == top + 1
    result = prognosis.score(name, Case())
    assert (bands[0][0], bands[-1][1]) == (result.lowest, result.highest)


@pytest.mark.parametrize("name", [name for name in prognosis.SCORES if name != "rades"])
def test_every_total_is_reached_by_answers(name):
    seen = set()
    for case in _every_case(name):
        result = prognosis.score(name, case)
        if result.total_min == result.total_max:
            seen.add(result.total_min)
    assert seen == set(range(prognosis.score(name, Case()).lowest, prognosis.score(name, Case()).highest + 1))


def _every_case(name):
    """Files that answer every question a score asks, in all their combinations (a grid of telling values)."""
    sites = ("lung", "liver", "melanoma", "kidney", "rectum", "breast")
    for site, kps, vertebrae, bones, organs in itertools.product(
        sites, (40, 60, 90), (1, 2, 3), (0, 1, 3), ("no", "good", "bad")
    ):
        state = {"visceral": "no"}
        if organs != "no":
            can = "yes" if organs == "good" else "no"
            state = {
                "visceral": "yes",
                "visceral_removable": can,
                "visceral_treatable": can,
                "disseminated": "no" if organs == "good" else "yes",
            }
        yield Case.model_validate(
            {
                "cancer": {
                    "primary": site,
                    "hormone_dependent": "yes" if kps == 90 else "no",
                    "targeted_drug": "yes" if kps == 90 else "no",
                    "previous_chemotherapy": "yes" if bones == 3 else "no",
                },
                "condition": {"kps": kps, "ecog": 4 if kps == 40 else 1, "walks": "yes" if kps > 40 else "no"},
                "spread": {"vertebrae": vertebrae, "extraspinal_bone": bones, **state},
                "neurology": {"grade": {40: "A", 60: "D", 90: "E"}[kps]},
                "laboratory": {
                    "albumin_g_dl": 4.0 if kps == 90 else 3.0,
                    "crp_mg_dl": 0.1,
                    "ldh_iu_l": 200,
                    "platelets_per_ul": 50000 if kps == 40 else 200000,
                    "calcium_mg_dl": 9,
                    "bilirubin_mg_dl": 1,
                },
            }
        )


@settings(max_examples=150, deadline=None)
@given(answers_of_a_case, st.data())
def test_a_removed_answer_never_narrows_a_range(answers, data):
    if not answers:
        return
    gone = data.draw(st.sampled_from(sorted(answers)))
    fewer = {path: answer for path, answer in answers.items() if path != gone}
    known, wider = case_of(answers), case_of(fewer)
    assert wider is not None  # leaving an answer out can't make a contradiction
    for name in prognosis.SCORES:
        before, after = prognosis.score(name, known), prognosis.score(name, wider)
        assert after.total_min <= before.total_min <= before.total_max <= after.total_max
        assert set(before.bands) <= set(after.bands)
        for item, opened in zip(before.items, after.items, strict=True):
            assert opened.points_min <= item.points_min <= item.points_max <= opened.points_max


@settings(max_examples=150, deadline=None)
@given(answers_of_a_case)
def test_the_total_lies_in_the_bands_it_names(answers):
    case = case_of(answers)
    for name in prognosis.SCORES:
        result = prognosis.score(name, case)
        strata = rules.load(name).under("strata")
        touched = [
            band
            for band, entry in strata.items()
            if any(entry.value[0] <= total <= entry.value[1] for total in range(result.total_min, result.total_max + 1))
        ]
        assert list(result.bands) == touched


# Answers put in order from what is better to what is worse, as all of these scores see it.
WORSE = {
    "condition.kps": [100, 90, 80, 70, 60, 50, 40, 10],
    "condition.ecog": [0, 1, 2, 3, 4],
    "condition.walks": ["yes", "no"],
    "spread.vertebrae": [1, 2, 3, 10],
    "spread.extraspinal_bone": [0, 1, 2, 3, 10],
    "spread.visceral": ["no", "yes"],
    "neurology.grade": ["E", "D", "C", "B", "A"],
    "neurology.deficit_onset_days": [30, 14, 7, 1],
    "cancer.months_to_compression": [60, 16, 15, 1],
    "cancer.hormone_dependent": ["yes", "no"],
    "cancer.targeted_drug": ["yes", "no"],
    "cancer.previous_chemotherapy": ["no", "yes"],
    "laboratory.albumin_g_dl": [4.5, 3.7, 3.5, 3.4, 2.0],
    "laboratory.crp_mg_dl": [0.1, 0.4, 9.0],
    "laboratory.platelets_per_ul": [200000, 100000, 99999],
    "laboratory.calcium_mg_dl": [9.0, 10.3, 12.0],
}


@settings(max_examples=150, deadline=None)
@given(answers_of_a_case, st.sampled_from(sorted(WORSE)), st.data())
def test_a_worse_answer_never_betters_a_score(answers, path, data):
    ladder = WORSE[path]
    better, worse = sorted(data.draw(st.tuples(*[st.integers(0, len(ladder) - 1)] * 2)))
    one, other = case_of({**answers, path: ladder[better]}), case_of({**answers, path: ladder[worse]})
    if one is None or other is None:
        return
    for name in prognosis.SCORES:
        good, bad = prognosis.score(name, one), prognosis.score(name, other)
        sign = 1 if good.higher_is_better else -1
        ends = (
            sorted((sign * good.total_min, sign * good.total_max)),
            sorted((sign * bad.total_min, sign * bad.total_max)),
        )
        assert ends[0][0] >= ends[1][0]
        assert ends[0][1] >= ends[1][1]


@pytest.mark.parametrize("site", SITES)
def test_every_site_of_the_file_has_a_place_in_every_score(site):
    for name in prognosis.SCORES:
        result = prognosis.score(name, Case.model_validate({"cancer": {"primary": site}}))
        assert result.total_min >= result.lowest
        assert result.total_max <= result.highest


def test_a_site_in_two_rows_or_in_none_leaves_both_or_all_possible():
    def primary(name, site):
        items = prognosis.score(name, Case.model_validate({"cancer": {"primary": site}})).items
        item = next(item for item in items if item.name == "primary")
        return item.points_min, item.points_max

    assert primary("tokuhashi", "rectum") == (4, 4)
    assert primary("tokuhashi", "colorectal") == (2, 4)
    assert primary("tomita", "melanoma") == (1, 4)
    assert primary("tomita", "prostate") == (1, 1)


def test_what_rests_on_memory_is_marked_and_suggests_nothing():
    lung = {"cancer": {"primary": "lung"}, "spread": {"visceral": "no", "vertebrae": 1, "extraspinal_bone": 0}}
    liver = {**lung, "cancer": {"primary": "liver"}}
    read, remembered = (prognosis.score("tomita", Case.model_validate(answers)) for answers in (lung, liver))
    assert read.unverified == ()
    assert read.suggested
    assert (read.total_min, read.total_max) == (remembered.total_min, remembered.total_max)
    assert "sites_unverified.rapid_growth" in remembered.unverified
    assert remembered.suggested == ()
    assert prognosis.score("rades", Case()).unverified


def test_survival_from_memory_is_marked():
    figures = [
        figure
        for found in prognosis.score("tomita", Case()).survival
        if found.measure == "mean"
        for _, figure in found.figures
    ]
    assert figures
    assert all("[unverified]" in figure for figure in figures)


def test_part_of_an_answer_can_be_enough():
    several = prognosis.score("tomita", Case.model_validate({"spread": {"vertebrae": 4}}))
    assert next(item for item in several.items if item.name == "bone").points_min == 2
    organ = prognosis.score("bauer", Case.model_validate({"spread": {"visceral_treatable": "yes"}}))
    assert next(item for item in organ.items if item.name == "visceral").points_max == 0


def test_what_would_narrow_a_score_is_told_by_its_place_and_does_narrow_it():
    lung = Case.model_validate({"cancer": {"primary": "lung"}, "laboratory": {"crp_mg_dl": 5}})
    missing = prognosis.score("katagiri", lung).missing
    assert "cancer.targeted_drug" in missing
    assert "cancer.hormone_dependent" not in missing  # asks nothing of lung cancer
    assert "laboratory.calcium_mg_dl" in missing
    assert "laboratory.ldh_iu_l" not in missing  # one value is abnormal already


@settings(max_examples=60, deadline=None)
@given(answers_of_a_case)
def test_a_range_has_something_left_to_answer_or_says_why(answers):
    case = case_of(answers)
    for name in prognosis.SCORES:
        result = prognosis.score(name, case)
        if result.total_min < result.total_max and not result.missing:
            # Only where an answer itself leaves room: a site in two rows or in none, several vertebrae in Rades.
            open_items = [item for item in result.items if item.points_min < item.points_max]
            assert all(item.basis != "not answered" for item in open_items)
