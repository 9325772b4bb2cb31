"""What tumour tissue is made of, mechanically, by the type of the lesion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.law_file import Source, packaged, source_of
from spondyl.mechanics.laws import STRENGTHS, Law

KINDS = ("lytic", "mixed", "blastic")


@dataclass(frozen=True)
class TumourValue:
    """A number for tumour tissue, with the range a sensitivity study sweeps."""

    value: float
    swept: tuple[float, float]
    source: Source


def tumour_modulus(
    kind: str,
    density_mg_cc: NDArray,
    law: Law,
    *,
    lytic_mpa: float | None = None,
    knock_down: float | None = None,
) -> NDArray[np.float64]:
    """Modulus in MPa of lesion voxels of K2HPO4-equivalent mg/cc, any shape.

    'lytic': soft throughout. 'blastic': the law, knocked down. 'mixed': the same, voxel by voxel, its lytic parts being
    those of little density; no voxel is softer than lytic tissue. Defaults: `LYTIC` and `BLASTIC`. Raises ModelError
    for another kind.
    """
    soft = LYTIC.value if lytic_mpa is None else lytic_mpa
    share = BLASTIC.value if knock_down is None else knock_down
    if _checked(kind) == "lytic":
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
    """Yield stress in compression, in MPa, of the same voxels; lytic tissue yields at bone's elastic strain."""
    soft = LYTIC.value if lytic_mpa is None else lytic_mpa
    share = BLASTIC.value if knock_down is None else knock_down
    least = soft * STRENGTHS["morgan_keaveny2001"].elastic_strain
    if _checked(kind) == "lytic":
        return np.full(np.shape(density_mg_cc), least, dtype=np.float64)
    return np.maximum(share * law.yield_mpa(density_mg_cc, softest_mpa=0.0), least)


def _checked(kind: str) -> str:
    if kind not in KINDS:
        raise ModelError(f"a lesion of kind '{kind}' has no material.", f"Known: {', '.join(KINDS)}.")
    return kind


def _value(name: str) -> TumourValue:
    fields = packaged()["tumour"][name]
    low, high = fields["swept"]
    return TumourValue(fields["value"], (low, high), source_of(fields))


LYTIC = _value("lytic")
"""Modulus in MPa of lytic tissue."""
BLASTIC = _value("blastic")
"""Share of the law's modulus and yield stress that blastic bone has."""
