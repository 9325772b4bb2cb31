"""Random files of answers, and the same file with one answer taken out."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from spondyl.clinical.answers import allowed_words, questions
from spondyl.clinical.case import SITES, Case

NUMBERS: dict[str, list[Any]] = {
    "condition.kps": [10, 40, 50, 70, 80, 100],
    "condition.ecog": [0, 2, 3, 4],
    "cancer.primary": list(SITES),
    "cancer.months_to_compression": [0, 15, 15.5, 60],
    "spread.vertebrae": [1, 2, 3, 9],
    "spread.extraspinal_bone": [0, 1, 2, 3, 20],
    "neurology.deficit_onset_days": [0, 7, 8, 14, 15],
    "laboratory.albumin_g_dl": [3.4, 3.5, 3.6, 3.7],
    "laboratory.crp_mg_dl": [0.3, 0.4],
    "laboratory.ldh_iu_l": [249, 250],
    "laboratory.platelets_per_ul": [99999, 100000],
    "laboratory.calcium_mg_dl": [10.2, 10.3],
    "laboratory.bilirubin_mg_dl": [1.3, 1.4],
    "sins.level": ["C1", "C5", "T7", "T12", "L3", "S2"],
}


def choices(path: str) -> list[Any]:
    if path in NUMBERS:
        return NUMBERS[path]
    part, _, name = path.partition(".")
    annotation = Case.model_fields[part].annotation.model_fields[name].annotation
    return [word for word in allowed_words(annotation) if word != "unknown"]


def case_of(answers: dict[str, Any]) -> Case | None:
    """The case, or None when the answers contradict each other."""
    nested: dict[str, dict[str, Any]] = {}
    for path, answer in answers.items():
        part, _, name = path.partition(".")
        nested.setdefault(part, {})[name] = answer
    try:
        return Case.model_validate(nested)
    except ValidationError:
        return None


answers_of_a_case = st.fixed_dictionaries(
    {}, optional={path: st.sampled_from(choices(path)) for path in questions(Case)}
).filter(lambda answers: case_of(answers) is not None)
