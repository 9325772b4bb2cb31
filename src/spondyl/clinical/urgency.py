"""How soon someone should be seen, from the answers of the history.

Two plain rules come first: a neurological symptom or pain radiating to an arm or leg needs immediate medical
attention, whether or not cancer is known; sudden or much worse back pain in someone with cancer, or a history
of it, means calling the physician. The rules and the sentences stand in `rules/urgency.toml`.

A missing answer never lowers the tier: an open question about cancer counts as possible cancer, and 'routine'
is only said when no open question could make it more urgent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spondyl.clinical import rules
from spondyl.clinical.history import History, question
from spondyl.values.score import UrgencyResult

TIERS = ("not_enough_to_say", "routine", "call_physician", "immediate")
"""From least to most urgent. 'not_enough_to_say' never stands in for a fired rule."""

CANCER = "cancer.status"


@dataclass(frozen=True)
class _Rule:
    path: str
    tier: str
    any_of: tuple[str, ...]
    ais_grades: tuple[str, ...]
    needs_cancer: bool

    def symptoms(self, history: History) -> list[str]:
        """The answers that make it fire, as sentences; empty when it does not fire."""
        if self.needs_cancer and history.answer(CANCER) == "none":
            return []
        found = [f"{question(path)} yes" for path in self.any_of if history.answer(path) == "yes"]
        grade = history.neurology.ais_grade
        return [*found, f"ASIA Impairment Scale grade {grade}"] if grade in self.ais_grades else found

    def open_questions(self, history: History) -> list[str]:
        """Unanswered questions that could make it fire."""
        if self.needs_cancer and history.answer(CANCER) == "none":
            return []
        return [path for path in self.any_of if history.answer(path) == "unknown"]


def triage(history: History | None) -> UrgencyResult | None:
    """Tier, wording for patient and clinician, reasons and open questions; None when no history was given."""
    if history is None:
        return None
    active = tuple(_rules())
    fired = [rule for rule in active if rule.symptoms(history)]
    tier = max((rule.tier for rule in fired), key=TIERS.index, default="routine")
    still_open = [
        path for rule in active if TIERS.index(rule.tier) > TIERS.index(tier) for path in rule.open_questions(history)
    ]
    if tier == "routine" and still_open:
        tier = "not_enough_to_say"
        still_open += [CANCER] if history.answer(CANCER) == "unknown" else []
    texts = _texts(tier, history)
    table = rules.load("urgency")
    used = [path for rule in fired for path in table.entries if path.startswith(f"rules.{rule.path}.")]
    return UrgencyResult(
        tier=tier,
        for_patient=table.value(f"patient.{tier}"),
        for_clinician=" ".join(table.value(path) for path in texts),
        reasons=_reasons([rule for rule in fired if rule.tier == tier], history),
        would_change=tuple(question(path) for path in dict.fromkeys(still_open)),
        citations=table.cited([*used, f"patient.{tier}", *texts]),
    )


def _rules() -> Iterator[_Rule]:
    """The rules that may drive a recommendation: those whose tier and answers are verified."""
    table = rules.load("urgency")
    for name in dict.fromkeys(path.split(".")[1] for path in table.entries if path.startswith("rules.")):
        entries = table.under(f"rules.{name}")
        if table.recommends(f"rules.{name}.tier") and table.recommends(f"rules.{name}.any_of"):
            grades = tuple(entries["ais_grades"].value) if "ais_grades" in entries else ()
            yield _Rule(
                name, entries["tier"].value, tuple(entries["any_of"].value), grades, entries["needs_cancer"].value
            )


def _reasons(fired: list[_Rule], history: History) -> tuple[str, ...]:
    reasons = [symptom for rule in fired for symptom in rule.symptoms(history)]
    if any(rule.needs_cancer for rule in fired):
        said = {"known": "cancer is known", "suspected": "cancer is suspected"}
        reasons.append(said.get(history.answer(CANCER), "whether there is cancer is not answered, so it may be"))
    return tuple(dict.fromkeys(reasons))


def _texts(tier: str, history: History) -> list[str]:
    """Paths of the sentences for the clinician."""
    with_cancer = f"clinician.{tier}_with_cancer"
    cancer = history.answer(CANCER) in ("known", "suspected")
    return [f"clinician.{tier}", *([with_cancer] if cancer and with_cancer in rules.load("urgency").entries else [])]
