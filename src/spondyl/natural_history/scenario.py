"""A scenario file: whom to follow, for how long, and the policy they live under. Every entry may be left out.

name = "MRI every six months"
parameters = "literature"            # or "article", or the path of a parameter file
years = 10
[people]
primaries = ["prostate"]             # all when left out
[surveillance]
interval_days = 182
start = "known spinal metastasis"    # or "diagnosis", "trial entry"
[care]
preemptive_from_grade = "1b"         # silent compression from this ESCC grade on is irradiated once it is seen
[changes]                            # single parameters, by path
"care.mri_sensitivity" = 0.9
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spondyl.core.errors import InvalidAnswer, UnreadableInput
from spondyl.natural_history.parameters import SETS, ParameterSet, load_set
from spondyl.natural_history.states import GRADES, PRIMARIES

Primary = Literal["breast", "lung", "prostate", "kidney", "thyroid", "myeloma", "gastrointestinal", "melanoma", "other"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class People(_Part):
    primaries: tuple[Primary, ...] = Field(default=(), description="only these; all when empty")
    with_spinal_primaries: bool = Field(default=True, description="tumours that begin in the spine, too")

    def weights(self) -> np.ndarray:
        """1 for each of the nine primaries that is followed, 0 for the others."""
        return np.array([float(not self.primaries or name in self.primaries) for name in PRIMARIES[:-1]])


class Surveillance(_Part):
    interval_days: float | None = Field(
        default=None, ge=7, description="days between scans of the whole spine; none: no scans"
    )
    start: Literal["diagnosis", "known spinal metastasis", "trial entry"] = "known spinal metastasis"
    first_after_days: float = Field(default=0, ge=0, description="days from the start to the first scan")
    sensitivity: float = Field(default=0.95, ge=0, le=1, description="per visible lesion and scan")
    only_while_compression_was_found: bool = Field(
        default=False, description="scans go on only for those whose first scan showed epidural tumour"
    )


class Care(_Part):
    staging_at_first_metastasis: bool = Field(
        default=True, description="the spine is imaged when the first metastasis is known"
    )
    preemptive_from_grade: Literal["1a", "1b", "1c", "2", "3"] | None = Field(
        default=None, description="ESCC grade from which silent tumour is irradiated"
    )
    prophylactic_from_share: float | None = Field(
        default=None, ge=0, le=1, description="share of the body from which silent tumour is irradiated"
    )
    silent_only_in_trial: bool = Field(default=False, description="the two above act only after trial entry")
    stereotactic_only: bool = Field(default=False, description="all radiotherapy is stereotactic")

    def grade_number(self) -> int:
        return GRADES.index(self.preemptive_from_grade) if self.preemptive_from_grade else 99


class Trial(_Part):
    entry: Literal["none", "asymptomatic spinal metastases", "high-risk asymptomatic metastasis"] = "none"
    delay_days: float = Field(default=0, ge=0, description="mean days from known spinal metastasis to entry")
    high_risk_share: float = Field(
        default=0.1, ge=0, le=1, description="share of the body that makes a lesion high-risk"
    )


class Scenario(_Part):
    name: str = "as it is"
    parameters: str = "literature"
    years: float = Field(default=10, gt=0, le=40)
    people: People = People()
    surveillance: Surveillance = Surveillance()
    care: Care = Care()
    trial: Trial = Trial()
    changes: dict[str, Any] = Field(default_factory=dict, description="values of single parameters, by path")

    @model_validator(mode="after")
    def _trial_is_there(self) -> Scenario:
        if self.surveillance.start == "trial entry" and self.trial.entry == "none":
            raise ValueError("surveillance.start is 'trial entry', but trial.entry is 'none'")
        return self

    def parameter_set(self) -> ParameterSet:
        """The set with the scenario's changes. Raises InvalidAnswer with the path of what is wrong."""
        try:
            return load_set(self.parameters).with_values(self.changes, why="Changed by the scenario.")
        except InvalidAnswer as error:
            raise InvalidAnswer(f"changes: {error.what}", error.remedy) from error

    def text(self) -> str:
        """Everything that decides a run, as JSON with a fixed order: what a run is recognised by."""
        values = {path: entry.value.tolist() for path, entry in sorted(self.parameter_set().entries.items())}
        return json.dumps({"scenario": self.model_dump(mode="json"), "values": values}, sort_keys=True)


def read_scenario(path: Path | None) -> Scenario:
    """A scenario from a TOML file, or the default. Raises InvalidAnswer with the path of what is wrong."""
    if path is None:
        return Scenario()
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UnreadableInput(f"there is no file {path.name}.", "Give the path of a scenario file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path.name} is no TOML: {error}.", "Mend the file.") from error
    try:
        scenario = Scenario.model_validate(given)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors())
        raise InvalidAnswer(f"{path.name}: {told}.", "The entries stand in docs/reference/simulate.md.") from error
    if scenario.parameters not in SETS and not Path(scenario.parameters).is_absolute():
        scenario = scenario.model_copy(update={"parameters": str(path.parent / scenario.parameters)})
    scenario.parameter_set()
    return scenario
