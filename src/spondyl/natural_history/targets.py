"""What a population is held against, read from TOML: targets (value, bound or order) and what may be fitted."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spondyl.core.errors import InvalidAnswer, UnreadableInput
from spondyl.natural_history.figures import ORDERS, SHARES, Tally

TOLERANCE = 0.01
"""SD of a target that names none: own choice of the project, agreement within 2 percentage points."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(_Part):
    figure: str
    statement: str
    counts: str = Field(description="what the simulation counts for it")
    citations: tuple[str, ...] = ()
    value: float | None = None
    at_least: float | None = None
    order: tuple[str, ...] = ()
    sd: float = Field(default=TOLERANCE, gt=0, description="of the target; 0.01 stands for agreement within 2 points")
    fit: bool = False

    @model_validator(mode="after")
    def _is_known(self) -> Target:
        known = ORDERS if self.order else SHARES
        if self.figure not in known:
            raise ValueError(f"no figure '{self.figure}'; known: {', '.join(known)}")
        if (self.value is not None) + (self.at_least is not None) + bool(self.order) != 1:
            raise ValueError("give one of value, at_least and order")
        if self.fit and self.value is None:
            raise ValueError("only a value can be fitted")
        return self


class Free(_Part):
    paths: tuple[str, ...] = Field(min_length=1, description="parameters that get the same value")
    scale: bool = Field(default=False, description="the value multiplies them")
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    start: float = Field(gt=0)

    @model_validator(mode="after")
    def _is_ordered(self) -> Free:
        if not self.low < self.start < self.high:
            raise ValueError("low, start and high must rise")
        return self

    @property
    def name(self) -> str:
        return " = ".join(self.paths) + (" (factor)" if self.scale else "")


class Targets(_Part):
    base: Literal["article", "literature"] = "literature"
    target: tuple[Target, ...] = Field(min_length=1)
    free: tuple[Free, ...] = ()

    def fitted(self) -> tuple[Target, ...]:
        return tuple(target for target in self.target if target.fit)


class Verdict(_Part):
    """A row of the figures table. `simulated` and `interval` are shares; an order is told in words."""

    statement: str
    counts: str
    citations: tuple[str, ...]
    target: str
    simulated: str
    low: float | None
    high: float | None
    fitted: bool
    verdict: Literal["agrees", "differs", "can't be told"]


def read_targets(source: str | Path) -> Targets:
    """Ours by name ('article', 'literature'), or a user's file. Raises InvalidAnswer with the path of what is wrong."""
    if str(source) in ("article", "literature"):
        text = files("spondyl.natural_history").joinpath("data", f"targets_{source}.toml").read_text(encoding="utf-8")
        return Targets.model_validate(tomllib.loads(text))
    path = Path(source)
    try:
        given: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UnreadableInput(f"there is no file {path.name}.", "Give the path of a target file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path.name} is no TOML: {error}.", "Mend the file.") from error
    try:
        return Targets.model_validate(given)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors())
        raise InvalidAnswer(f"{path.name}: {told}.", "The entries stand in docs/reference/simulate.md.") from error


def verdicts(targets: Targets, counted: Tally) -> tuple[Verdict, ...]:
    """Each target beside what was simulated. A value agrees within twice its SD."""
    return tuple(_verdict(target, counted) for target in targets.target)


def _verdict(target: Target, counted: Tally) -> Verdict:
    asked, told, agrees = _held(target, counted)
    low, high = (None, None) if target.order else counted.interval(target.figure)
    return Verdict(
        statement=target.statement,
        counts=target.counts,
        citations=target.citations,
        target=asked,
        simulated=told,
        low=low,
        high=high,
        fitted=target.fit,
        verdict="can't be told" if agrees is None else "agrees" if agrees else "differs",
    )


def _held(target: Target, counted: Tally) -> tuple[str, str, bool | None]:
    """Target and simulation in words, and whether they agree; None where nobody was counted."""
    if target.order:
        found = [name for name in counted.order(target.figure) if name in target.order]
        told = ", ".join(f"{name} {counted.orders[target.figure][_place(target.figure, name)]:.0f}" for name in found)
        return " > ".join(target.order), told, tuple(found) == target.order
    value = counted.value(target.figure)
    told = "nobody counted" if value != value else f"{100 * value:.1f} %"
    if target.value is not None:
        asked, agrees = f"{100 * target.value:g} %", abs(value - target.value) <= 2 * target.sd
    else:
        asked, agrees = f"at least {100 * (target.at_least or 0.0):g} %", value >= (target.at_least or 0.0)
    return asked, told, None if value != value else agrees


def _place(figure: str, name: str) -> int:
    return ORDERS[figure][0].index(name)
