"""Laws from density to modulus and yield stress: data with sources, each with the density it means.

Calibrated CT gives density as mg/cc of K2HPO4; many laws were fitted to ash or apparent density, which differ from it
by a factor of two and more. So a density carries its kind, a relation takes only its own kind, and the way from one to
the other is the conversion in `laws.toml`. `Law.modulus_mpa` and `Law.yield_mpa` convert; nothing else needs to.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spondyl.core.citations import cite
from spondyl.core.errors import ModelError, RuleError
from spondyl.values.voxel_model import TransverselyIsotropic

SOFTEST_MPA = 1.0
"""Modulus where the law gives less (marrow fat, soft tumour, density at or below zero). Own choice: within what is
written of soft tumour (1 to 10 MPa), under 1/200 of osteoporotic bone, and it keeps the solve quick."""
LEAST_YIELD_STRAIN = 0.002
"""Yield stress over modulus where the law gives less, down to zero at density zero. Own choice: the offset by which
yield is defined, a third of bone's own; a voxel that yields at no strain at all has no elastic answer, and under
5 mg/cc, where the power laws reach this, hardly any load is carried."""
_T = TypeVar("_T")
STATUSES = ("verified", "unverified", "own choice")


class DensityKind(StrEnum):
    K2HPO4 = "k2hpo4"
    """Potassium phosphate equivalent, of a calibrated CT."""
    HYDROXYAPATITE = "hydroxyapatite"
    """Hydroxyapatite equivalent, of a calibrated CT."""
    ASH = "ash"
    APPARENT_WET = "apparent_wet"
    APPARENT_DRY = "apparent_dry"


@dataclass(frozen=True)
class Source:
    """Where a number comes from and how far it was checked (the statuses are those of the clinical rules)."""

    citations: tuple[str, ...]
    status: str
    note: str


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
        """MPa, zero where the relation is negative. Raises ModelError for any other kind of density."""
        if density.kind is not self.density:
            raise ModelError(
                f"{density.kind} density for a relation fitted to {self.density} density.",
                f"Convert it first: Density.to('{self.density}').",
            )
        g_cc = np.maximum(np.asarray(density.mg_cc, dtype=np.float64), 0) / 1000
        conditions = [g_cc <= piece.up_to for piece in self.pieces]
        values = [piece.offset + piece.coefficient * g_cc**piece.exponent for piece in self.pieces]
        return np.maximum(np.select(conditions, values, default=0.0), 0)


@dataclass(frozen=True)
class Strength:
    """Stress at yield in compression: by its own relation to density, or as modulus * `elastic_strain`."""

    name: str
    title: str
    of: str
    """'yield' or 'ultimate': what was measured."""
    stress: Relation | None
    elastic_strain: float | None
    """Yield strain less the offset it was defined by."""
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
    strength: Strength
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
        return max((source.status for source in self.sources), key=("verified", "own choice", "unverified").index)

    def modulus_mpa(self, density_mg_cc: NDArray, *, softest_mpa: float = SOFTEST_MPA) -> NDArray[np.float64]:
        """Young's modulus in MPa for K2HPO4-equivalent mg/cc, any shape; never below `softest_mpa`."""
        return np.maximum(_at_k2hpo4(self.modulus, density_mg_cc), softest_mpa)

    def yield_mpa(self, density_mg_cc: NDArray, *, softest_mpa: float = SOFTEST_MPA) -> NDArray[np.float64]:
        """Yield stress in compression in MPa for K2HPO4-equivalent mg/cc, any shape.

        Never below `LEAST_YIELD_STRAIN` times the modulus.
        """
        modulus = self.modulus_mpa(density_mg_cc, softest_mpa=softest_mpa)
        if self.strength.stress is None:
            assert self.strength.elastic_strain is not None
            return modulus * self.strength.elastic_strain
        return np.maximum(_at_k2hpo4(self.strength.stress, density_mg_cc), modulus * LEAST_YIELD_STRAIN)

    def outside_range_share(self, density_mg_cc: NDArray) -> float:
        """Share of the voxels (K2HPO4-equivalent mg/cc) whose density lies outside `fitted`; 0 without voxels."""
        own = Density(np.asarray(density_mg_cc), DensityKind.K2HPO4).to(self.modulus.density).mg_cc / 1000
        return float(((own < self.fitted[0]) | (own > self.fitted[1])).mean()) if own.size else 0.0


@dataclass(frozen=True)
class Grain:
    title: str
    constants: TransverselyIsotropic
    source: Source


@dataclass(frozen=True)
class TumourValue:
    """A number for tumour tissue, with the range a sensitivity study sweeps."""

    value: float
    swept: tuple[float, float]
    source: Source


def law_named(name: str, *, strength: str | None = None) -> Law:
    """The law of that name, with another one's yield stress if `strength` names it. Raises ModelError if not known."""
    law = _known(LAWS, name, "density law")
    return law if strength is None else replace(law, strength=_known(STRENGTHS, strength, "yield law"))


def tumour_modulus(
    kind: str,
    density_mg_cc: NDArray,
    law: Law,
    *,
    lytic_mpa: float | None = None,
    knock_down: float | None = None,
) -> NDArray[np.float64]:
    """Modulus in MPa of lesion voxels of K2HPO4-equivalent mg/cc, any shape.

    'lytic': soft throughout. 'blastic': the law, knocked down. 'mixed': the same voxel by voxel, its lytic parts being
    those of little density; no voxel is softer than lytic tissue. Defaults: `LYTIC` and `BLASTIC`. Raises ModelError
    for another kind.
    """
    soft = LYTIC.value if lytic_mpa is None else lytic_mpa
    share = BLASTIC.value if knock_down is None else knock_down
    if _lesion(kind) == "lytic":
        return np.full(np.shape(density_mg_cc), soft, dtype=np.float64)
    return np.maximum(share * law.modulus_mpa(density_mg_cc, softest_mpa=0.0), soft)


def tumour_yield(
    kind: str,
    density_mg_cc: NDArray,
    law: Law,
    *,
    lytic_mpa: float | None = None,
    knock_down: float | None = None,
) -> NDArray[np.float64]:
    """Yield stress in MPa of the same voxels; lytic tissue yields at bone's elastic strain. Raises ModelError."""
    soft = LYTIC.value if lytic_mpa is None else lytic_mpa
    share = BLASTIC.value if knock_down is None else knock_down
    least = soft * _LYTIC_ELASTIC_STRAIN
    if _lesion(kind) == "lytic":
        return np.full(np.shape(density_mg_cc), least, dtype=np.float64)
    return np.maximum(share * law.yield_mpa(density_mg_cc, softest_mpa=0.0), least)


def parse(text: str) -> dict[str, Any]:
    """The tables of a law file, checked and built; see `laws.toml` for the form. Raises RuleError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"laws.toml is no TOML: {error}.", "Mend the line named.") from error
    try:
        return _build(content)
    except (KeyError, TypeError, ValueError) as error:
        raise RuleError(f"laws.toml: {type(error).__name__} {error}.", "See the head of the file.") from error


def _build(content: dict[str, Any]) -> dict[str, Any]:
    strengths = {name: _strength(name, fields) for name, fields in content["strengths"].items()}
    tension, tumour = content["tension"], content["tumour"]
    conversions = {
        DensityKind(kind): Conversion(fields["slope"], fields["offset_mg_cc"], _source(fields, f"conversions.{kind}"))
        for kind, fields in content["conversions"].items()
    }
    return {
        "conversions": conversions,
        "strengths": strengths,
        "laws": {
            name: Law(
                name,
                fields["title"],
                fields["site"],
                _relation(fields["density"], fields["modulus"], f"laws.{name}"),
                _fitted(fields, content["range_of_vertebral_bone"], conversions),
                strengths[fields["strength"]],
                tension["share"],
                _source(fields, f"laws.{name}"),
                _source(tension, "tension"),
            )
            for name, fields in content["laws"].items()
        },
        "grains": {name: _grain(fields, f"grains.{name}") for name, fields in content["grains"].items()},
        "lytic": TumourValue(
            tumour["lytic"]["modulus_mpa"],
            tuple(tumour["lytic"]["swept_mpa"]),
            _source(tumour["lytic"], "tumour.lytic"),
        ),
        "blastic": TumourValue(
            tumour["blastic"]["knock_down"],
            tuple(tumour["blastic"]["swept"]),
            _source(tumour["blastic"], "tumour.blastic"),
        ),
    }


def _source(fields: dict[str, Any], where: str) -> Source:
    citations, status, note = tuple(fields["citations"]), fields["status"], fields["note"]
    if status not in STATUSES:
        raise RuleError(f"laws.toml: '{where}' has status '{status}'.", f"Known: {', '.join(STATUSES)}.")
    if not citations and status != "own choice":
        raise RuleError(f"laws.toml: '{where}' has no source.", "Name one or more keys of core/references.")
    if not note:
        raise RuleError(f"laws.toml: '{where}' has no note.", "Say what was checked, or why it was chosen.")
    try:
        references = cite(citations)
    except RuleError as error:
        raise RuleError(f"laws.toml: '{where}': {error.what}", error.remedy) from error
    if status == "verified" and not any(reference.verified for reference in references):
        raise RuleError(f"laws.toml: '{where}' is called verified, but none of its sources is.", "Say 'unverified'.")
    return Source(citations, status, note)


def _relation(density: str, pieces: list[dict[str, float]], where: str) -> Relation:
    built = tuple(Piece(**piece) for piece in pieces)
    ends = [piece.up_to for piece in built]
    if not built or ends != sorted(set(ends)) or ends[-1] != float("inf"):
        raise RuleError(f"laws.toml: the pieces of '{where}' do not cover all densities once.", "Order them upwards.")
    return Relation(DensityKind(density), built)


def _strength(name: str, fields: dict[str, Any]) -> Strength:
    where = f"strengths.{name}"
    if fields["of"] not in ("yield", "ultimate"):
        raise RuleError(f"laws.toml: '{where}' is of '{fields['of']}'.", "Known: yield, ultimate.")
    by_stress = "stress" in fields
    return Strength(
        name,
        fields["title"],
        fields["of"],
        _relation(fields["density"], fields["stress"], where) if by_stress else None,
        None if by_stress else fields["yield_strain"] - fields["offset_strain"],
        _source(fields, where),
    )


def _grain(fields: dict[str, Any], where: str) -> Grain:
    names = ("transverse_modulus", "axial_shear", "axial_poisson_ratio", "transverse_poisson_ratio")
    return Grain(
        fields["title"], TransverselyIsotropic(**{name: fields[name] for name in names}), _source(fields, where)
    )


def _fitted(
    fields: dict[str, Any], general: dict[str, Any], conversions: Mapping[DensityKind, Conversion]
) -> tuple[float, float]:
    """The law's own range in g/cc, or that of vertebral bone in the law's own kind of density."""
    if "fitted_g_cc" in fields:
        low, high = fields["fitted_g_cc"]
        return low, high
    _source(general, "range_of_vertebral_bone")
    ash = conversions[DensityKind(general["density"])]
    own = conversions.get(DensityKind(fields["density"]), _ASH)
    low, high = (
        ((ash.offset_mg_cc + ash.slope * general[end] * 1000) - own.offset_mg_cc) / own.slope / 1000
        for end in ("low_g_cc", "high_g_cc")
    )
    return max(low, 0.0), high


def _to_ash(mg_cc: NDArray[np.float64], kind: DensityKind) -> NDArray[np.float64]:
    conversion = CONVERSIONS.get(kind, _ASH)
    return conversion.offset_mg_cc + conversion.slope * mg_cc


def _from_ash(mg_cc: NDArray[np.float64], kind: DensityKind) -> NDArray[np.float64]:
    conversion = CONVERSIONS.get(kind, _ASH)
    return (mg_cc - conversion.offset_mg_cc) / conversion.slope


def _at_k2hpo4(relation: Relation, density_mg_cc: NDArray) -> NDArray[np.float64]:
    return relation.at(Density(density_mg_cc, DensityKind.K2HPO4).to(relation.density))


def _known(table: Mapping[str, _T], name: str, what: str) -> _T:
    if name not in table:
        raise ModelError(f"no {what} is called '{name}'.", f"Known: {', '.join(sorted(table))}.")
    return table[name]


def _lesion(kind: str) -> str:
    if kind not in ("lytic", "mixed", "blastic"):
        raise ModelError(f"a lesion of kind '{kind}' has no material.", "Known: lytic, mixed, blastic.")
    return kind


_ASH = Conversion(1.0, 0.0, Source((), "own choice", "Ash density is itself."))
_LOADED = parse(files("spondyl.mechanics").joinpath("laws.toml").read_text(encoding="utf-8"))
CONVERSIONS: Mapping[DensityKind, Conversion] = MappingProxyType(_LOADED["conversions"])
STRENGTHS: Mapping[str, Strength] = MappingProxyType(_LOADED["strengths"])
LAWS: Mapping[str, Law] = MappingProxyType(_LOADED["laws"])
GRAINS: Mapping[str, Grain] = MappingProxyType(_LOADED["grains"])
LYTIC: TumourValue = _LOADED["lytic"]
"""Modulus in MPa of lytic tissue."""
BLASTIC: TumourValue = _LOADED["blastic"]
"""Share of the law's modulus and yield stress that blastic bone has."""
_LYTIC_ELASTIC_STRAIN = STRENGTHS["morgan_keaveny2001"].elastic_strain or LEAST_YIELD_STRAIN
