"""Bone density with its kind, and the explicit way from one kind to another.

Calibrated CT gives mg/cc of K2HPO4; many laws were fitted to ash or apparent density, which differ from it by a factor
of two and more. Feeding one for the other is a known error, so a density carries its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.law_file import Source, Tables, packaged, source_of


class DensityKind(StrEnum):
    K2HPO4 = "k2hpo4"
    """Potassium phosphate equivalent, of a calibrated CT."""
    HYDROXYAPATITE = "hydroxyapatite"
    """Hydroxyapatite equivalent, of a calibrated CT."""
    ASH = "ash"
    APPARENT_WET = "apparent_wet"
    APPARENT_DRY = "apparent_dry"


@dataclass(frozen=True)
class Conversion:
    """ash density [mg/cc] = `offset_mg_cc` + `slope` * density [mg/cc]."""

    slope: float
    offset_mg_cc: float
    source: Source


@dataclass(frozen=True, eq=False)
class Density:
    """mg/cc of a stated kind."""

    mg_cc: NDArray
    kind: DensityKind

    def to(self, kind: DensityKind) -> Density:
        """The same bone's density of another kind, by way of ash density; never below zero after a conversion."""
        if kind is self.kind:
            return self
        ash = _to_ash(np.asarray(self.mg_cc, dtype=np.float64), self.kind)
        return Density(np.maximum(_from_ash(ash, kind), 0), kind)


def conversions(tables: Tables) -> Mapping[DensityKind, Conversion]:
    """The way to ash density from every other kind, from the tables of a law file."""
    return MappingProxyType(
        {
            DensityKind(kind): Conversion(fields["slope"], fields["offset_mg_cc"], source_of(fields))
            for kind, fields in tables["conversions"].items()
        }
    )


def _to_ash(mg_cc: NDArray[np.float64], kind: DensityKind) -> NDArray[np.float64]:
    if kind is DensityKind.ASH:
        return mg_cc
    return CONVERSIONS[kind].offset_mg_cc + CONVERSIONS[kind].slope * mg_cc


def _from_ash(mg_cc: NDArray[np.float64], kind: DensityKind) -> NDArray[np.float64]:
    if kind is DensityKind.ASH:
        return mg_cc
    return (mg_cc - CONVERSIONS[kind].offset_mg_cc) / CONVERSIONS[kind].slope


CONVERSIONS = conversions(packaged())
