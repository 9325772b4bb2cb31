"""Each level's canal against what its neighbours lead one to expect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from spondyl.anatomy.levels import Level, along_spine
from spondyl.anatomy.subregions import SubRegion
from spondyl.values.canal import CanalMeasure
from spondyl.values.vertebra import Vertebra

NEIGHBOURS_A_SIDE = 3
"""Own choice: the canal's width changes slowly, but over more levels than these it follows no line."""
MIN_NEIGHBOURS = 2
"""Own choice: one neighbour can't show that it is itself at fault."""
SAME_POSITION_MM = 3.0
"""Own choice: neighbours are compared at their narrowest within this much of the same height to the pedicles. The
canal widens by up to 3 % a mm within one level, and the pedicles' height is known to a slice or so."""


def compare_with_neighbours(
    measures: Mapping[Level, CanalMeasure], vertebrae: Mapping[Level, Vertebra], *, with_lesion: Iterable[Level] = ()
) -> dict[Level, CanalMeasure]:
    """Adds to each level what its neighbours predict and how much of it is lost at the narrowest place.

    The neighbours' areas at the same height to the pedicles are laid on a robust line along the spine. Levels with a
    lesion are no neighbours as long as enough others are there.

    Errors: on a chest CT of 2.5 mm slices, levels without any known narrowing lose between -14 and 10 % against
    their neighbours; a loss within that band says nothing.
    """
    diseased = frozenset(with_lesion)
    pedicles = {level: pedicle_height_mm(vertebrae[level]) for level in measures}
    return {level: _compared(level, measures, pedicles, diseased) for level in along_spine(measures)}


def _compared(
    level: Level,
    measures: Mapping[Level, CanalMeasure],
    pedicles: Mapping[Level, float | None],
    diseased: frozenset[Level],
) -> CanalMeasure:
    own = measures[level]
    own_pedicle = pedicles[level]
    if own.min_area_mm2 is None or own_pedicle is None:
        return own
    height = float(own.positions_mm[np.nanargmin(own.areas_mm2)]) - own_pedicle
    at_height = {}
    for other in measures:
        pedicle = pedicles[other]
        if other is level or pedicle is None:
            continue
        area = _area_at(measures[other], pedicle + height)
        if area is not None:
            at_height[other] = area
    healthy = {other: area for other, area in at_height.items() if other not in diseased}
    chosen = nearest(level, healthy) if len(nearest(level, healthy)) >= MIN_NEIGHBOURS else nearest(level, at_height)
    if len(chosen) < MIN_NEIGHBOURS:
        why = "Narrowing of the canal not judged: fewer than two neighbours show it at the same place."
        return replace(own, notes=(*own.notes, why))
    expected = _robust_line_at(level.order, {other.order: at_height[other] for other in chosen})
    return replace(own, expected_area_mm2=expected, area_loss=1 - own.min_area_mm2 / expected)


def _area_at(measure: CanalMeasure, position_mm: float) -> float | None:
    """Smallest area near a position along the vertebra's z; None where the ring is open there."""
    near = np.isfinite(measure.areas_mm2) & (np.abs(measure.positions_mm - position_mm) <= SAME_POSITION_MM)
    return float(measure.areas_mm2[near].min()) if near.any() else None


def nearest(level: Level, others: Iterable[Level], a_side: int = NEIGHBOURS_A_SIDE) -> list[Level]:
    """Up to `a_side` of the others above and as many below, from the head down."""
    above = [other for other in along_spine(others) if other.order < level.order][-a_side:]
    below = [other for other in along_spine(others) if other.order > level.order][:a_side]
    return above + below


def _robust_line_at(order: int, areas: Mapping[int, float]) -> float:
    """Theil-Sen line through (order, area); the median alone when all neighbours lie on one side."""
    x = np.array(list(areas), dtype=float)
    y = np.array(list(areas.values()))
    if (x > order).all() or (x < order).all():
        return float(np.median(y))
    i, j = np.triu_indices(x.size, 1)
    slope = np.median((y[j] - y[i]) / (x[j] - x[i]))
    return float(np.median(y - slope * (x - order)))


def pedicle_height_mm(vertebra: Vertebra) -> float | None:
    """Middle of the pedicles along the vertebra's z."""
    voxels = np.argwhere(vertebra.mask(SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT))
    if len(voxels) == 0:
        return None
    return float(vertebra.frame.to_local(vertebra.parts.to_lps(voxels))[:, 2].mean())
