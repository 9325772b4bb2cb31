"""What height the neighbours lead one to expect of a vertebral body, and how much of it is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.values.fracture import Place, PlaceLoss
from spondyl.vertebrae.frame import Vector
from spondyl.vertebrae.shape import BodyShape

# fmt: off
TYPICAL_HEIGHT_MM = {
    Level.C2: 11.6, Level.C3: 11.6, Level.C4: 11.4, Level.C5: 11.4, Level.C6: 10.9, Level.C7: 12.8,
    Level.T1: 14.1, Level.T2: 15.6, Level.T3: 15.7, Level.T4: 16.2, Level.T5: 16.2, Level.T6: 17.4, Level.T7: 18.2,
    Level.T8: 18.7, Level.T9: 19.3, Level.T10: 20.2, Level.T11: 21.3, Level.T12: 22.7, Level.T13: 23.3,
    Level.L1: 23.8, Level.L2: 24.3, Level.L3: 23.8, Level.L4: 24.1, Level.L5: 22.9, Level.L6: 22.9,
}
# fmt: on
"""Mean posterior heights (panjabi1991, panjabi1991cervical, panjabi1992), T13 and L6 put between or beside their
neighbours. Only how they grow along the spine is used: the size is the patient's own."""

REACH = 4
"""Own choice: neighbours up to this many levels away are asked; nearer ones weigh more."""
ENOUGH = 2
"""Own choice: one neighbour alone can't show that it is crushed itself."""
INTACT_SHARE = 0.85
"""Own choice: a neighbour with a height below this share of the row's is no witness; 15 to 20 % of height loss is
where a fracture is called (genant1993: grade 1 from 20 %)."""
ROW_PERCENTILE = 65.0
"""Own choice: fractures only lower heights, so the row is represented from above its middle."""
SMALLEST_SD = 0.04
"""Own choice: relative spread below which the interval does not fall, about 0.8 mm of 20: reading and anatomy."""


PLACES: tuple[Place, ...] = ("front", "middle", "back")


@dataclass(frozen=True)
class ExpectedHeight:
    tallest_mm: float
    """Of the three expected heights."""
    loss: float
    """The largest share by which one of the three heights falls short of what is expected of it; at least 0."""
    loss_interval: tuple[float, float]
    """95 %."""
    witnesses: tuple[Level, ...]
    """Nearest first."""
    losses: tuple[PlaceLoss, ...]
    """Front, middle, back."""


def expected_height(level: Level, shapes: Mapping[Level, BodyShape]) -> ExpectedHeight | None:
    """Expectation of one level from the others (its own heights are left out of it); None without two neighbours.

    Each of front, middle and back is expected as the weighted median, over intact neighbours, of measured over
    typical height, times this level's typical height: normal wedging and hollowness thus cost nothing, while a
    uniform crush shows as much as a wedge.
    """
    own = _heights(shapes[level])
    if own is None or level not in TYPICAL_HEIGHT_MM:
        return None
    near = [
        other
        for other, shape in shapes.items()
        if other is not level
        and abs(other.order - level.order) <= REACH
        and other in TYPICAL_HEIGHT_MM
        and _heights(shape) is not None
    ]
    if len(near) < ENOUGH:
        return None
    ratios = np.array([np.array(_heights(shapes[other])) / TYPICAL_HEIGHT_MM[other] for other in near])
    intact = (ratios / np.percentile(ratios, ROW_PERCENTILE, axis=0)).min(axis=1) >= INTACT_SHARE
    if intact.sum() < ENOUGH:
        return None
    witnesses = [other for other, keep in zip(near, intact, strict=True) if keep]
    weights = np.array([1.0 / abs(other.order - level.order) for other in witnesses])
    ratio = np.array([_weighted_median(column, weights) for column in ratios[intact].T])
    expected = ratio * TYPICAL_HEIGHT_MM[level]
    spread = 1.4826 * np.median(np.abs(ratios[intact] / ratio - 1.0))
    sd = max(SMALLEST_SD, float(spread)) * np.sqrt(1.0 + 1.0 / len(witnesses))
    losses = tuple(
        PlaceLoss(
            place=place,
            measured_mm=float(measured),
            expected_mm=float(wanted),
            loss=_share(1.0 - measured / wanted),
            loss_interval=(
                _share(1.0 - measured / wanted / (1.0 - 1.96 * sd)),
                _share(1.0 - measured / wanted / (1.0 + 1.96 * sd)),
            ),
        )
        for place, measured, wanted in zip(PLACES, own, expected, strict=True)
    )
    worst = losses[int(np.argmin(own / expected))]
    return ExpectedHeight(
        tallest_mm=float(expected.max()),
        loss=worst.loss,
        loss_interval=worst.loss_interval,
        witnesses=tuple(sorted(witnesses, key=lambda other: abs(other.order - level.order))),
        losses=losses,
    )


def _heights(shape: BodyShape) -> Vector | None:
    if None in shape.heights_mm:
        return None
    return np.array(shape.heights_mm, dtype=np.float64)


def _share(loss: float) -> float:
    return float(np.clip(loss, 0.0, 1.0))


def _weighted_median(values: Vector, weights: Vector) -> float:
    """Where half of the weight lies below, interpolated, so that two values give their mean."""
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    position = (np.cumsum(weights) - weights / 2) / weights.sum()
    return float(np.interp(0.5, position, values))
