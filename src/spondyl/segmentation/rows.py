"""Each level's own measure: where it begins and ends, how deep and how wide its body is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.segmentation.discs import Disc
from spondyl.segmentation.straight import BACK_MM, SIDE_MM, Straight
from spondyl.segmentation.walls import Walls

WIDTHS_MM = (9, 33)
"""Half widths of a body that are tried. Own choice."""
WIDTH_OF_DEPTH, WIDTH_SPREAD_MM = 0.62, 8.0
"""Half width over depth; own measure on scans, from 0.50 at T6 to 0.75 at L4."""
LEVER_FRONT, LEVER_BACK, LEVER_SIDE = 0.7, 1.2, 1.2
"""Depths and half widths from the body's middle that the tilt of a disc is carried on to; own choice: beyond them, a
small error of the tilt would move the processes."""
LEAST_HEIGHT_MM = 4.0


@dataclass(frozen=True, eq=False)
class Span:
    """One vertebra between the middle planes of the discs below and above it, in the straightened scan."""

    below: Disc
    above: Disc
    back_mm: float
    depth_mm: float
    half_width_mm: float
    middle_l_mm: float
    seen: float
    """Share of the body's box that lies in the scan."""

    @property
    def middle_a_mm(self) -> float:
        return self.back_mm + 0.5 * self.depth_mm

    @property
    def height_mm(self) -> float:
        return self.above.height_mm - self.below.height_mm

    @property
    def middle_s_mm(self) -> float:
        return 0.5 * (self.above.height_mm + self.below.height_mm)

    def numbers(self) -> NDArray[np.float64]:
        """What `normal_place` of the prior needs, in its order."""
        return np.array(
            [
                self.below.height_mm, self.below.front, self.below.side,
                self.above.height_mm, self.above.front, self.above.side,
                self.back_mm, self.depth_mm, self.half_width_mm, self.middle_l_mm,
            ]
        )  # fmt: skip


def spans(straight: Straight, walls: Walls, discs: Sequence[Disc]) -> tuple[Span, ...]:
    """The vertebrae from below upward, those cut by the scan's ends included."""
    every = _with_ends(discs)
    found = [_span(straight, walls, low, high) for low, high in pairwise(every)]
    widths = np.array([[span.half_width_mm, span.middle_l_mm] for span in found])
    known = np.flatnonzero(np.isfinite(widths[:, 0]))
    if not len(known):
        widths[:] = np.column_stack([[WIDTH_OF_DEPTH * span.depth_mm for span in found], np.zeros(len(found))])
    else:
        for column in (0, 1):
            filled = np.interp(np.arange(len(found)), known, widths[known, column])
            widths[:, column] = ndimage.median_filter(filled, 3, mode="nearest")
    return tuple(
        replace(span, half_width_mm=float(half), middle_l_mm=float(np.clip(middle, -3, 3)))
        for span, (half, middle) in zip(found, widths, strict=True)
        if span.seen > 0
    )


def _with_ends(discs: Sequence[Disc]) -> list[Disc]:
    """One more at either end, as far away as the last two lie from one another."""
    if len(discs) < 2:
        return list(discs)
    low, high = discs[0], discs[-1]
    down, up = discs[1].height_mm - low.height_mm, high.height_mm - discs[-2].height_mm
    first = replace(low, height_mm=low.height_mm - 1.02 * down, contrast=0.0, phase=0.0)
    last = replace(high, height_mm=high.height_mm + 0.97 * up, contrast=0.0, phase=0.0)
    return [first, *discs, last]


def _span(straight: Straight, walls: Walls, below: Disc, above: Disc) -> Span:
    last = len(straight.hu) - 1
    middle = 0.5 * (below.height_mm + above.height_mm)
    at = int(np.clip(round(middle), 5, max(5, last - 5)))
    near = slice(max(0, at - 5), at + 6)
    back, depth = float(np.median(walls.back_mm[near])), float(np.median(walls.depth_mm[near]))
    half, aside = _width(straight, below, above, back + 0.5 * depth, depth)
    low, high = (int(np.clip(round(h), 0, last)) for h in (below.height_mm, above.height_mm))
    front = slice(BACK_MM + round(back), BACK_MM + round(back + depth))
    box = straight.hu[low:high, front, SIDE_MM - 8 : SIDE_MM + 9]
    whole = max(1.0, above.height_mm - below.height_mm)
    seen = float((box > -900).mean()) * (high - low) / whole if high > low else 0.0
    return Span(below, above, back, depth, half, aside, min(1.0, seen))


def _width(straight: Straight, below: Disc, above: Disc, middle_a: float, depth: float) -> tuple[float, float]:
    """Half width and lateral middle of the body at half its height; NaN where it is not seen."""
    middle, height = 0.5 * (below.height_mm + above.height_mm), above.height_mm - below.height_mm
    low, high = max(0, int(middle - 0.22 * height)), min(len(straight.hu), int(middle + 0.22 * height) + 1)
    row, reach = round(middle_a) + BACK_MM, max(2, int(0.2 * depth))
    if high - low < 2:
        return np.nan, np.nan
    body = np.clip(straight.hu[low:high, row - reach : row + reach + 1], -100, 400)
    if (straight.hu[low:high, row - reach : row + reach + 1] < -900).mean() > 0.5:
        return np.nan, np.nan
    change = np.gradient(ndimage.gaussian_filter1d(body.mean(axis=(0, 1)), 1.0))
    widths = np.arange(*WIDTHS_MM)
    usual = -4 * ((widths - WIDTH_OF_DEPTH * depth) / WIDTH_SPREAD_MM) ** 2
    left = widths[np.argmax(-change[SIDE_MM + widths] + usual)]
    right = widths[np.argmax(change[SIDE_MM - widths] + usual)]
    return 0.5 * float(left + right), 0.5 * float(left - right)
