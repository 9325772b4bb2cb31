"""Which questions of a case file stand behind the items of the prognosis scores, for telling what would narrow one."""

from __future__ import annotations

from collections.abc import Mapping

from spondyl.clinical import rules
from spondyl.clinical.case import Case, Laboratory
from spondyl.values.findings import Item

_PATHS = {
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
        for path in _paths(score, name, item)
        if _answer(case, path) in (None, "unknown") and not _idle(case, path)
    ]
    return tuple(dict.fromkeys(paths))


def _paths(score: str, name: str, item: Item) -> tuple[str, ...]:
    if name == "laboratory" and "normal" not in item.possible:
        # Something is abnormal already: only a critical value can still change it.
        return tuple(
            path for path in _PATHS[name] if path.rpartition(".")[2] in rules.load("katagiri").under("critical")
        )
    return _MORE_PATHS.get((score, name), _PATHS[name])


def _answer(case: Case, path: str) -> object:
    part, _, name = path.partition(".")
    return getattr(getattr(case, part), name)


def _idle(case: Case, path: str) -> bool:
    """A question that asks nothing of this cancer: hormones of breast and prostate, targeted drugs of the lung."""
    asked_of = {"cancer.hormone_dependent": "hormone", "cancer.targeted_drug": "targeted"}
    if path not in asked_of or case.cancer.primary is None:
        return False
    return case.cancer.primary not in rules.load("katagiri").value(f"sites_by_treatment.{asked_of[path]}")
