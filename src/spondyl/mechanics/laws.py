"""Laws from density to modulus and yield stress: data with sources (`laws.toml`), each with the density it means.

`Law.modulus_mpa` and `Law.yield_mpa` take K2HPO4-equivalent density, as calibrated CT gives it, and convert it to what
the law was fitted on; a relation by itself takes no other kind of density than its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError, RuleError
from spondyl.mechanics.density import CONVERSIONS, Density, DensityKind
from spondyl.mechanics.law_file import STATUSES, Source, Tables, packaged, source_of
from spondyl.values.voxel_model import TransverselyIsotropic

DEFAULT_LAW = "kopperdahl2002"
"""Fitted to QCT density of vertebral bone itself, with its own yield stress, and the law of the published vertebral
models (bonelab_spinefe)."""
SOFTEST_MPA = 1.0
"""Modulus where the law gives less (marrow fat, soft tumour, density at or below zero). Own choice: within what is
written of soft tumour (1 to 10 MPa), under 1/200 of osteoporotic bone, and it keeps the solve quick."""
LEAST_YIELD_STRAIN = 0.002
"""Yield stress over modulus where the law gives less, down to zero at density zero. Own choice: the offset by which
yield is defined, a third of bone's own; a voxel that yields at no strain at all has no elastic answer, and under
5 mg/cc, where the power laws reach this, hardly any load is carried."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Piece:
    """offset + coefficient * density [g/cc] ** exponent, up to and with `up_to` g/cc."""

    coefficient: float
    exponent: float
    offset: float = 0.0
    up_to: float = float("inf")


@dataclass(frozen=True)
class Relation:
    """MPa from one kind of density, in one or more pieces from the lowest density up."""

    density: DensityKind
    pieces: tuple[Piece, ...]

    def at(self, density: Density) -> NDArray[np.float64]:
        """MPa, zero where the relation is negative; NaN stays NaN. Raises ModelError for another kind of density."""
        if density.kind is not self.density:
            raise ModelError(
                f"{density.kind} density for a relation fitted to {self.density} density.",
                f"Convert it first: Density.to('{self.density}').",
            )
        g_cc = np.maximum(np.asarray(density.mg_cc, dtype=np.float64), 0) / 1000
        conditions = [g_cc <= piece.up_to for piece in self.pieces]
        values = [piece.offset + piece.coefficient * g_cc**piece.exponent for piece in self.pieces]
        return np.maximum(np.select(conditions, values, default=np.nan), 0)


@dataclass(frozen=True)
class YieldLaw:
    """Stress at yield in compression: by its own relation to density, or as modulus * `elastic_strain`."""

    name: str
    title: str
    of: str
    """'yield' or 'ultimate': what was measured."""
    stress: Relation | None
    elastic_strain: float
    """Yield strain less the offset it was defined by; read only without `stress`."""
    source: Source


@dataclass(frozen=True)
class Law:
    """Modulus along the axis, and yield stress, of bone of a given density."""

    name: str
    title: str
    site: str
    modulus: Relation
    fitted: tuple[float, float]
    """Densities in g/cc that it was fitted on, of its own kind; for most laws those seen in vertebral bone at all."""
    strength: YieldLaw
    tension_share: float
    """Tensile over compressive yield stress."""
    source: Source
    tension_source: Source

    @property
    def sources(self) -> tuple[Source, ...]:
        """Of modulus, strength, tension and every conversion from K2HPO4 that they need."""
        relations = (self.modulus, *((self.strength.stress,) if self.strength.stress else ()))
        others = {relation.density for relation in relations} - {DensityKind.K2HPO4}
        used = others | {DensityKind.K2HPO4} if others else others
        conversions = tuple(CONVERSIONS[kind].source for kind in sorted(used - {DensityKind.ASH}))
        return (self.source, self.strength.source, self.tension_source, *conversions)

    @property
    def citations(self) -> tuple[str, ...]:
        """Keys of all sources, each once, sorted."""
        return tuple(sorted({key for source in self.sources for key in source.citations}))

    @property
    def status(self) -> str:
        """The weakest status among the sources."""
        return max((source.status for source in self.sources), key=STATUSES.index)

    def modulus_mpa(self, density_mg_cc: NDArray, *, softest_mpa: float = SOFTEST_MPA) -> NDArray[np.float64]:
        """Young's modulus in MPa for K2HPO4-equivalent mg/cc, any shape; never below `softest_mpa`."""
        return np.maximum(_at_k2hpo4(self.modulus, density_mg_cc), softest_mpa)

    def yield_mpa(self, density_mg_cc: NDArray, *, softest_mpa: float = SOFTEST_MPA) -> NDArray[np.float64]:
        """Yield stress in compression in MPa for K2HPO4-equivalent mg/cc, any shape.

        Never below `LEAST_YIELD_STRAIN` times the modulus.
        """
        modulus = self.modulus_mpa(density_mg_cc, softest_mpa=softest_mpa)
        if self.strength.stress is None:
            return modulus * self.strength.elastic_strain
        return np.maximum(_at_k2hpo4(self.strength.stress, density_mg_cc), modulus * LEAST_YIELD_STRAIN)

    def outside_range_share(self, density_mg_cc: NDArray) -> float:
        """Share of the voxels (K2HPO4-equivalent mg/cc) whose density lies outside `fitted`; 0 without voxels."""
        own = Density(np.asarray(density_mg_cc), DensityKind.K2HPO4).to(self.modulus.density).mg_cc / 1000
        return float(((own < self.fitted[0]) | (own > self.fitted[1])).mean()) if own.size else 0.0


@dataclass(frozen=True)
class Grain:
    """How stiff bone is across and in shear, relative to its axis; an option, never the default."""

    title: str
    constants: TransverselyIsotropic
    source: Source


def law_named(name: str, *, strength: str | None = None) -> Law:
    """The law of that name, with another one's yield stress if `strength` names it. Raises ModelError if not known."""
    law = _known(LAWS, name, "density law")
    return law if strength is None else replace(law, strength=_known(STRENGTHS, strength, "yield law"))


def build(tables: Tables) -> tuple[Mapping[str, Law], Mapping[str, YieldLaw], Mapping[str, Grain]]:
    """Laws, yield laws and grains from the tables of a law file. Raises RuleError for a table of the wrong form."""
    try:
        strengths = {name: _strength(name, fields) for name, fields in tables["strengths"].items()}
        laws = {name: _law(name, tables, strengths) for name in tables["laws"]}
        grains = {name: _grain(fields) for name, fields in tables["grains"].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise RuleError(f"laws.toml: {type(error).__name__} {error}.", "See the head of the file.") from error
    return MappingProxyType(laws), MappingProxyType(strengths), MappingProxyType(grains)


def _law(name: str, tables: Tables, strengths: Mapping[str, YieldLaw]) -> Law:
    fields, tension = tables["laws"][name], tables["tension"]
    modulus = _relation(fields["density"], fields["modulus"], f"laws.{name}")
    return Law(
        name,
        fields["title"],
        fields["site"],
        modulus,
        _fitted(fields, tables["range_of_vertebral_bone"], modulus.density),
        strengths[fields["strength"]],
        tension["share"],
        source_of(fields),
        source_of(tension),
    )


def _relation(density: str, pieces: list[dict[str, float]], where: str) -> Relation:
    built = tuple(Piece(**piece) for piece in pieces)
    ends = [piece.up_to for piece in built]
    if not built or ends != sorted(set(ends)) or ends[-1] != float("inf"):
        raise RuleError(f"laws.toml: the pieces of '{where}' do not cover all densities once.", "Order them upwards.")
    return Relation(DensityKind(density), built)


def _strength(name: str, fields: Tables) -> YieldLaw:
    if fields["of"] not in ("yield", "ultimate"):
        raise RuleError(f"laws.toml: 'strengths.{name}' is of '{fields['of']}'.", "Known: yield, ultimate.")
    if "stress" in fields:
        stress = _relation(fields["density"], fields["stress"], f"strengths.{name}")
        return YieldLaw(name, fields["title"], fields["of"], stress, 0.0, source_of(fields))
    elastic = fields["yield_strain"] - fields["offset_strain"]
    return YieldLaw(name, fields["title"], fields["of"], None, elastic, source_of(fields))


def _grain(fields: Tables) -> Grain:
    names = ("transverse_modulus", "axial_shear", "axial_poisson_ratio", "transverse_poisson_ratio")
    return Grain(fields["title"], TransverselyIsotropic(**{name: fields[name] for name in names}), source_of(fields))


def _fitted(fields: Tables, general: Tables, own: DensityKind) -> tuple[float, float]:
    """The law's own range in g/cc, or that of vertebral bone in the law's own kind of density."""
    if "fitted_g_cc" in fields:
        low, high = fields["fitted_g_cc"]
    else:
        ends = np.array([general["low_g_cc"], general["high_g_cc"]]) * 1000
        low, high = Density(ends, DensityKind(general["density"])).to(own).mg_cc / 1000
    return float(low), float(high)


def _at_k2hpo4(relation: Relation, density_mg_cc: NDArray) -> NDArray[np.float64]:
    return relation.at(Density(density_mg_cc, DensityKind.K2HPO4).to(relation.density))


def _known(table: Mapping[str, _T], name: str, what: str) -> _T:
    if name not in table:
        raise ModelError(f"no {what} is called '{name}'.", f"Known: {', '.join(sorted(table))}.")
    return table[name]


LAWS, STRENGTHS, GRAINS = build(packaged())
