"""Which level each vertebra is: the row of names whose levels look most like those found, and how sure that is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.segmentation.looks import FEATURES

FILE = "level_looks.toml"
SPREADS = {"height": 0.10, "depth": 0.10, "ratio": 0.06, "near": 0.15, "far": 0.20, "wing": 0.12}
"""Standard deviations of one level's look between people beyond their size; own choices, about twice those of the
phantoms, which know no spurs, curved ribs or vessels full of contrast medium."""
SIZE_SPREAD = 0.12
"""Of the logarithm of a person's size against the mean; own choice, men and women together."""
MOST_COST = 3.0
"""Own choice: what one feature of one level can speak against a name; a spur or a stent must not decide."""
VARIANT_COST = 3.0
"""Own choice: about 1 in 20 people has another number of vertebrae; the row must speak clearly for it."""
PAST_COST = 8.0
"""Own choice: of each vertebra past the head or the sacrum's first segment, whose looks are not known: rather more than
a real vertebra costs under its own name."""

_USUAL = tuple(level for level in Level if level <= Level.L5 or level is Level.S1)
_T13 = (*_USUAL[:19], Level.T13, *_USUAL[19:])
_L6 = (*_USUAL[:24], Level.L6, Level.S1)
_NO_T12 = tuple(level for level in _USUAL if level is not Level.T12)
_NO_L5 = tuple(level for level in _USUAL if level is not Level.L5)
ROWS = {"usual": _USUAL, "T13": _T13, "L6": _L6, "eleven thoracic": _NO_T12, "four lumbar": _NO_L5}


@dataclass(frozen=True)
class Naming:
    levels: tuple[Level | None, ...]
    """From below upward, as the vertebrae; None for one past the row's ends."""
    margin: float
    """Log odds of this row of names over the best one that names some vertebra otherwise."""
    variant: str
    runner_up: tuple[Level | None, ...]


@cache
def expected_looks() -> dict[Level, NDArray[np.float64]]:
    """Mean look of each level, from the phantoms (`scripts/vertebra_prior.py`)."""
    table = tomllib.loads(resources.files("spondyl.segmentation").joinpath(FILE).read_text())
    return {Level[name]: np.array([entry[feature] for feature in FEATURES]) for name, entry in table.items()}


def _stands_for(row: Sequence[Level]) -> list[Level]:
    """The level of the usual row that each one looks like: the last rib bearer like T12, the last lumbar like L5."""
    out = []
    for n, level in enumerate(row):
        below = row[n + 1] if n + 1 < len(row) else None
        if below is Level.L1:
            out.append(Level.T12)
        elif below is Level.S1:
            out.append(Level.L5)
        elif level is Level.T12:  # with a T13 below it
            out.append(Level.T11)
        elif level is Level.L5:
            out.append(Level.L4)
        else:
            out.append(level)
    return out


def name_levels(
    found: NDArray[np.float64], seen: Sequence[float], anchors: Mapping[int, Level] | None = None
) -> Naming:
    """Names for looks (levels, features) from below upward; `anchors` fix the level of some, by their number.

    A vertebra counts by the share of it that is seen. Raises ValueError where no row of names has the anchors' order.
    """
    upward = found[::-1]
    weight = np.clip(np.array(seen)[::-1], 0, 1) ** 2
    fixed = {len(found) - 1 - number: level for number, level in (anchors or {}).items()}
    options: list[tuple[float, str, tuple[Level | None, ...]]] = []
    for variant, row in ROWS.items():
        like = _stands_for(row)
        expected = np.array([expected_looks().get(level, np.full(len(FEATURES), np.nan)) for level in like])
        for start in range(-len(found) + 1, len(row)):
            names = tuple(row[n] if 0 <= n < len(row) else None for n in range(start, start + len(found)))
            if any(names[number] is not level for number, level in fixed.items()):
                continue
            there = [n for n, name in enumerate(names) if name is not None]
            cost = _cost(upward[there], expected[[start + n for n in there]], weight[there])
            cost += PAST_COST * sum(weight[n] for n in range(len(names)) if names[n] is None)
            cost += 0.0 if variant == "usual" else VARIANT_COST
            options.append((-float(cost), variant, names))
    if not options:
        raise ValueError("no row of vertebrae has these names in this order")
    options.sort(key=lambda option: option[0], reverse=True)
    best, variant, names = options[0]
    other = next((option for option in options if option[2] != names), None)
    margin = best - other[0] if other else np.inf
    return Naming(names[::-1], margin, variant, other[2][::-1] if other else ())


def _cost(found: NDArray[np.float64], expected: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Half the squared deviations, each limited; the person's size is the one that fits best."""
    spread = np.array([SPREADS[feature] for feature in FEATURES])
    off = found - expected
    sized = off[:, :2][np.isfinite(off[:, :2])]
    size = sized.sum() / (len(sized) + (SPREADS["height"] / SIZE_SPREAD) ** 2) if len(sized) else 0.0
    off = off - np.array([size, size, 0, 0, 0, 0])
    cost = np.minimum(0.5 * np.nan_to_num((off / spread) ** 2), MOST_COST)
    return float((cost * weight[:, None]).sum() + 0.5 * (size / SIZE_SPREAD) ** 2)
