"""The figures that a simulated population is held against: what each counts, and how it is counted here.

Each figure is a numerator over a denominator of people (or lesions) of one chunk; chunks add up. Orders ('breast, lung,
prostate') are counts by class, whose order is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from spondyl.natural_history.chunk import Chunk
from spondyl.natural_history.states import NEVER, PRIMARIES, REGION_OF, SPINAL_PRIMARY

_BREAST, _LUNG, _PROSTATE, _KIDNEY = 0, 1, 2, 3
_YEAR = 365.25

Share = tuple[float, float]


def _of(part: np.ndarray, whole: np.ndarray) -> Share:
    return float(np.count_nonzero(part & whole)), float(np.count_nonzero(whole))


def _spinal(c: Chunk) -> np.ndarray:
    """People with a visible metastasis in the spine by the end."""
    return (c.people["spine_visible_day"] != NEVER) & (c.people["primary"] != SPINAL_PRIMARY)


def _treated(c: Chunk) -> np.ndarray:
    return _spinal(c) & (c.people["radiotherapies"] > 0)


def _systemic(c: Chunk) -> np.ndarray:
    return c.people["overt_day"] != NEVER


def _symptoms(c: Chunk) -> np.ndarray:
    return (c.people["pain_day"] != NEVER) | (c.people["deficit_day"] != NEVER)


def _attention(c: Chunk, region: tuple[int, ...]) -> Share:
    levels = c.people["deficit_level"]
    known = _spinal(c) & (levels >= 0)
    return _of(np.isin(REGION_OF[np.maximum(levels, 0)], region), known)


def _within(c: Chunk, day: str, start: str, days: float, who: np.ndarray) -> Share:
    """Those with `day` within `days` of `start`, of those in `who` who were observed (dead or not)."""
    waited = c.people[day].astype(float) - c.people[start].astype(float)
    return _of((c.people[day] != NEVER) & (waited <= days), who)


def _bone_by(c: Chunk, days: float, who: np.ndarray) -> Share:
    return _of(c.people["bone_overt_day"] <= days, who)


def _is(c: Chunk, *primaries: int) -> np.ndarray:
    return np.isin(c.people["primary"], primaries)


def _cancer(c: Chunk) -> np.ndarray:
    return c.people["primary"] != SPINAL_PRIMARY


def _solid(c: Chunk) -> np.ndarray:
    return _cancer(c) & (c.people["primary"] != PRIMARIES.index("myeloma"))


def _alive_after_bone(c: Chunk, days: float) -> Share:
    bone = c.people["bone_overt_day"]
    observed = (bone != NEVER) & (bone + days < c.people["end_day"].max()) & _solid(c) & ~_is(c, _PROSTATE)
    return _of(c.people["end_day"] > bone.astype(float) + days, observed)


def _known_region(c: Chunk, region: int) -> Share:
    """Of people with a known spinal metastasis, those with one in a region that was visible when it became known."""
    first = c.people["patient"][0]
    day = c.people["known_day"]
    lesions = c.lesions
    here = (REGION_OF[lesions["level"]] == region) & (lesions["visible_day"] <= day[lesions["patient"] - first])
    have = np.zeros(len(c.people), bool)
    have[lesions["patient"][here] - first] = True
    return _of(have, (c.people["known_day"] != NEVER) & _cancer(c))


def _compressed_before_death(c: Chunk, who: np.ndarray) -> Share:
    died = (c.people["died"] == 1) & _systemic(c) & who
    waited = c.people["end_day"].astype(float) - c.people["deficit_day"]
    return _of((c.people["deficit_day"] != NEVER) & (waited <= 5 * _YEAR), died)


def _fractured_in_a_year(c: Chunk) -> Share:
    lesions = c.lesions[(c.lesions["known_day"] != NEVER) & (c.lesions["compartment"] == 0)]
    intact = lesions["fracture_day"] > lesions["known_day"]
    waited = lesions["fracture_day"].astype(float) - lesions["known_day"]
    return _of((lesions["fracture_day"] != NEVER) & (waited <= _YEAR), intact)


def _by_primary(c: Chunk) -> np.ndarray:
    return np.bincount(c.people["primary"][_spinal(c)], minlength=len(PRIMARIES)).astype(float)


def _organs(c: Chunk) -> np.ndarray:
    who = _systemic(c)
    return np.array([float(c.people[f"arrivals_{organ}"][who].sum()) for organ in ("lung", "liver", "bone")])


SHARES: dict[str, Callable[[Chunk], Share]] = {
    "metastases_of_spinal_tumours": lambda c: _of(_spinal(c), c.people["spine_visible_day"] != NEVER),
    "extradural_of_metastases": lambda c: _of(
        c.lesions["compartment"] == 0, ~np.isin(c.lesions["patient"], c.people["patient"][_is(c, SPINAL_PRIMARY)])
    ),
    "multilevel": lambda c: _of(c.people["levels"] > 1, _spinal(c)),
    "multilevel_treated": lambda c: _of(c.people["levels"] > 1, _treated(c)),
    "three_levels_treated": lambda c: _of(c.people["levels"] > 2, _treated(c)),
    "attention_thoracic": lambda c: _attention(c, (1,)),
    "attention_lumbar": lambda c: _attention(c, (2, 3)),
    "attention_cervical": lambda c: _attention(c, (0,)),
    "spine_of_systemic": lambda c: _of(_spinal(c), _systemic(c)),
    "silent_of_spinal": lambda c: _of(~_symptoms(c), _spinal(c)),
    "spine_of_bone": lambda c: _of(_spinal(c), _cancer(c) & (_spinal(c) | (c.people["bone_overt_day"] != NEVER))),
    "bone_at_1_year": lambda c: _bone_by(c, _YEAR, _solid(c)),
    "bone_at_10_years": lambda c: _bone_by(c, 10 * _YEAR, _solid(c)),
    "bone_at_30_days": lambda c: _bone_by(c, 30, _solid(c)),
    "breast_bone_at_diagnosis": lambda c: _bone_by(c, 30, _is(c, _BREAST)),
    "lung_bone_at_diagnosis": lambda c: _bone_by(c, 30, _is(c, _LUNG)),
    "prostate_bone_at_diagnosis": lambda c: _bone_by(c, 30, _is(c, _PROSTATE)),
    "kidney_bone_at_diagnosis": lambda c: _bone_by(c, 30, _is(c, _KIDNEY)),
    "prostate_bone_at_10_years": lambda c: _bone_by(c, 10 * _YEAR, _is(c, _PROSTATE)),
    "compression_before_death": lambda c: _compressed_before_death(c, _cancer(c)),
    "breast_compression_before_death": lambda c: _compressed_before_death(c, _is(c, _BREAST)),
    "lung_compression_before_death": lambda c: _compressed_before_death(c, _is(c, _LUNG)),
    "prostate_compression_before_death": lambda c: _compressed_before_death(c, _is(c, _PROSTATE)),
    "fracture_in_a_year": _fractured_in_a_year,
    "alive_6_months_after_bone": lambda c: _alive_after_bone(c, 0.5 * _YEAR),
    "alive_1_year_after_bone": lambda c: _alive_after_bone(c, _YEAR),
    "alive_2_years_after_bone": lambda c: _alive_after_bone(c, 2 * _YEAR),
    "known_cervical": lambda c: _known_region(c, 0),
    "known_thoracic": lambda c: _known_region(c, 1),
    "known_lumbar": lambda c: _known_region(c, 2),
    "known_sacral": lambda c: _known_region(c, 3),
}  # fmt: skip
ORDERS: dict[str, tuple[tuple[str, ...], Callable[[Chunk], np.ndarray]]] = {
    "primaries": (PRIMARIES, _by_primary),
    "organs": (("lung", "liver", "bone"), _organs),
}


@dataclass
class Tally:
    """Sums over chunks: (numerator, denominator) by share, counts by order."""

    shares: dict[str, Share] = field(default_factory=dict)
    orders: dict[str, np.ndarray] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """The share, NaN when its denominator is empty."""
        part, whole = self.shares[name]
        return part / whole if whole else float("nan")

    def interval(self, name: str) -> tuple[float, float]:
        """95 % interval by Wilson."""
        return wilson(*self.shares[name])

    def order(self, name: str) -> tuple[str, ...]:
        """Classes, the commonest first."""
        return tuple(ORDERS[name][0][n] for n in np.argsort(-self.orders[name], kind="stable"))


def tally(chunks: Iterable[Chunk], names: Iterable[str] | None = None) -> Tally:
    """The named shares (all by default) and all orders of the chunks together."""
    wanted = tuple(SHARES if names is None else names)
    total = Tally(dict.fromkeys(wanted, (0.0, 0.0)), {name: np.zeros(len(ORDERS[name][0])) for name in ORDERS})
    for chunk in chunks:
        for name in wanted:
            part, whole = SHARES[name](chunk)
            total.shares[name] = (total.shares[name][0] + part, total.shares[name][1] + whole)
        for name, (_, count) in ORDERS.items():
            total.orders[name] = total.orders[name] + count(chunk)
    return total


def wilson(part: float, whole: float, z: float = 1.959964) -> tuple[float, float]:
    """Interval of a share; (0, 1) when nothing was counted."""
    if whole <= 0:
        return 0.0, 1.0
    share = part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * np.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return float(middle - half), float(middle + half)
