"""What height the neighbours lead one to expect of a vertebral body, and how much of it is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

FRONT_OVER_BACK = {
    **dict.fromkeys(TYPICAL_HEIGHT_MM, 0.95),
    **{Level(n): 1.0 for n in range(int(Level.C2), int(Level.C7) + 1)},
    Level.T1: 0.97, Level.T2: 0.96, Level.L1: 0.975, Level.L2: 0.99, Level.L3: 1.02, Level.L4: 1.05, Level.L5: 1.14,
    Level.L6: 1.14,
}  # fmt: skip
"""Own choice of front over back height: L5 as CT shows it (30.7 over 26.8 mm in men, 29.6 over 25.5 in women),
thoracic bodies a little wedged, the lumbar ones between. Again only how it changes along the spine is used."""

REACH = 4
"""Own choice: neighbours up to this many levels away are asked; nearer ones weigh more."""
ENOUGH = 2
"""Own choice: one neighbour alone can't show that it is crushed itself."""
INTACT_SHARE = 0.85
"""Own choice: a neighbour with a height below this share of the row's, by more than its voxels leave open, is no
witness; 15 to 20 % of height loss is where a fracture is called (genant1993: grade 1 from 20 %)."""
ROW_PERCENTILE = 65.0
"""Own choice: fractures only lower heights, so the row is represented from above its middle."""
SMALLEST_SD = 0.04
"""Own choice: relative spread below which the interval does not fall, about 0.8 mm of 20: reading and anatomy."""
STEADY = 1.5
"""Huber's tuning, in spreads: witnesses further off weigh less, so that one that is moved drags nothing along."""
FRACTURED_SHARE = 0.1
TAILS = (0.025, 0.975)
LOWEST_SHARE = 0.2
"""Own choice: before looking, one body in ten has lost height, any share of it down to a fifth being as likely."""


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
    heights_mm: tuple[float, float, float]
    """Most likely front, middle and back: as measured, or nearer to what the neighbours say where slices leave room."""


def expected_height(level: Level, shapes: Mapping[Level, BodyShape]) -> ExpectedHeight | None:
    """Expectation of one level from the others (its own heights are left out of it); None without two neighbours.

    Each of front, middle and back is expected as a weighted robust mean, over intact neighbours, of measured over
    typical height, times this level's typical height: normal wedging and hollowness thus cost nothing, while a
    uniform crush shows as much as a wedge. Neighbours count by how near they are and how well they are known.
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
    typical = np.array([typical_heights_mm(other) for other in near])
    ratios = np.array([_heights(shapes[other]) for other in near]) / typical
    sd = np.array([shapes[other].sd_mm for other in near]) / typical
    row = np.percentile(ratios, ROW_PERCENTILE, axis=0)
    intact = ((ratios + sd) / row).min(axis=1) >= INTACT_SHARE
    if intact.sum() < ENOUGH:
        return None
    witnesses = [other for other, keep in zip(near, intact, strict=True) if keep]
    ratios, sd = ratios[intact], sd[intact]
    apart = np.array([abs(other.order - level.order) for other in witnesses])[:, None]
    weights = 1.0 / (apart * (SMALLEST_SD**2 + sd**2))
    pairs = zip(ratios.T, weights.T, strict=True)
    ratio = np.array([_steady_mean(column, weight) for column, weight in pairs])
    expected = ratio * typical_heights_mm(level)
    spread = 1.4826 * np.median(np.abs(ratios / ratio - 1.0))
    share = weights / weights.sum(axis=0)
    anatomy = max(SMALLEST_SD, float(spread)) ** 2 * (1.0 + 1.0 / len(witnesses))
    wanted_sd = np.sqrt(anatomy + (share**2 * sd**2).sum(axis=0)) * expected
    read = zip(PLACES, own, shapes[level].sd_mm, expected, wanted_sd, strict=True)
    losses = tuple(_place_loss(place, *map(float, one)) for place, *one in read)
    heights = np.array([loss.measured_mm for loss in losses])
    worst = losses[int(np.argmin(heights / expected))]
    front, middle, back = heights.tolist()
    return ExpectedHeight(
        tallest_mm=float(expected.max()),
        loss=worst.loss,
        loss_interval=worst.loss_interval,
        witnesses=tuple(sorted(witnesses, key=lambda other: abs(other.order - level.order))),
        losses=losses,
        heights_mm=(front, middle, back),
    )


def typical_heights_mm(level: Level) -> Vector:
    """Front, middle and back; raises KeyError for levels without a body of their own kind."""
    back = TYPICAL_HEIGHT_MM[level]
    front = FRONT_OVER_BACK[level] * back
    return np.array([front, (front + back) / 2, back])


def _place_loss(place: Place, measured: float, sd_mm: float, expected: float, expected_sd_mm: float) -> PlaceLoss:
    """Height and loss from the voxels and from the neighbours, with the 95 % interval of the loss.

    An intact body has lost nothing and has about the height that its neighbours lead one to expect; a fractured one
    may have lost any share. Which of both it is, the measured height tells (Bayes). Where slices are thin against the
    difference, no height is moved.
    """
    both = float(np.hypot(sd_mm, expected_sd_mm))
    shares = np.linspace(0.0, 1 - LOWEST_SHARE, 801)
    intact = (1 - FRACTURED_SHARE) * float(_normal(measured - expected, both))
    left = (1 - shares) * expected
    fractured = _normal(measured - left, np.hypot(sd_mm, (1 - shares) * expected_sd_mm)) * FRACTURED_SHARE / len(shares)
    chance = intact / max(intact + float(fractured.sum()), 1e-300)
    pull = sd_mm**2 / both**2
    height = measured + chance * pull * (expected - measured)
    loss = _share(1.0 - height / expected)
    below = chance + (1 - chance) * np.cumsum(fractured) / max(float(fractured.sum()), 1e-300)
    low, high = (float(shares[min(int(np.searchsorted(below, tail)), len(shares) - 1)]) for tail in TAILS)
    return PlaceLoss(place, height, expected, loss, (min(low, loss), max(high, loss)))


def _normal(off: NDArray[np.float64] | float, sd: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-((off / sd) ** 2) / 2) / (sd * np.sqrt(2 * np.pi)))


def _heights(shape: BodyShape) -> Vector | None:
    if None in shape.heights_mm:
        return None
    return np.array(shape.heights_mm, dtype=np.float64)


def _share(loss: float) -> float:
    return float(np.clip(loss, 0.0, 1.0))


def _steady_mean(values: Vector, weights: Vector) -> float:
    """Weighted mean with Huber's weights, begun at the weighted median."""
    order = np.argsort(values)
    ranked, heavy = values[order], weights[order]
    at = float(np.interp(0.5, (np.cumsum(heavy) - heavy / 2) / heavy.sum(), ranked))
    limit = STEADY * SMALLEST_SD * abs(at)
    for _ in range(10):
        off = np.abs(values - at)
        counted = weights * np.minimum(1.0, limit / np.maximum(off, 1e-12))
        at = float((counted * values).sum() / counted.sum())
    return at
