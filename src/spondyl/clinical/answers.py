"""Files of answers: TOML or JSON, or a FHIR QuestionnaireResponse, read into a model.

An error names the path inside the file, what stood there and what is allowed; an empty file is a valid one.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from spondyl.core.errors import InvalidAnswer, UnreadableInput

Model = TypeVar("Model", bound=BaseModel)


def contradiction(path: str, other: str) -> PydanticCustomError:
    """For a model's validator: the answers at two paths can't both be true."""
    return PydanticCustomError("contradiction", "contradiction", {"path": path, "other": other})


def not_allowed(allowed: str) -> PydanticCustomError:
    """For a field's validator: what stands there is not in a list too long for a type."""
    return PydanticCustomError("not_allowed", "not allowed", {"allowed": allowed})


def read_answers(path: Path, model: type[Model]) -> Model:
    """The answers in a file. Raises UnreadableInput when it can't be read, InvalidAnswer for a wrong entry."""
    content = _content(path)
    if isinstance(content, dict) and content.get("resourceType") == "QuestionnaireResponse":
        from spondyl.clinical.fhir_answers import from_questionnaire

        content = from_questionnaire(content, model, str(path))
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = [_explain(detail, model) for detail in error.errors()]
        more = "".join(f" Wrong too: {what} {remedy}" for what, remedy in found[1:])
        raise InvalidAnswer(f"{path}: {found[0][0]}", f"{found[0][1]}{more}") from error


def _content(path: Path) -> Any:
    kind = path.suffix.lower()
    if kind not in (".toml", ".json"):
        raise UnreadableInput(f"{path} ends in neither .toml nor .json.", "Rename it to what it is.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from error
    except OSError as error:
        raise UnreadableInput(f"{path} can't be read: {error.strerror}.", "Check the path.") from error
    if not text.strip():
        return {}
    try:
        return tomllib.loads(text) if kind == ".toml" else json.loads(text, object_pairs_hook=_once_each)
    except tomllib.TOMLDecodeError as error:
        raise InvalidAnswer(
            f"{path} is no valid TOML: {error}.", 'Words stand in quotes, like walks = "yes".'
        ) from error
    except json.JSONDecodeError as error:
        where = f"{error.msg} (line {error.lineno}, column {error.colno})"
        raise InvalidAnswer(f"{path} is no valid JSON: {where}.", "Mend that line.") from error
    except RecursionError as error:
        raise InvalidAnswer(f"{path} is nested too deeply.", "See the reference of the file.") from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys stand once; of two answers to one question neither can be trusted."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidAnswer(f"The file answers '{key}' twice in one place.", "Keep one of the answers.")
        found[key] = value
    return found


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """(what was found and where, what is allowed) of one pydantic error."""
    place = [str(step) for step in detail["loc"]]
    context = detail.get("ctx", {})
    where = f"'{'.'.join(place)}'" if place else "the file as a whole"
    match detail["type"]:
        case "contradiction":
            return f"'{context['path']}' contradicts '{context['other']}'.", "Correct one, or leave it out."
        case "extra_forbidden":
            return f"{where} is no question of this file.", _nearest(place, model)
        case "model_type" | "model_attributes_type":
            return f"{where} is {_shown(detail['input'])} and not a group of answers.", "Write it as a table."
        case _:
            allowed = _allowed(place, model)
            return f"{where} is {_shown(detail['input'])}.", f"{_close(detail['input'], allowed)}Allowed: {allowed}."


def _shown(value: Any) -> str:
    """What stood there, short enough for one line."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _close(value: Any, allowed: str) -> str:
    close = difflib.get_close_matches(value.lower(), allowed.split(", "), n=1) if isinstance(value, str) else []
    return f"Did you mean '{close[0]}'? " if close else ""


def _group(place: list[str], model: type[BaseModel]) -> type[BaseModel]:
    """The model whose fields stand at this place."""
    for step in place:
        inner = model.model_fields[step].annotation if step in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return model


def allowed_words(annotation: Any) -> tuple[str, ...]:
    """The answers a field, or each entry of its list, may have where its type lists them; empty for a number."""
    if get_origin(annotation) in (Union, UnionType, tuple, list):
        return tuple(word for part in get_args(annotation) for word in allowed_words(part))
    return tuple(str(word) for word in get_args(annotation)) if get_origin(annotation) is Literal else ()


def _allowed(place: list[str], model: type[BaseModel]) -> str:
    """What may stand at a place, from the field's type, bounds or examples."""
    # A union adds its own steps below the field's name.
    names = [step for step in place if step in _names(model)]
    field = _group(names[:-1], model).model_fields[names[-1]]
    if field.examples:
        return ", ".join(str(word) for word in field.examples)
    if words := allowed_words(field.annotation):
        return ", ".join(words)
    bounds = {key: getattr(rule, key) for rule in field.metadata for key in ("ge", "le") if hasattr(rule, key)}
    whole = "a whole number" if int in get_args(field.annotation) else "a number"
    return f"{whole} from {bounds['ge']:g} to {bounds['le']:g}, without quotes"


def _names(model: type[BaseModel]) -> set[str]:
    found = set(model.model_fields)
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= _names(field.annotation)
    return found


def questions(model: type[BaseModel], head: str = "") -> dict[str, str]:
    """Every question of a model, by path: 'condition.kps' -> 'Karnofsky performance status'."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= questions(field.annotation, f"{head}{name}.")
        else:
            found[f"{head}{name}"] = field.description or name
    return found


def _nearest(place: list[str], model: type[BaseModel]) -> str:
    """The nearest allowed name: first among those of the same group, then anywhere in the file."""
    *groups, name = place
    here = list(_group(groups, model).model_fields)
    if close := difflib.get_close_matches(name, here, n=1):
        return f"Did you mean '{'.'.join((*groups, close[0]))}'?"
    if elsewhere := [path for path in questions(model) if path.rpartition(".")[2] == name]:
        return f"Did you mean '{elsewhere[0]}'?"
    return f"Allowed here: {', '.join(here)}."
