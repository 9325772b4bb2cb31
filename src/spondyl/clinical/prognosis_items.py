"""What the answers of a case say of each item of each prognosis score: the words that are still possible.

An answer that is not given leaves every word possible. Some follow from others (no metastasis in any organ means
none that could be removed), and part of an answer can be enough (three vertebrae are several, whatever the rest of
the skeleton holds).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spondyl.clinical import rules
from spondyl.clinical.case import Case, Laboratory
from spondyl.clinical.rules import RuleSet
from spondyl.values.findings import Item

Items = dict[str, Item]


def _open(words: tuple[str, ...], basis: str = "not answered") -> Item:
    return Item(words, basis, "unknown")


def _given(word: str, basis: str) -> Item:
    return Item((word,), basis, "given")


def _by_answer(answer: str, yes: str, no: str, basis: str) -> Item:
    if answer == "unknown":
        return _open((yes, no))
    return _given(yes if answer == "yes" else no, f"{basis}: {answer}")


def _kps(case: Case, table: RuleSet) -> Item:
    """The answer whose lowest Karnofsky status is the highest one reached."""
    lowest = {word: entry.value for word, entry in table.under("kps").items()}
    kps = case.condition.kps
    if kps is None:
        return _open(tuple(lowest))
    word = max((word for word in lowest if lowest[word] <= kps), key=lambda word: lowest[word])
    return _given(word, f"KPS {kps}")


def _sites(case: Case, table: RuleSet, words: tuple[str, ...]) -> Item:
    """Answers under which the primary site stands; a site in no row leaves all of them possible."""
    site = case.cancer.primary
    if site is None:
        return _open(words)
    if rows := tuple(word for word, entry in table.under("sites").items() if site in entry.value):
        return Item(rows, f"primary: {site}", "given")
    for word, entry in table.under("sites_unverified").items():
        if site in entry.value:
            return Item((word,), f"primary: {site} [sites_unverified.{word}]", "given")
    return Item(words, f"primary: {site}, which the table read does not name", "given")


def _visceral(case: Case, present: str, none: str) -> Item:
    answer = _organs(case)
    return _by_answer(answer, present, none, "metastases in internal organs")


def _organs(case: Case) -> str:
    """Metastases in internal organs, also when only their kind is answered."""
    spread = case.spread
    told = (spread.visceral_removable, spread.visceral_treatable, spread.disseminated)
    return "yes" if spread.visceral == "unknown" and "yes" in told else spread.visceral


def _several_bones(case: Case) -> str:
    """Whether there is more than one bone metastasis, those of the spine included; one in the spine there is."""
    vertebrae, elsewhere = case.spread.vertebrae, case.spread.extraspinal_bone
    if (vertebrae or 0) > 1 or (elsewhere or 0) > 0:
        return "yes"
    return "no" if vertebrae == 1 and elsewhere == 0 else "unknown"


def _bones(case: Case) -> Item:
    said = {"vertebrae": case.spread.vertebrae, "other bones": case.spread.extraspinal_bone}
    basis = ", ".join(f"{name} {'not answered' if count is None else count}" for name, count in said.items())
    answer = _several_bones(case)
    if answer == "unknown":
        return _open(("multiple", "solitary"), basis)
    return _given("multiple" if answer == "yes" else "solitary", basis)


def _count(count: int | None, words: Mapping[str, range], name: str) -> Item:
    if count is None:
        return _open(tuple(words))
    return _given(next(word for word, numbers in words.items() if count in numbers), f"{name}: {count}")


def tokuhashi(case: Case) -> Items:
    table = rules.load("tokuhashi")
    return {
        "general_condition": _kps(case, table),
        "extraspinal_bone": _count(
            case.spread.extraspinal_bone,
            {"three_or_more": range(3, 1000), "one_or_two": range(1, 3), "none": range(1)},
            "bone metastases outside the spine",
        ),
        "vertebrae": _count(
            case.spread.vertebrae,
            {"three_or_more": range(3, 1000), "two": range(2, 3), "one": range(1, 2)},
            "vertebrae with metastases",
        ),
        "internal_organs": _organ_state(case, case.spread.visceral_removable, "removable", "unremovable"),
        "primary": _sites(case, table, tuple(table.under("points.primary"))),
        "palsy": _palsy(case),
    }


def _organ_state(case: Case, can_be: str, good: str, bad: str) -> Item:
    """None, or of two states; that there is something in an organ leaves the two."""
    present = _organs(case)
    if present == "no":
        return _given("none", "metastases in internal organs: no")
    states = (bad, good) if can_be == "unknown" else (good,) if can_be == "yes" else (bad,)
    if present == "yes":
        basis = f"metastases in internal organs: yes; {good}: {can_be}"
        return Item(states, basis, "given" if len(states) == 1 else "unknown")
    return _open((*states, "none"))


def _palsy(case: Case) -> Item:
    grade = case.neurology.grade
    if grade == "unknown":
        return _open(("complete", "incomplete", "none"))
    word = {"A": "complete", "B": "complete", "C": "incomplete", "D": "incomplete", "E": "none"}[grade]
    return _given(word, f"grade {grade}")


def tomita(case: Case) -> Items:
    table = rules.load("tomita")
    return {
        "primary": _sites(case, table, tuple(table.under("points.primary"))),
        "visceral": _organ_state(case, case.spread.visceral_treatable, "treatable", "untreatable"),
        "bone": _bones(case),
    }


def katagiri(case: Case) -> Items:
    return {
        "primary": _katagiri_primary(case),
        "visceral": _katagiri_visceral(case),
        "laboratory": _katagiri_laboratory(case),
        "performance": _ecog(case),
        "chemotherapy": _by_answer(
            case.cancer.previous_chemotherapy, "given_before", "none_before", "chemotherapy before"
        ),
        "skeletal": _bones(case),
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
                return _open((growth, otherwise), f"primary: {site}; {question}: not answered")
            return _given(growth if works == "yes" else otherwise, f"primary: {site}; {question}: {works}")
    return _sites(case, table, tuple(table.under("points.primary")))


def _katagiri_visceral(case: Case) -> Item:
    present, spread = _organs(case), case.spread.disseminated
    if present == "no":
        return _given("none", "metastases in internal organs: no")
    if spread == "yes":
        return _given("disseminated", "disseminated: yes")
    words = (*(("none",) if present == "unknown" else ()), "nodular", *(("disseminated",) if spread != "no" else ()))
    basis = f"metastases in internal organs: {present}; disseminated: {spread}"
    return Item(words, basis, "given" if len(words) == 1 else "unknown")


def _katagiri_laboratory(case: Case) -> Item:
    """Any one value makes the answer and a critical one overrides; what is not measured could be anything."""
    table, values = rules.load("katagiri"), case.laboratory
    critical = [
        _passes(values.platelets_per_ul, table.value("critical.platelets_per_ul"), below=True),
        _passes(values.calcium_mg_dl, table.value("critical.calcium_mg_dl"), below=False),
        _passes(values.bilirubin_mg_dl, table.value("critical.bilirubin_mg_dl"), below=False),
    ]
    abnormal = [
        _passes(values.crp_mg_dl, table.value("abnormal.crp_mg_dl"), below=False),
        _passes(values.ldh_iu_l, table.value("abnormal.ldh_iu_l"), below=False),
        _passes(values.albumin_g_dl, table.value("abnormal.albumin_g_dl"), below=True),
    ]
    words = (
        *(("normal",) if True not in critical + abnormal else ()),
        *(("abnormal",) if True not in critical and (True in abnormal or None in abnormal) else ()),
        *(("critical",) if True in critical or None in critical else ()),
    )
    measured = sum(value is not None for value in critical + abnormal)
    return Item(words, f"{measured} of 6 values given", "given" if len(words) == 1 else "unknown")


def _passes(value: float | None, limit: float, below: bool) -> bool | None:
    """Whether a value passes its limit ('below', or 'or more'); None when it is not given."""
    if value is None:
        return None
    return value < limit if below else value >= limit


def _ecog(case: Case) -> Item:
    ecog = case.condition.ecog
    if ecog is None:
        return _open(("ecog_3_or_4", "ecog_0_to_2"))
    return _given("ecog_3_or_4" if ecog >= 3 else "ecog_0_to_2", f"ECOG {ecog}")


def bauer(case: Case) -> Items:
    table, site = rules.load("bauer"), case.cancer.primary
    if site is None:
        about_primary = {"lung_cancer": _open(("yes", "no")), "favourable_primary": _open(("yes", "no"))}
    else:
        about_primary = {
            "lung_cancer": _given("yes" if site in table.value("sites.lung") else "no", f"primary: {site}"),
            "favourable_primary": _given(
                "yes" if site in table.value("sites.favourable") else "no", f"primary: {site}"
            ),
        }
    if site == "unknown primary":
        # A primary that was not found may be in the lung.
        about_primary = {name: _open(("yes", "no"), "primary not found") for name in about_primary}
    return {"visceral": _visceral(case, "present", "none"), **about_primary, "skeletal": _bones(case)}


def nesms(case: Case) -> Items:
    table = rules.load("nesms")
    low, high = _bauer_range(case)
    limit = table.value("thresholds.bauer")
    words = (
        *(("three_or_more",) if high >= limit else ()),
        *(("under_three",) if low < limit else ()),
    )
    said = f"modified Bauer {low}" if low == high else f"modified Bauer {low} to {high}"
    albumin = _passes(case.laboratory.albumin_g_dl, table.value("thresholds.albumin_g_dl"), below=False)
    return {
        "modified_bauer": Item(words, said, "given" if len(words) == 1 else "unknown"),
        "walking": _by_answer(case.condition.walks, "walks", "does_not_walk", "able to walk"),
        "albumin": _open(("normal", "low"))
        if albumin is None
        else _given("normal" if albumin else "low", f"albumin {case.laboratory.albumin_g_dl:g} g/dL"),
    }


def _bauer_range(case: Case) -> tuple[int, int]:
    table = rules.load("bauer")
    points = [[table.value(f"points.{name}.{word}") for word in item.possible] for name, item in bauer(case).items()]
    return sum(map(min, points)), sum(map(max, points))


def van_der_linden(case: Case) -> Items:
    table, site = rules.load("van_der_linden"), case.cancer.primary
    words = tuple(table.under("points.primary"))
    if site in (None, "unknown primary"):
        primary = _open(words, "not answered" if site is None else "primary not found")
    else:
        primary = _given(site if site in words else "other", f"primary: {site}")
    return {
        "general_condition": _kps(case, table),
        "primary": primary,
        "visceral": _visceral(case, "present", "none"),
    }


def rades(case: Case) -> Items:
    table = rules.load("rades")
    return {
        "primary": _rades_primary(case),
        "other_bone": _other_bone(case),
        "visceral": _visceral(case, "present", "none"),
        "interval": _interval(case, table),
        "walking": _by_answer(case.condition.walks, "walks", "does_not_walk", "able to walk"),
        "deficit_onset": _onset(case, table),
    }


def _rades_primary(case: Case) -> Item:
    site, words = case.cancer.primary, tuple(rules.load("rades").under("points.primary"))
    if site is None:
        return _open(words)
    word = "myeloma_or_lymphoma" if site in ("myeloma", "lymphoma") else site if site in words else "other"
    return _given(word, f"primary: {site}")


def _other_bone(case: Case) -> Item:
    """Metastases in other bones; whether other vertebrae count is not said, so with several both stay possible."""
    elsewhere, vertebrae = case.spread.extraspinal_bone, case.spread.vertebrae
    if elsewhere:
        return _given("present", f"bone metastases outside the spine: {elsewhere}")
    if elsewhere == 0 and vertebrae == 1:
        return _given("none", "one vertebra, no other bone")
    several = elsewhere == 0 and vertebrae is not None
    return _open(("present", "none"), "several vertebrae: not said whether they count" if several else "not answered")


def _interval(case: Case, table: RuleSet) -> Item:
    months, limit = case.cancer.months_to_compression, table.value("thresholds.interval_months")
    if months is None:
        return _open(("up_to_15_months", "over_15_months"))
    return _given("over_15_months" if months > limit else "up_to_15_months", f"{months:g} months from diagnosis")


def _onset(case: Case, table: RuleSet) -> Item:
    days = case.neurology.deficit_onset_days
    words = tuple(table.under("points.deficit_onset"))
    if days is None:
        no_deficit = case.neurology.grade == "E"
        return _open(words, "no deficit, which the table does not hold" if no_deficit else "not answered")
    short, middle = table.value("thresholds.onset_short_days"), table.value("thresholds.onset_middle_days")
    word = "1_to_7_days" if days <= short else "8_to_14_days" if days <= middle else "over_14_days"
    return _given(word, f"developed in {days:g} days")


PATHS = {
    "general_condition": ("condition.kps",),
    "extraspinal_bone": ("spread.extraspinal_bone",),
    "vertebrae": ("spread.vertebrae",),
    "internal_organs": ("spread.visceral", "spread.visceral_removable"),
    "primary": ("cancer.primary",),
    "palsy": ("neurology.grade",),
    "visceral": ("spread.visceral",),
    "bone": ("spread.vertebrae", "spread.extraspinal_bone"),
    "skeletal": ("spread.vertebrae", "spread.extraspinal_bone"),
    "laboratory": tuple(f"laboratory.{name}" for name in Laboratory.model_fields),
    "performance": ("condition.ecog",),
    "chemotherapy": ("cancer.previous_chemotherapy",),
    "lung_cancer": ("cancer.primary",),
    "favourable_primary": ("cancer.primary",),
    "modified_bauer": ("cancer.primary", "spread.visceral", "spread.vertebrae", "spread.extraspinal_bone"),
    "walking": ("condition.walks",),
    "albumin": ("laboratory.albumin_g_dl",),
    "other_bone": ("spread.extraspinal_bone", "spread.vertebrae"),
    "interval": ("cancer.months_to_compression",),
    "deficit_onset": ("neurology.deficit_onset_days",),
}
"""Questions behind each item."""
_MORE_PATHS = {
    ("katagiri", "primary"): ("cancer.primary", "cancer.hormone_dependent", "cancer.targeted_drug"),
    ("katagiri", "visceral"): ("spread.visceral", "spread.disseminated"),
    ("tomita", "visceral"): ("spread.visceral", "spread.visceral_treatable"),
}


def unanswered(score: str, case: Case, items: Mapping[str, Item]) -> tuple[str, ...]:
    """Paths of the questions whose answer would settle an open item, each once."""
    paths = [
        path
        for name, item in items.items()
        if not item.known
        for path in _MORE_PATHS.get((score, name), PATHS[name])
        if _answer(case, path) in (None, "unknown") and not _idle(case, path)
    ]
    return tuple(dict.fromkeys(paths))


def _answer(case: Case, path: str) -> object:
    part, _, name = path.partition(".")
    return getattr(getattr(case, part), name)


def _idle(case: Case, path: str) -> bool:
    """A question that asks nothing of this cancer: hormones of breast and prostate, targeted drugs of the lung."""
    asked_of = {"cancer.hormone_dependent": "hormone", "cancer.targeted_drug": "targeted"}
    if path not in asked_of or case.cancer.primary is None:
        return False
    return case.cancer.primary not in rules.load("katagiri").value(f"sites_by_treatment.{asked_of[path]}")


ITEMS_OF: dict[str, Callable[[Case], Items]] = {
    "tokuhashi": tokuhashi,
    "tomita": tomita,
    "katagiri": katagiri,
    "bauer": bauer,
    "nesms": nesms,
    "van_der_linden": van_der_linden,
    "rades": rades,
}
