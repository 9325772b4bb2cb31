"""What every file Spondyl writes is made of: numbers rounded by their unit, parts that refuse unknown keys."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _rounded(digits: int) -> BeforeValidator:
    """Numbers rounded to `digits` decimals; a number that is none (nan, infinite) becomes None."""

    def rounded(value: Any) -> float | None:
        if value is None or not math.isfinite(value):
            return None
        return round(float(value), digits) + 0.0  # + 0.0 turns -0.0 into 0.0

    return BeforeValidator(rounded)


Mm = Annotated[float | None, _rounded(2)]
Mm2 = Annotated[float | None, _rounded(1)]
Mm3 = Annotated[float | None, _rounded(1)]
Degrees = Annotated[float | None, _rounded(1)]
Hu = Annotated[float | None, _rounded(1)]
MgCc = Annotated[float | None, _rounded(1)]
Kilovolt = Annotated[float | None, _rounded(1)]
Newton = Annotated[float | None, _rounded(0)]
NewtonMm = Annotated[float | None, _rounded(-1)]
Share = Annotated[float | None, _rounded(3)]
"""A share of one: 0.25 is a quarter."""
Unit = Annotated[float | None, _rounded(2)]
"""A number near one: a ratio, a confidence."""
Fine = Annotated[float | None, _rounded(6)]
"""Slopes, direction cosines, strains and residuals."""


DISCLAIMER = (
    "Spondyl is research software. It is not a medical device, it has not been cleared or approved for diagnosis or "
    "treatment, and no decision about a patient may rest on it. Its findings are measurements and candidates that a "
    "qualified person must check against the images and the patient."
)


class Part(BaseModel):
    """Base of all parts of the file; unknown keys are an error in reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Measured(Part):
    """A part with numbers. One that is not finite becomes null, and a note says so: null never stands unexplained."""

    notes: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _explain_what_is_no_number(cls, data: Any) -> Any:
        lost = [key for key, value in data.items() if _no_number(key, value)]
        known = {key: None if key in lost else value for key, value in data.items()}
        said = tuple(f"{key}: no number came out of the computation" for key in lost)
        return known | {"notes": (*data.get("notes", ()), *said)}


def _no_number(key: str, value: Any) -> bool:
    """True for a float, or an interval, that holds nan or infinity."""
    numbers = value if "_interval" in key and value is not None else (value,)
    return any(isinstance(number, float) and not math.isfinite(number) for number in numbers)


Taken = TypeVar("Taken", bound=Part)


def taken(part: type[Taken], value: object, **named: Any) -> Taken:
    """A part of the file from a value: its fields of the same name, and `named` for those that are told otherwise.

    A field that the file does not know is left out. Raises AttributeError for one of the file that the value lacks.
    """
    same = {name: getattr(value, name) for name in part.model_fields if name not in named}
    return part(**same | named)


class Citation(Part):
    key: str
    text: str
    doi: str
    verified: bool = Field(description="a source text was read and the figures used agree with it")
    note: str


def plain(value: Any) -> Any:
    """Dictionaries by key, sets sorted, tuples as lists, numpy numbers as numbers, no nan: ready for JSON."""
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(entry) for entry in value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
