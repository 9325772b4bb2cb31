"""What the answers of a case say of each item of each prognosis score: the words that are still possible."""

from __future__ import annotations

from collections.abc import Callable

from spondyl.clinical import rules
from spondyl.clinical.case import Case
from spondyl.clinical.item_of_answers import (
    bones,
    by_answer,
    by_count,
    by_kps,
    by_site,
    given,
    in_organs,
    open_item,
    organ_state,
    passes,
    visceral,
)
from spondyl.clinical.rules import RuleSet
from spondyl.values.findings import Item

Items = dict[str, Item]


def tokuhashi(case: Case) -> Items:
    table = rules.load("tokuhashi")
    return {
        "general_condition": by_kps(case, table),
        "extraspinal_bone": by_count(
            case.spread.extraspinal_bone,
            {"three_or_more": range(3, 1000), "one_or_two": range(1, 3), "none": range(1)},
            "bone metastases outside the spine",
        ),
        "vertebrae": by_count(
            case.spread.vertebrae,
            {"three_or_more": range(3, 1000), "two": range(2, 3), "one": range(1, 2)},
            "vertebrae with metastases",
        ),
        "internal_organs": organ_state(case, case.spread.visceral_removable, "removable", "unremovable"),
        "primary": by_site(case, table, tuple(table.under("points.primary"))),
        "palsy": _palsy(case),
    }


def _palsy(case: Case) -> Item:
    grade = case.neurology.grade
    if grade == "unknown":
        return open_item(("complete", "incomplete", "none"))
    word = {"A": "complete", "B": "complete", "C": "incomplete", "D": "incomplete", "E": "none"}[grade]
    return given(word, f"grade {grade}")


def tomita(case: Case) -> Items:
    table = rules.load("tomita")
    return {
        "primary": by_site(case, table, tuple(table.under("points.primary"))),
        "visceral": organ_state(case, case.spread.visceral_treatable, "treatable", "untreatable"),
        "bone": bones(case),
    }


def katagiri(case: Case) -> Items:
    return {
        "primary": _katagiri_primary(case),
        "visceral": _katagiri_visceral(case),
        "laboratory": _katagiri_laboratory(case),
        "performance": _ecog(case),
        "chemotherapy": by_answer(
            case.cancer.previous_chemotherapy, "given_before", "none_before", "chemotherapy before"
        ),
        "skeletal": bones(case),
    }


def _katagiri_primary(case: Case) -> Item:
    """By growth; of breast, prostate and lung the growth depends on whether a treatment works."""
    table, site = rules.load("katagiri"), case.cancer.primary
    by_treatment = {
        "hormone": (case.cancer.hormone_dependent, "slow_growth", "moderate_growth"),
        "targeted": (case.cancer.targeted_drug, "moderate_growth", "rapid_growth"),
    }
    for kind, (works, growth, otherwise) in by_treatment.items():
        if site in table.value(f"sites_by_treatment.{kind}"):
            question = {"hormone": "hormone dependent", "targeted": "targeted drug"}[kind]
            if works == "unknown":
                return open_item((growth, otherwise), f"primary: {site}; {question}: not answered")
            return given(growth if works == "yes" else otherwise, f"primary: {site}; {question}: {works}")
    return by_site(case, table, tuple(table.under("points.primary")))


def _katagiri_visceral(case: Case) -> Item:
    present, spread = in_organs(case), case.spread.disseminated
    if present == "no":
        return given("none", "metastases in internal organs: no")
    if spread == "yes":
        return given("disseminated", "disseminated: yes")
    words = (*(("none",) if present == "unknown" else ()), "nodular", *(("disseminated",) if spread != "no" else ()))
    basis = f"metastases in internal organs: {present}; disseminated: {spread}"
    return Item(words, basis, "given" if len(words) == 1 else "unknown")


def _katagiri_laboratory(case: Case) -> Item:
    """Any one value makes the answer and a critical one overrides; what is not measured could be anything."""
    table, values = rules.load("katagiri"), case.laboratory
    critical = [
        passes(values.platelets_per_ul, table.value("critical.platelets_per_ul"), below=True),
        passes(values.calcium_mg_dl, table.value("critical.calcium_mg_dl"), below=False),
        passes(values.bilirubin_mg_dl, table.value("critical.bilirubin_mg_dl"), below=False),
    ]
    abnormal = [
        passes(values.crp_mg_dl, table.value("abnormal.crp_mg_dl"), below=False),
        passes(values.ldh_iu_l, table.value("abnormal.ldh_iu_l"), below=False),
        passes(values.albumin_g_dl, table.value("abnormal.albumin_g_dl"), below=True),
    ]
    words = (
        *(("normal",) if True not in critical + abnormal else ()),
        *(("abnormal",) if True not in critical and (True in abnormal or None in abnormal) else ()),
        *(("critical",) if True in critical or None in critical else ()),
    )
    measured = sum(value is not None for value in critical + abnormal)
    return Item(words, f"{measured} of 6 values given", "given" if len(words) == 1 else "unknown")


def _ecog(case: Case) -> Item:
    ecog = case.condition.ecog
    if ecog is None:
        return open_item(("ecog_3_or_4", "ecog_0_to_2"))
    return given("ecog_3_or_4" if ecog >= 3 else "ecog_0_to_2", f"ECOG {ecog}")


def bauer(case: Case) -> Items:
    table, site = rules.load("bauer"), case.cancer.primary
    if site is None:
        about_primary = {"lung_cancer": open_item(("yes", "no")), "favourable_primary": open_item(("yes", "no"))}
    else:
        about_primary = {
            "lung_cancer": given("yes" if site in table.value("sites.lung") else "no", f"primary: {site}"),
            "favourable_primary": given("yes" if site in table.value("sites.favourable") else "no", f"primary: {site}"),
        }
    if site == "unknown primary":
        # A primary that was not found may be in the lung.
        about_primary = {name: open_item(("yes", "no"), "primary not found") for name in about_primary}
    return {"visceral": visceral(case, "present", "none"), **about_primary, "skeletal": bones(case)}


def nesms(case: Case) -> Items:
    table = rules.load("nesms")
    low, high = _bauer_range(case)
    limit = table.value("thresholds.bauer")
    words = (
        *(("three_or_more",) if high >= limit else ()),
        *(("under_three",) if low < limit else ()),
    )
    said = f"modified Bauer {low}" if low == high else f"modified Bauer {low} to {high}"
    albumin = passes(case.laboratory.albumin_g_dl, table.value("thresholds.albumin_g_dl"), below=False)
    return {
        "modified_bauer": Item(words, said, "given" if len(words) == 1 else "unknown"),
        "walking": by_answer(case.condition.walks, "walks", "does_not_walk", "able to walk"),
        "albumin": open_item(("normal", "low"))
        if albumin is None
        else given("normal" if albumin else "low", f"albumin {case.laboratory.albumin_g_dl:g} g/dL"),
    }


def _bauer_range(case: Case) -> tuple[int, int]:
    table = rules.load("bauer")
    points = [[table.value(f"points.{name}.{word}") for word in item.possible] for name, item in bauer(case).items()]
    return sum(map(min, points)), sum(map(max, points))


def van_der_linden(case: Case) -> Items:
    table, site = rules.load("van_der_linden"), case.cancer.primary
    words = tuple(table.under("points.primary"))
    if site in (None, "unknown primary"):
        primary = open_item(words, "not answered" if site is None else "primary not found")
    else:
        primary = given(site if site in words else "other", f"primary: {site}")
    return {
        "general_condition": by_kps(case, table),
        "primary": primary,
        "visceral": visceral(case, "present", "none"),
    }


def rades(case: Case) -> Items:
    table = rules.load("rades")
    return {
        "primary": _rades_primary(case),
        "other_bone": _other_bone(case),
        "visceral": visceral(case, "present", "none"),
        "interval": _interval(case, table),
        "walking": by_answer(case.condition.walks, "walks", "does_not_walk", "able to walk"),
        "deficit_onset": _onset(case, table),
    }


def _rades_primary(case: Case) -> Item:
    site, words = case.cancer.primary, tuple(rules.load("rades").under("points.primary"))
    if site is None:
        return open_item(words)
    word = "myeloma_or_lymphoma" if site in ("myeloma", "lymphoma") else site if site in words else "other"
    return given(word, f"primary: {site}")


def _other_bone(case: Case) -> Item:
    """Metastases in other bones; whether other vertebrae count is not said, so with several both stay possible."""
    elsewhere, vertebrae = case.spread.extraspinal_bone, case.spread.vertebrae
    if elsewhere:
        return given("present", f"bone metastases outside the spine: {elsewhere}")
    if elsewhere == 0 and vertebrae == 1:
        return given("none", "one vertebra, no other bone")
    several = elsewhere == 0 and vertebrae is not None
    return open_item(
        ("present", "none"), "several vertebrae: not said whether they count" if several else "not answered"
    )


def _interval(case: Case, table: RuleSet) -> Item:
    months, limit = case.cancer.months_to_compression, table.value("thresholds.interval_months")
    if months is None:
        return open_item(("up_to_15_months", "over_15_months"))
    return given("over_15_months" if months > limit else "up_to_15_months", f"{months:g} months from diagnosis")


def _onset(case: Case, table: RuleSet) -> Item:
    days = case.neurology.deficit_onset_days
    words = tuple(table.under("points.deficit_onset"))
    if days is None:
        no_deficit = case.neurology.grade == "E"
        return open_item(words, "no deficit, which the table does not hold" if no_deficit else "not answered")
    short, middle = table.value("thresholds.onset_short_days"), table.value("thresholds.onset_middle_days")
    word = "1_to_7_days" if days <= short else "8_to_14_days" if days <= middle else "over_14_days"
    return given(word, f"developed in {days:g} days")


ITEMS_OF: dict[str, Callable[[Case], Items]] = {
    "tokuhashi": tokuhashi,
    "tomita": tomita,
    "katagiri": katagiri,
    "bauer": bauer,
    "nesms": nesms,
    "van_der_linden": van_der_linden,
    "rades": rades,
}
