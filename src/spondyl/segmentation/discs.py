"""The discs along the straightened spine: dark tilted slabs between bright endplates, one level's height apart.

Endplates alone are also found within a level (a band of sclerosis, a basivertebral vein). The pedicles settle it: they
stand beside the upper half of each body, the foramina beside its lower end and the disc.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.segmentation.compiled import kernel
from spondyl.segmentation.straight import BACK_MM, SIDE_MM, Straight
from spondyl.segmentation.walls import Walls

FRONT_TILTS = np.arange(-0.4, 0.41, 0.1)
SIDE_TILTS = np.arange(-0.3, 0.31, 0.1)
"""Slopes of a disc, mm upward a mm to the front and to the left. Own choices: the canal's line bends with the spine, so
what is left is the wedge of bodies and discs."""
LEVEL_FLAT, SIDE_FLAT = 4, 3
RADIUS_MM = 9
"""Own choice: of the round patch that a disc's density is read in; two thirds of a thoracic body's."""
HEIGHT_OF_DEPTH = 0.93
"""Height of a level with its disc, over the depth of its body; own measure on scans from T1 to L3."""
HEIGHTS_MM = (12, 46)
"""Of a level with its disc. Own choice: C3 of a small woman to L4 of a tall man."""
DISC_ABOVE_FORAMEN = 0.2
"""Levels; own measure: so far the foramen's middle lies below the disc's."""
SPACING_COST, EXPECTED_COST = 25.0, 8.0
"""Of the squared logarithm of two neighbours' heights, and of a height and the expected one. Own choices."""
SHRINKS = 0.02
"""Own measure: heights fall by about so much from level to level upward."""


@dataclass(frozen=True, eq=False)
class Disc:
    """The middle plane of a disc: s = height + front (a - middle) + side l."""

    height_mm: float
    front: float
    side: float
    contrast: float
    """Endplates above the disc's density, in standard deviations along the spine."""
    phase: float
    """How clearly the foramina lie beside it; below 0 they speak against it."""


@dataclass(frozen=True, eq=False)
class Evidence:
    contrast: NDArray[np.float32]
    """(s, front tilts, side tilts), in standard deviations."""
    score: NDArray[np.float64]
    """(s,), for a disc's middle."""
    phase: NDArray[np.float64]
    """(s,), bone beside the canal at the foramen of a disc here, in standard deviations."""
    expected_mm: NDArray[np.float64]
    """(s,), height of a level here."""


@kernel
def _patch_means(hu: Any, middle: Any, front: Any, side: Any, radius: int, out: Any) -> None:
    layers = hu.shape[0]
    for s in range(layers):
        for i in range(len(front)):
            for j in range(len(side)):
                total, count = 0.0, 0
                for da in range(-radius, radius + 1):
                    row = round(middle[s] + da) + BACK_MM
                    if row < 0 or row >= hu.shape[1]:
                        continue
                    for dl in range(-radius, radius + 1):
                        if da * da + dl * dl > radius * radius:
                            continue
                        at = s + front[i] * da + side[j] * dl
                        k = int(np.floor(at))
                        f = at - k
                        if k < 0 or k + 1 >= layers:
                            continue
                        low, high = hu[k, row, dl + SIDE_MM], hu[k + 1, row, dl + SIDE_MM]
                        if low < -500 or high < -500:
                            continue
                        total += low * (1 - f) + high * f
                        count += 1
                if count > radius * radius:
                    out[s, i, j] = total / count


def gather(straight: Straight, walls: Walls) -> Evidence:
    """What speaks for a disc at each height and tilt."""
    hu = np.where(straight.hu < -900, -1000, np.clip(straight.hu, -200, 700)).astype(np.float32)
    mean = np.full((len(hu), len(FRONT_TILTS), len(SIDE_TILTS)), np.nan, np.float32)
    _patch_means(hu, walls.middle_mm, FRONT_TILTS, SIDE_TILTS, RADIUS_MM, mean)
    mean = np.where(np.isnan(mean), np.nanmedian(mean), mean)
    mean = ndimage.gaussian_filter1d(mean, 0.7, axis=0)
    flat = mean[:, LEVEL_FLAT, SIDE_FLAT]
    usual = ndimage.gaussian_filter1d(ndimage.percentile_filter(flat, 60, 61), 10)
    spread = max(20.0, float(np.std(flat - usual)))
    expected = np.clip(HEIGHT_OF_DEPTH * ndimage.median_filter(walls.depth_mm, 41), 14, 38)
    contrast = _contrast(mean, expected) / spread
    tilted = 40 / spread * ((FRONT_TILTS[:, None] / 0.3) ** 2 + (SIDE_TILTS / 0.3) ** 2)
    best = (contrast - tilted).reshape(len(hu), -1)
    dark = np.clip((usual - mean.reshape(len(hu), -1)[np.arange(len(hu)), best.argmax(axis=1)]) / spread, -2, 2)
    phase = _phase(straight, expected)
    score = np.clip(best.max(axis=1), -1, 3) + 0.2 * dark - 0.9 * np.clip(phase, -2, 2)
    known = ndimage.binary_erosion(straight.seen, iterations=3, border_value=1) & straight.seen
    return Evidence(contrast, np.where(known, score, np.minimum(score, 0.3)), phase, expected)


def _contrast(mean: NDArray[np.float32], expected: NDArray[np.float64]) -> NDArray[np.float32]:
    """Density a half disc above and below over that of the disc, for the thickness that shows it best, in HU."""
    found = np.full(mean.shape, -999.0, np.float32)
    for half in range(2, 9):
        fits = (half >= np.floor(0.08 * expected)) & (half <= np.ceil(0.2 * expected))
        above, below = np.roll(mean, -half, axis=0), np.roll(mean, half, axis=0)
        above[-half:], below[:half] = mean[-half:], mean[:half]
        shown = 0.6 * np.minimum(above, below) + 0.2 * (above + below) - mean
        found = np.where(fits[:, None, None], np.maximum(found, shown), found)
    return found


def _phase(straight: Straight, expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bone beside the canal where a disc's foramen would be: little of it speaks for the disc."""
    bony = np.clip(ndimage.gaussian_filter(straight.hu, (1, 0.7, 0.7)), 0, 350) / 350
    beside = bony[:, BACK_MM - 4 : BACK_MM + 9].mean(axis=1)
    left = beside[:, SIDE_MM + 8 : SIDE_MM + 19].max(axis=1)
    right = beside[:, SIDE_MM - 18 : SIDE_MM - 7].max(axis=1)
    pedicle = ndimage.gaussian_filter1d(0.5 * (left + right), 2)
    pedicle -= ndimage.gaussian_filter1d(pedicle, 12)
    pedicle /= pedicle.std() + 1e-6
    every = np.arange(len(pedicle))
    # In the straightened scan up is up: the foramen's middle lies a little above the disc behind it.
    at = np.clip(every + DISC_ABOVE_FORAMEN * expected, 0, len(pedicle) - 1)
    return np.interp(at, every, pedicle)


@kernel
def _row(score: Any, shortest: int, longest: int, expected: Any, spacing_cost: float, expected_cost: float) -> Any:
    """Heights, from below, whose scores less what uneven spacings cost are most; the ends may lie past the field."""
    layers = len(score)
    best = np.full((layers, longest + 1), -1e9)
    came = np.full((layers, longest + 1), -1)
    for s in range(layers):
        for height in range(shortest, longest + 1):
            before = s - height
            usual = -expected_cost * np.log(height / expected[max(0, s - height // 2)]) ** 2
            top, where = -1e9, -1
            if before < 0:
                top, where = 0.0, 0
            else:
                for last in range(shortest, longest + 1):
                    if best[before, last] < -1e8:
                        continue
                    change = np.log(height / last) + SHRINKS
                    value = best[before, last] - spacing_cost * change * change
                    if value > top:
                        top, where = value, last
            if top > -1e8:
                best[s, height] = top + score[s] + usual
                came[s, height] = where
    top, s, height = -1e9, 0, 0
    for at in range(layers):
        for last in range(shortest, longest + 1):
            if at + last >= layers - 1 and best[at, last] > top:
                top, s, height = best[at, last], at, last
    found = np.zeros(layers, np.int64)
    count = 0
    while True:
        found[count] = s
        count += 1
        last = came[s, height]
        if s - height < 0:
            break
        s, height = s - height, last
    return found[:count][::-1].copy()


def find_discs(straight: Straight, walls: Walls) -> tuple[Disc, ...]:
    """Discs from below upward."""
    evidence = gather(straight, walls)
    shortest, longest = HEIGHTS_MM
    row = _row(evidence.score, shortest, longest, evidence.expected_mm, SPACING_COST, EXPECTED_COST)
    planes = np.column_stack([row, np.zeros(len(row)), np.zeros(len(row))]).astype(float)
    for _ in range(3):
        planes = np.array([_refined(evidence, planes, n, int(start)) for n, start in enumerate(row)])
    order = np.argsort(planes[:, 0])
    layers = np.clip(np.rint(planes[:, 0]).astype(int), 0, len(evidence.phase) - 1)
    return tuple(
        Disc(
            height_mm=float(planes[n, 0]),
            front=float(planes[n, 1]),
            side=float(planes[n, 2]),
            contrast=float(evidence.contrast[layers[n]].max()),
            phase=-float(evidence.phase[layers[n]]),
        )
        for n in order
    )


def _refined(evidence: Evidence, planes: NDArray[np.float64], n: int, start: int) -> tuple[float, float, float]:
    """A disc moved and tilted to where contrast, foramina and its neighbours agree best."""
    layers = len(evidence.phase)
    height = evidence.expected_mm[np.clip(start, 0, layers - 1)]
    reach = round(0.22 * height)
    low, high = max(0, start - reach), min(layers, start + reach + 1)
    near = [k for k in range(max(0, n - 2), min(len(planes), n + 3)) if k != n]
    weight = np.array([1 / abs(k - n) for k in near])
    front, side = (weight @ planes[near, 1:] / weight.sum() if near else np.zeros(2)) * [0.9, 0.95]
    middle: float = start
    if 0 < n < len(planes) - 1:
        middle = planes[n - 1, 0] + 0.51 * (planes[n + 1, 0] - planes[n - 1, 0])
    score = (
        evidence.contrast[low:high].astype(float)
        - 0.5 * ((FRONT_TILTS - front) / 0.2)[None, :, None] ** 2
        - 0.8 * ((SIDE_TILTS - side) / 0.15)[None, None, :] ** 2
        - 1.5 * ((np.arange(low, high) - middle) / (0.12 * height))[:, None, None] ** 2
        - 0.5 * np.clip(evidence.phase[low:high], -2, 2)[:, None, None]
    )
    at = np.unravel_index(int(score.argmax()), score.shape)
    parts = [_between(score, at, axis) for axis in range(3)]
    return (
        low + at[0] + parts[0],
        float(FRONT_TILTS[at[1]] + 0.1 * parts[1]),
        float(SIDE_TILTS[at[2]] + 0.1 * parts[2]),
    )


def _between(score: NDArray[np.float64], at: Any, axis: int) -> float:
    """Where between samples a parabola has its top."""
    if not 0 < at[axis] < score.shape[axis] - 1:
        return 0.0
    down, up = list(at), list(at)
    down[axis], up[axis] = at[axis] - 1, at[axis] + 1
    low, here, high = score[tuple(down)], score[tuple(at)], score[tuple(up)]
    bend = low - 2 * here + high
    return float(np.clip(0.5 * (low - high) / bend, -0.5, 0.5)) if bend < -1e-6 else 0.0
