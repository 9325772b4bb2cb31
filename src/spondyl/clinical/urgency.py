"""How soon someone should be seen, from the answers of the history.

Two plain rules come first: a neurological symptom or pain radiating to an arm or leg needs immediate medical
attention, whether or not cancer is known; sudden or much worse back pain in someone with cancer, or a history
of it, means calling the physician. The lists of NICE NG234 stand on top. Rules and sentences are in
`rules/urgency.toml`.

A missing answer never lowers the tier: an open question about cancer counts as possible cancer, 'routine' is only
said when no open question could make it more urgent, and the range says how urgent open questions could make it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spondyl.clinical import rules
from spondyl.clinical.history import History
from spondyl.clinical.urgency_questions import BACK_PAIN, BY_PATH, CANCER, SIGNS
from spondyl.values.score import UrgencyResult

TIERS = ("routine", "call_physician", "immediate")
"""From least to most urgent."""
NOT_ENOUGH = "not_enough_to_say"
"""In place of 'routine' while an open question could make it more urgent. It never stands in for a fired rule."""


@dataclass(frozen=True)
class Sign:
    """One thing told or found."""

    plain: str
    clinical: str


@dataclass(frozen=True)
class _Rule:
    path: str
    tier: str
    any_of: tuple[str, ...]
    signs: tuple[str, ...]
    """Findings of an examination; nobody is asked for them at home."""
    denied: tuple[str, ...]
    grades: tuple[str, ...]
    needs_cancer: bool

    def applies(self, history: History) -> bool:
        return not self.needs_cancer or history.answer(CANCER.path) != "none"

    def sure(self, history: History) -> bool:
        """Fires whatever the open questions turn out to be."""
        cancer = not self.needs_cancer or history.answer(CANCER.path) in ("known", "suspected")
        return cancer and bool(self.found(history))

    def found(self, history: History) -> list[Sign]:
        """What makes it fire; empty when it does not fire."""
        if not self.applies(history):
            return []
        told = [BY_PATH[path] for path in self.any_of if history.answer(path) == "yes"]
        signs = [path for path in self.signs if history.answer(path) == "yes"]
        signs += [path for path in self.denied if history.answer(path) == "no"]
        grades = {"ASIA Impairment Scale": history.neurology.ais_grade, "Frankel": history.examination.frankel_grade}
        return [
            *(Sign(question.said, question.clinical) for question in told),
            *(Sign(*SIGNS[path]) for path in signs),
            *(
                Sign(f"the examination found {scale} grade {grade}", f"{scale} grade {grade}")
                for scale, grade in grades.items()
                if grade in self.grades
            ),
        ]

    def open_questions(self, history: History) -> list[str]:
        """Unanswered questions that could make it fire."""
        return [path for path in self.any_of if history.answer(path) == "unknown"] if self.applies(history) else []


def triage(history: History | None) -> UrgencyResult | None:
    """Tier, wording for patient and clinician, reasons and open questions; None when no history was given."""
    if history is None:
        return None
    active = tuple(_rules())
    fired = [rule for rule in active if rule.found(history)]
    reached = _most(rule.tier for rule in fired)
    open_paths = _could_raise(reached, history, active)
    tier = NOT_ENOUGH if reached == "routine" and open_paths else reached
    deciding = [rule for rule in fired if rule.tier == reached]
    return _result(tier, _range(history, active), deciding, open_paths, history)


def open_questions(history: History) -> tuple[str, ...]:
    """Paths of the unanswered questions that could still make it more urgent, in no particular order."""
    active = tuple(_rules())
    return tuple(_could_raise(_most(rule.tier for rule in active if rule.found(history)), history, active))


def _most(tiers: Iterator[str]) -> str:
    return max(tiers, key=TIERS.index, default="routine")


def _could_raise(reached: str, history: History, active: tuple[_Rule, ...]) -> list[str]:
    higher = [rule for rule in active if TIERS.index(rule.tier) > TIERS.index(reached)]
    paths = [path for rule in higher for path in rule.open_questions(history)]
    return list(dict.fromkeys(paths))


def _range(history: History, active: tuple[_Rule, ...]) -> tuple[str, str]:
    """The least and the most urgent tier that the open questions, and signs nobody has looked for, leave."""
    least = _most(rule.tier for rule in active if rule.sure(history))
    most = _most(
        rule.tier
        for rule in active
        if rule.found(history) or rule.open_questions(history) or (rule.signs and not examined(history))
    )
    return least, most


def examined(history: History) -> bool:
    """Whether a doctor looked for signs: a normal grade and reflexes. Only then are signs ruled out."""
    normal = "E" in (history.neurology.ais_grade, history.examination.frankel_grade)
    return normal and history.examination.upper_motor_neurone_signs != "unknown"


def _result(
    tier: str, span: tuple[str, str], deciding: list[_Rule], open_paths: list[str], history: History
) -> UrgencyResult:
    table = rules.load("urgency")
    texts = _texts(tier, history)
    signs = list(dict.fromkeys(sign for rule in deciding for sign in rule.found(history)))
    said = [f"{part}.{tier}" for part in ("patient", "call", "how_soon", "ask_again")]
    used = [path for rule in deciding for path in table.entries if path.startswith(f"rules.{rule.path}.")]
    clinical = f"Answered: {', '.join(sign.clinical for sign in signs)}. " if signs else ""
    return UrgencyResult(
        tier=tier,
        for_patient=table.value(f"patient.{tier}"),
        for_clinician=clinical + " ".join(table.value(path) for path in texts),
        reasons=(*(sign.plain for sign in signs), *_cancer_reason(deciding, history)),
        would_change=tuple(BY_PATH[path].ask for path in _shown(tier, open_paths, history)),
        citations=table.cited([*used, *said, *texts]),
        least=span[0],
        most=span[1],
        call=table.value(f"call.{tier}"),
        how_soon=table.value(f"how_soon.{tier}"),
        ask_again=table.value(f"ask_again.{tier}"),
    )


def _shown(tier: str, open_paths: list[str], history: History) -> list[str]:
    """The open questions in the order of asking, with that about cancer where pain counts only with it."""
    wanted = {*open_paths}
    if tier == NOT_ENOUGH and history.answer(CANCER.path) == "unknown":
        wanted.add(CANCER.path)
    return [path for path in BY_PATH if path in wanted and path != BACK_PAIN.path]


def _cancer_reason(deciding: list[_Rule], history: History) -> tuple[str, ...]:
    if not any(rule.needs_cancer for rule in deciding):
        return ()
    said = {"known": "you have or had cancer", "suspected": "cancer is suspected"}
    return (said.get(history.answer(CANCER.path), "whether you have or had cancer is not answered, so it may be"),)


def _rules() -> Iterator[_Rule]:
    """The rules that may drive a recommendation: those whose tier and answers are verified."""
    table = rules.load("urgency")
    for name in dict.fromkeys(path.split(".")[1] for path in table.entries if path.startswith("rules.")):
        entries = {field: entry.value for field, entry in table.under(f"rules.{name}").items()}
        if table.recommends(f"rules.{name}.tier") and table.recommends(f"rules.{name}.any_of"):
            yield _Rule(
                path=name,
                tier=entries["tier"],
                any_of=tuple(entries["any_of"]),
                signs=tuple(entries.get("signs", ())),
                denied=tuple(entries.get("denied", ())),
                grades=tuple(entries.get("grades", ())),
                needs_cancer=entries["needs_cancer"],
            )


def _texts(tier: str, history: History) -> list[str]:
    """Paths of the sentences for the clinician."""
    with_cancer = f"clinician.{tier}_with_cancer"
    cancer = history.answer(CANCER.path) in ("known", "suspected")
    return [f"clinician.{tier}", *([with_cancer] if cancer and with_cancer in rules.load("urgency").entries else [])]
