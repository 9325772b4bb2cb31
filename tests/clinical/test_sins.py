"""SINS against the published table, typed here a second time, and against brute force."""

import itertools
import math
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spondyl.anatomy.levels import Level
from spondyl.clinical import rules, sins
from spondyl.clinical.history import History
from spondyl.values.findings import Item, LevelFindings

# Fisher 2010 as printed in independent copies; the oracle of this file.
TABLE = {
    "pain": {"mechanical": 3, "occasional_not_mechanical": 1, "pain_free": 0},
    "lesion": {"lytic": 2, "mixed": 1, "blastic": 0},
    "alignment": {"subluxation_translation": 4, "de_novo_deformity": 2, "normal": 0},
    "collapse": {"over_50": 3, "under_50": 2, "none_over_half_involved": 1, "none": 0},
    "posterolateral": {"bilateral": 3, "unilateral": 1, "none": 0},
}
LOCATION = {
    3: "C1 C2 C7 T1 T2 T11 T12 T13 L1 L5 L6 S1",
    2: "C3 C4 C5 C6 L2 L3 L4",
    1: "T3 T4 T5 T6 T7 T8 T9 T10",
    0: "S2 S3 S4 S5 CO",
}
POINTS_OF_LEVEL = {Level[name]: points for points, names in LOCATION.items() for name in names.split()}
CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "sins.toml").read_text(encoding="utf-8"))["case"]


def band(total):
    return "stable" if total <= 6 else "indeterminate" if total <= 12 else "unstable"


def findings(level, **answers):
    """Findings with each answer a word or a tuple of words."""
    items = {
        name: Item((answer,) if isinstance(answer, str) else tuple(answer), "as given", "given")
        for name, answer in answers.items()
    }
    return LevelFindings(level, **items)


def subsets(name):
    return st.lists(st.sampled_from(sorted(TABLE[name])), min_size=1, unique=True)


anything = st.builds(
    lambda level, **answers: findings(level, **answers),
    st.sampled_from(Level),
    **{name: subsets(name) for name in TABLE},
)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_worked_case(case):
    result = sins.score(findings(Level[case["level"]], **{name: case[name] for name in TABLE}))
    assert [item.points_min for item in result.items] == case["points"]
    assert (result.total_min, result.total_max) == (case["total"], case["total"])
    assert result.category == case["category"]
    assert result.missing == ()
    assert sum(case["points"]) == case["total"]


def test_the_rule_file_holds_the_published_table():
    for name, points in TABLE.items():
        assert {word: entry.value for word, entry in rules.load("sins").under(f"points.{name}").items()} == points
        assert set(sins.words(name)) == set(points)


@pytest.mark.parametrize("level", list(Level), ids=lambda level: level.name)
def test_location_of_every_level(level):
    result = sins.score(findings(level, **{name: min(points, key=points.get) for name, points in TABLE.items()}))
    assert result.total_min == result.total_max == POINTS_OF_LEVEL[level]


def test_an_own_choice_of_location_says_so():
    basis = sins.score(findings(Level.T13, **{name: next(iter(TABLE[name])) for name in TABLE})).items[0].basis
    assert "T13 lies between" in basis


def test_each_of_the_19_totals_is_reached_and_lies_in_its_band():
    seen = set()
    for level in (Level.S3, Level.T7, Level.L3, Level.C7):
        for answers in itertools.product(*TABLE.values()):
            chosen = dict(zip(TABLE, answers, strict=True))
            expected = POINTS_OF_LEVEL[level] + sum(TABLE[name][word] for name, word in chosen.items())
            result = sins.score(findings(level, **chosen))
            assert (result.total_min, result.total_max, result.category) == (expected, expected, band(expected))
            assert ("does not call" in result.advice) == (expected < 7)
            seen.add(expected)
    assert seen == set(range(19))


@given(anything)
def test_a_range_is_what_trying_every_possible_answer_gives(case):
    totals = [
        POINTS_OF_LEVEL[case.level] + sum(TABLE[name][word] for name, word in zip(TABLE, words, strict=True))
        for words in itertools.product(*(getattr(case, name).possible for name in TABLE))
    ]
    result = sins.score(case)
    assert (result.total_min, result.total_max) == (min(totals), max(totals))
    order = ("stable", "indeterminate", "unstable")
    spanned = order[order.index(band(min(totals))) : order.index(band(max(totals))) + 1]
    assert result.category == " or ".join(spanned)
    assert result.missing == tuple(name for name in TABLE if not getattr(case, name).known)


@given(anything)
def test_advice_follows_the_whole_range(case):
    result = sins.score(case)
    if result.total_min >= 7:
        assert result.advice.startswith("Surgical consultation is advised")
    elif result.total_max >= 7:
        assert result.advice.startswith("May need surgical consultation")
    else:
        assert "does not call for" in result.advice
    assert "0.67" in result.advice


@given(anything, st.sampled_from(sorted(TABLE)))
def test_removing_an_answer_never_narrows_the_range(case, name):
    known = sins.score(case)
    opened = {**{item: getattr(case, item).possible for item in TABLE}, name: tuple(TABLE[name])}
    wider = sins.score(findings(case.level, **opened))
    assert wider.total_min <= known.total_min
    assert wider.total_max >= known.total_max


def test_nothing_known_is_the_full_range_and_no_band():
    result = sins.score(
        LevelFindings(
            Level.L3,
            sins.pain_item(History(), Level.L3),
            sins.lesion_item(()),
            sins.alignment_item(None, None, None, None),
            sins.collapse_item(None),
            sins.posterolateral_item(None, None),
        )
    )
    assert (result.total_min, result.total_max) == (2, 17)
    assert result.category == "stable or indeterminate or unstable"
    assert result.missing == ("pain", "lesion", "alignment", "collapse", "posterolateral")


def test_an_answer_sins_does_not_know_is_refused():
    words = {name: next(iter(TABLE[name])) for name in TABLE}
    with pytest.raises(ValueError, match="SINS pain can't be 'terrible'"):
        sins.score(findings(Level.L3, **{**words, "pain": "terrible"}))


def test_results_cite_fisher_and_fourney():
    words = {name: next(iter(TABLE[name])) for name in TABLE}
    assert {"fisher2010", "fourney2011"} <= set(sins.score(findings(Level.L3, **words)).citations)


def test_advice_is_withheld_when_its_threshold_is_unverified(monkeypatch):
    table = rules.load("sins")
    shaky = {
        **table.entries,
        "advice.consult_from": rules.Entry(**{**vars(table["advice.consult_from"]), "status": "unverified"}),
    }
    monkeypatch.setattr(rules, "load", lambda name: rules.RuleSet(table.name, "1", table.title, shaky))
    words = {name: next(iter(TABLE[name])) for name in TABLE}
    advice = sins.score(findings(Level.C7, **words)).advice
    assert advice.startswith("No advice")
    assert "is advised" not in advice


# Pain


def pain(answers, level=Level.T8):
    return set(sins.pain_item(History.model_validate({"pain": answers}), level).possible)


ALL_PAIN = set(TABLE["pain"])


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, ALL_PAIN),
        ({"present": "no"}, {"pain_free"}),
        ({"present": "yes", "mechanical": "yes"}, ALL_PAIN),
        ({"present": "yes", "mechanical": "no"}, {"occasional_not_mechanical", "pain_free"}),
        ({"levels": {"T8": {"mechanical": "yes"}}}, {"mechanical"}),
        ({"levels": {"T8": {"present": "no"}}}, {"pain_free"}),
        ({"levels": {"T8": {"present": "yes"}}}, {"mechanical", "occasional_not_mechanical"}),
        ({"levels": {"T8": {"present": "yes", "mechanical": "no"}}}, {"occasional_not_mechanical"}),
        ({"mechanical": "no", "levels": {"T8": {"present": "yes"}}}, {"occasional_not_mechanical"}),
        ({"levels": {"T9": {"mechanical": "yes"}}}, ALL_PAIN),
    ],
)
def test_pain_of_a_level(answers, expected):
    assert pain(answers) == expected


def test_without_a_history_pain_is_open():
    item = sins.pain_item(None, Level.T8)
    assert set(item.possible) == ALL_PAIN
    assert item.source == "unknown"


answer = st.sampled_from(["yes", "no", "unknown"])


@given(
    st.fixed_dictionaries({"present": answer, "mechanical": answer, "sudden": answer}),
    st.fixed_dictionaries({"present": answer, "mechanical": answer}),
    st.sampled_from(["present", "mechanical", "sudden", "T8.present", "T8.mechanical"]),
)
def test_removing_an_answer_about_pain_never_narrows_it(general, here, removed):
    try:
        before = pain({**general, "levels": {"T8": here}})
    except ValueError:
        return  # the answers contradict each other
    if removed.startswith("T8."):
        here = {**here, removed.removeprefix("T8."): "unknown"}
    else:
        general = {**general, removed: "unknown"}
    assert pain({**general, "levels": {"T8": here}}) >= before
    assert pain(general) >= before


def test_a_given_reading_is_taken_and_an_absent_one_is_not():
    history = History.model_validate(
        {"imaging": {"levels": {"T8": {"alignment": "normal", "earlier_alignment": "normal"}}}}
    )
    item = sins.given_item(history, Level.T8, "alignment")
    assert (item.possible, item.source) == (("normal",), "given")
    assert sins.given_item(history, Level.T8, "collapse") is None
    assert sins.given_item(history, Level.T9, "alignment") is None
    assert sins.given_item(None, Level.T8, "alignment") is None
    assert sins.earlier_alignment(history, Level.T8) == "normal"
    assert sins.earlier_alignment(None, Level.T8) == "unknown"


# Measured items


@pytest.mark.parametrize(
    ("loss", "interval", "share", "expected"),
    [
        (0.60, (0.55, 0.65), 0.1, {"over_50"}),
        (0.30, (0.25, 0.35), 0.1, {"under_50"}),
        (0.48, (0.40, 0.56), 0.1, {"over_50", "under_50"}),
        (0.02, (-0.03, 0.07), 0.1, {"none"}),
        (0.02, (-0.03, 0.07), 0.9, {"none_over_half_involved"}),
        (0.02, (-0.03, 0.07), None, {"none", "none_over_half_involved"}),
        (0.02, (-0.03, 0.07), 0.5, {"none", "none_over_half_involved"}),
        (0.15, (0.12, 0.18), 0.1, {"under_50", "none"}),
        (0.50, (0.50, 0.50), 0.1, {"over_50", "under_50"}),
        (0.45, (0.40, 0.50), 0.1, {"over_50", "under_50"}),
        (0.55, (0.50, 0.60), 0.1, {"over_50", "under_50"}),
        (0.50, None, 0.1, {"over_50", "under_50"}),
        (None, None, 0.1, {"over_50", "under_50", "none"}),
        (math.nan, None, None, set(TABLE["collapse"])),
    ],
)
def test_collapse_from_numbers(loss, interval, share, expected):
    assert set(sins.collapse_item(loss, interval, share).possible) == expected


share = st.floats(0, 1)


@given(st.floats(-0.2, 1), st.floats(0, 0.3), st.floats(0, 0.3), st.one_of(st.none(), share))
def test_more_doubt_about_height_never_removes_an_answer(loss, narrow, more, body):
    tight = sins.collapse_item(loss, (loss - narrow, loss + narrow), body)
    loose = sins.collapse_item(loss, (loss - narrow - more, loss + narrow + more), body)
    assert set(tight.possible) <= set(loose.possible)
    assert set(loose.possible) <= set(sins.collapse_item(None, None, body).possible)
    assert set(tight.possible) <= set(sins.collapse_item(loss, (loss - narrow, loss + narrow), None).possible)


SLIP, BENT, NORMAL = "subluxation_translation", "de_novo_deformity", "normal"


@pytest.mark.parametrize(
    ("numbers", "extra", "expected"),
    [
        ((0.5, 0.2, 4.0, 1.0), {}, {NORMAL}),
        ((5.0, 0.2, 4.0, 1.0), {}, {SLIP}),
        ((-5.0, 0.2, 25.0, 1.0), {}, {SLIP}),
        ((0.5, -5.0, 4.0, 1.0), {"unseen": ("below",)}, {SLIP}),
        ((3.2, 0.2, 4.0, 1.0), {}, {SLIP, NORMAL}),
        ((0.5, 0.2, 25.0, 1.0), {}, {BENT}),
        ((0.5, 0.2, -25.0, 1.0), {}, {NORMAL}),
        ((0.5, 0.2, 4.0, -20.0), {}, {BENT}),
        ((0.5, 0.2, 10.4, 1.0), {}, {BENT, NORMAL}),
        ((0.5, 0.2, 12.5, 1.0), {"kyphosis_sd_deg": 2.0}, {BENT}),
        ((0.5, 0.2, 12.5, 1.0), {"kyphosis_sd_deg": 8.0}, {BENT, NORMAL}),
        ((0.5, 0.2, 25.0, 1.0), {"earlier": "normal"}, {BENT}),
        ((0.5, 0.2, 25.0, 1.0), {"earlier": "same_as_now"}, {NORMAL}),
        ((None, 0.2, 4.0, 1.0), {}, {SLIP, NORMAL}),
        ((0.5, math.nan, 4.0, 1.0), {}, {SLIP, NORMAL}),
        ((0.5, 0.2, None, None), {}, {BENT, NORMAL}),
        ((None, None, None, None), {}, {SLIP, BENT, NORMAL}),
        ((0.5, 0.2, None, None), {"unseen": ("above",)}, {SLIP, BENT, NORMAL}),
    ],
)
def test_alignment_from_numbers(numbers, extra, expected):
    assert set(sins.alignment_item(*numbers, **extra).possible) == expected


@given(
    st.lists(st.one_of(st.none(), st.floats(-40, 40)), min_size=4, max_size=4),
    st.integers(0, 3),
    st.one_of(st.none(), st.floats(0, 10)),
    st.sampled_from([(), ("above",), ("above", "below")]),
)
def test_a_missing_measure_of_alignment_never_removes_the_truth(numbers, missing, sd, unseen):
    """What was possible stays so when a measure is lost, but for what a certain slip or bend had ruled out."""
    item = sins.alignment_item(*numbers, kyphosis_sd_deg=sd, unseen=unseen)
    fewer = [None if place == missing else value for place, value in enumerate(numbers)]
    assert set(item.possible) <= set(sins.alignment_item(*fewer, kyphosis_sd_deg=sd, unseen=unseen).possible)
    wider = sins.alignment_item(*numbers, kyphosis_sd_deg=(sd or 0.0) + 3.0, unseen=unseen)
    assert set(item.possible) <= set(wider.possible)
    assert set(item.possible) <= set(
        sins.alignment_item(*numbers, kyphosis_sd_deg=sd, unseen=("above", "below")).possible
    )


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["lytic"], {"lytic"}),
        (["blastic", "blastic"], {"blastic"}),
        (["lytic", "blastic"], {"lytic", "mixed"}),
        (["mixed", "blastic"], {"mixed"}),
        ([], set(TABLE["lesion"])),
    ],
)
def test_lesion_from_types(kinds, expected):
    assert set(sins.lesion_item(kinds).possible) == expected


def test_an_unknown_lesion_type_is_refused():
    with pytest.raises(ValueError, match="'sclerotic'"):
        sins.lesion_item(["sclerotic"])


@pytest.mark.parametrize("left", [True, False, None])
@pytest.mark.parametrize("right", [True, False, None])
def test_posterolateral_holds_every_count_of_sides_that_is_possible(left, right):
    item = sins.posterolateral_item(left, right)
    sides = itertools.product(*([True, False] if side is None else [side] for side in (left, right)))
    assert set(item.possible) == {("none", "unilateral", "bilateral")[sum(pair)] for pair in sides}
    assert (item.source == "unknown") == (left is None and right is None)
