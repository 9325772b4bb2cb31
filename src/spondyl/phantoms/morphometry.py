"""Sizes of every level's vertebra for a person of given sex, stature and size, from morphometry.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Literal

from spondyl.anatomy.levels import Level

Sex = Literal["female", "male"]

SEX_SCALE: dict[Sex, float] = {"male": 1.03, "female": 0.92}
"""Female widths and heights are 0.85 to 0.9 of male ones; Panjabi's spines were of both sexes, mostly male."""
MEAN_STATURE_CM: dict[Sex, float] = {"male": 176.0, "female": 163.0}
"""Own choice: about the mean of European adults; taller and shorter people are scaled in all directions alike."""
DISC_LOSS_PER_YEAR = 0.002
"""Own choice: share of the disc height lost a year beyond 40, a fifth over fifty years."""
DISC_AGE = 40.0


@dataclass(frozen=True)
class Dimensions:
    """Of one vertebra in mm; `disc` is the mean height of the disc below it."""

    upper_width: float
    upper_depth: float
    lower_width: float
    lower_depth: float
    front_height: float
    back_height: float
    canal_width: float
    canal_depth: float
    pedicle_width: float
    pedicle_height: float
    transverse: float
    spinous: float
    disc: float

    @property
    def height(self) -> float:
        return (self.front_height + self.back_height) / 2

    @property
    def width(self) -> float:
        return (self.upper_width + self.lower_width) / 2

    @property
    def depth(self) -> float:
        return (self.upper_depth + self.lower_depth) / 2

    def scaled(self, by: float, disc_by: float = 1.0) -> Dimensions:
        sizes = {field.name: getattr(self, field.name) * by for field in fields(self)}
        return Dimensions(**(sizes | {"disc": sizes["disc"] * disc_by}))


@cache
def average() -> dict[Level, Dimensions]:
    """The table as it stands, T13 like T12 and L6 like L5."""
    table = tomllib.loads(files("spondyl.phantoms").joinpath("morphometry.toml").read_text(encoding="utf-8"))
    found = {Level[name]: _dimensions(row) for name, row in table.items()}
    return found | {Level.T13: found[Level.T12], Level.L6: found[Level.L5]}


def _dimensions(row: dict) -> Dimensions:
    pairs = (*row["upper"], *row["lower"], *row["height"], *row["canal"], *row["pedicle"])
    return Dimensions(*(float(number) for number in (*pairs, row["transverse"], row["spinous"], row["disc"])))


def person_scale(sex: Sex, stature_cm: float | None) -> float:
    """How much larger than the table's a person's vertebrae are."""
    return SEX_SCALE[sex] * ((stature_cm or MEAN_STATURE_CM[sex]) / MEAN_STATURE_CM[sex])


def dimensions(level: Level, sex: Sex, stature_cm: float | None = None, age: float = DISC_AGE) -> Dimensions:
    """Sizes of one level of a person. Raises KeyError for S2 and below, which have no table."""
    ageing = 1.0 - DISC_LOSS_PER_YEAR * max(0.0, age - DISC_AGE)
    return average()[level].scaled(person_scale(sex, stature_cm), ageing)
