"""From answers to items: the words that are still possible, for the scores that share a question.

An answer that is not given leaves every word possible. Some follow from others (no metastasis in any organ means
none that could be removed), and part of an answer can be enough (three vertebrae are several, whatever the rest of
the skeleton holds).
"""

from __future__ import annotations

from collections.abc import Mapping

from spondyl.clinical.case import Case
from spondyl.clinical.rules import RuleSet
from spondyl.values.findings import Item


def open_item(words: tuple[str, ...], basis: str = "not answered") -> Item:
    return Item(words, basis, "unknown")


def given(word: str, basis: str) -> Item:
    return Item((word,), basis, "given")


def by_answer(answer: str, yes: str, no: str, basis: str) -> Item:
    if answer == "unknown":
        return open_item((yes, no))
    return given(yes if answer == "yes" else no, f"{basis}: {answer}")


def by_kps(case: Case, table: RuleSet) -> Item:
    """The answer whose lowest Karnofsky status is the highest one reached."""
    lowest = {word: entry.value for word, entry in table.under("kps").items()}
    kps = case.condition.kps
    if kps is None:
        return open_item(tuple(lowest))
    word = max((word for word in lowest if lowest[word] <= kps), key=lambda word: lowest[word])
    return given(word, f"KPS {kps}")


def by_site(case: Case, table: RuleSet, words: tuple[str, ...]) -> Item:
    """Answers under which the primary site stands; a site in no row leaves all of them possible."""
    site = case.cancer.primary
    if site is None:
        return open_item(words)
    if rows := tuple(word for word, entry in table.under("sites").items() if site in entry.value):
        return Item(rows, f"primary: {site}", "given")
    for word, entry in table.under("sites_unverified").items():
        if site in entry.value:
            return Item((word,), f"primary: {site} [sites_unverified.{word}]", "given")
    return Item(words, f"primary: {site}, which the table read does not name", "given")


def visceral(case: Case, present: str, none: str) -> Item:
    answer = in_organs(case)
    return by_answer(answer, present, none, "metastases in internal organs")


def in_organs(case: Case) -> str:
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


def bones(case: Case) -> Item:
    said = {"vertebrae": case.spread.vertebrae, "other bones": case.spread.extraspinal_bone}
    basis = ", ".join(f"{name} {'not answered' if count is None else count}" for name, count in said.items())
    answer = _several_bones(case)
    if answer == "unknown":
        return open_item(("multiple", "solitary"), basis)
    return given("multiple" if answer == "yes" else "solitary", basis)


def by_count(count: int | None, words: Mapping[str, range], name: str) -> Item:
    if count is None:
        return open_item(tuple(words))
    return given(next(word for word, numbers in words.items() if count in numbers), f"{name}: {count}")


def organ_state(case: Case, can_be: str, good: str, bad: str) -> Item:
    """None, or of two states; that there is something in an organ leaves the two."""
    present = in_organs(case)
    if present == "no":
        return given("none", "metastases in internal organs: no")
    states = (bad, good) if can_be == "unknown" else (good,) if can_be == "yes" else (bad,)
    if present == "yes":
        basis = f"metastases in internal organs: yes; {good}: {can_be}"
        return Item(states, basis, "given" if len(states) == 1 else "unknown")
    return open_item((*states, "none"))


def passes(value: float | None, limit: float, below: bool) -> bool | None:
    """Whether a value passes its limit ('below', or 'or more'); None when it is not given."""
    if value is None:
        return None
    return value < limit if below else value >= limit
