"""Answers from a FHIR R4B QuestionnaireResponse: the `linkId` of an item is the path of the question.

    {"resourceType": "QuestionnaireResponse", "status": "completed",
     "item": [{"linkId": "condition.kps", "answer": [{"valueInteger": 70}]},
              {"linkId": "spread.visceral", "answer": [{"valueCoding": {"code": "no"}}]}]}

A Boolean stands for yes or no; a Coding gives its code; several answers make a list. Items without an answer are
unknown. Identifiers, subject and author are not read.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from spondyl.clinical.answers import questions
from spondyl.core.errors import InvalidAnswer


def from_questionnaire(content: dict[str, Any], model: type[BaseModel], file: str) -> dict[str, Any]:
    """Nested answers as a TOML file would give them. Raises InvalidAnswer naming the item."""
    from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

    try:
        response = QuestionnaireResponse.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise InvalidAnswer(
            f"{file} is no valid FHIR R4B QuestionnaireResponse: '{place}': {first['msg'].rstrip('.')}.", "Mend it."
        ) from error
    known = questions(model)
    found: dict[str, Any] = {}
    for item in _items(response):
        if not item.answer:
            continue
        path = item.linkId
        if path not in known:
            raise InvalidAnswer(f"{file}: linkId '{path}' is no question of this file.", _some(known))
        values = [_value(answer, file, path) for answer in item.answer]
        *groups, name = path.split(".")
        here = found
        for group in groups:
            here = here.setdefault(group, {})
        if name in here:
            raise InvalidAnswer(f"{file}: linkId '{path}' is answered twice.", "Keep one of the answers.")
        here[name] = values if path in LISTS or len(values) > 1 else values[0]
    return found


LISTS = frozenset({"extent.regions"})
"""Questions whose answer is a list, even with one entry."""


def _items(holder: Any) -> list[Any]:
    """All items, those inside groups too."""
    return [found for item in holder.item or () for found in (item, *_items(item))]


def _value(answer: Any, file: str, path: str) -> Any:
    if answer.valueBoolean is not None:
        return "yes" if answer.valueBoolean else "no"
    if answer.valueCoding is not None and answer.valueCoding.code is not None:
        return _number(answer.valueCoding.code, path)
    for plain in (answer.valueString, answer.valueInteger):
        if plain is not None:
            return plain
    amount = answer.valueDecimal
    if amount is None and answer.valueQuantity is not None:
        amount = answer.valueQuantity.value
    if isinstance(amount, Decimal):
        return int(amount) if amount == amount.to_integral_value() else float(amount)
    raise InvalidAnswer(
        f"{file}: the answer of linkId '{path}' is of a kind that is not read.",
        "Give valueBoolean, valueCoding, valueString, valueInteger, valueDecimal or valueQuantity.",
    )


def _number(code: str, path: str) -> Any:
    """A code as it stands; that of a scale of whole numbers as a number."""
    return int(code) if path in ("condition.kps", "condition.ecog") and code.isdigit() else code


def _some(known: dict[str, str]) -> str:
    return f"The linkId of an item is the path of the question, for example '{next(iter(known))}'."
