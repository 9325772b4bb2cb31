"""How far a body's back wall has been pushed behind the line of its neighbours' back walls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.canal.compare import nearest
from spondyl.canal.rings import MAX_RADIUS_MM, RAY_STEP_MM
from spondyl.canal.trace import Stretch
from spondyl.canal.tube import Array, Tube
from spondyl.values.canal import CanalMeasure
from spondyl.values.vertebra import Vertebra

LEVELS_A_SIDE = 2
"""Own choice: enough to show the spine's own curve, few enough for one bend."""
MIDLINE_MM = 3.0
"""Own choice: the wall is looked at this far to both sides of the middle, where fragments come from."""
FREE_MM = 4.0
"""Own choice: behind the wall this much must be free, more than a hole in a mask and less than a canal half filled."""
SMOOTH_PLANES = 3
"""Own choice: the wall's furthest point is a median of this many planes."""
MIN_PLANES = 6
"""Own choice: fewer planes (mm) with a wall show no line."""
NO_LINE = "Retropulsion not judged: the back walls above and below are not both seen."


def with_retropulsion(
    measures: Mapping[Level, CanalMeasure], stretch: Stretch, vertebrae: Mapping[Level, Vertebra]
) -> dict[Level, CanalMeasure]:
    """Adds to the levels of one stretch how far their back walls stand behind their neighbours'.

    The line is that of the walls of up to two levels above and two below (a straight one of two, a parabola of
    more, as the spine is curved). The rims of a body always stand a little behind its middle, so what the
    neighbours' own rims stand behind that line is taken off. Negative is reported as 0.
    """
    walls = {level: _wall_lps_mm(stretch.tube, planes) for level, planes in stretch.bodies.items()}
    seen = [level for level, wall in walls.items() if len(wall) >= MIN_PLANES]
    return {level: _one(level, measures, walls, seen, vertebrae[level]) for level in measures}


def _one(
    level: Level,
    measures: Mapping[Level, CanalMeasure],
    walls: Mapping[Level, Array],
    seen: list[Level],
    vertebra: Vertebra,
) -> CanalMeasure:
    own = measures[level]
    others = nearest(level, [other for other in seen if other is not level], LEVELS_A_SIDE)
    above = [other for other in others if other.order < level.order]
    below = [other for other in others if other.order > level.order]
    if level not in seen or not above or not below:
        return replace(own, notes=(*own.notes, NO_LINE))
    local = {other: vertebra.frame.to_local(walls[other]) for other in (level, *others)}
    together = np.concatenate([local[other] for other in others])
    line = np.polynomial.Polynomial.fit(together[:, 2], together[:, 1], 1 if len(others) == 2 else 2)
    behind = {other: _furthest(wall[:, 1] - line(wall[:, 2])) for other, wall in local.items()}
    pushed = max(0.0, behind[level] - float(np.median([behind[other] for other in others])))
    depths = [depth for other in others if (depth := measures[other].pedicle_ap_mm) is not None]
    share = pushed / float(np.median(depths)) if depths else None
    return replace(own, retropulsion_mm=pushed, retropulsion_share=share)


def _furthest(behind_mm: Array) -> float:
    """The largest value that several planes together reach."""
    windows = np.lib.stride_tricks.sliding_window_view(behind_mm, SMOOTH_PLANES)
    return float(np.median(windows, axis=-1).max())


def _wall_lps_mm(tube: Tube, planes: NDArray[np.intp]) -> Array:
    """Where bone ends in front of the canal, (m, 3): the last bone before at least FREE_MM of canal."""
    y = np.arange(-MAX_RADIUS_MM, MAX_RADIUS_MM, RAY_STEP_MM)
    x = np.arange(-MIDLINE_MM, MIDLINE_MM + 1, 1.0)
    columns = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    points = np.broadcast_to(columns, (planes.size, *columns.shape))
    outside = tube.wall.outside_mm(tube.path.lps_mm(planes, points))
    free = np.asarray(outside > 0)
    length = round(FREE_MM / RAY_STEP_MM)
    run = np.asarray(np.lib.stride_tricks.sliding_window_view(free, length, axis=-1).all(axis=-1))
    begins = run[..., 1:] & ~free[..., : run.shape[-1] - 1]
    first = begins.argmax(axis=-1)  # bone at `first`, canal from the next on
    before = np.take_along_axis(outside, first[..., None], axis=-1)[..., 0]
    after = np.take_along_axis(outside, first[..., None] + 1, axis=-1)[..., 0]
    wall = y[first] + RAY_STEP_MM * before / np.minimum(before - after, -1e-6)
    wall = np.where(begins.any(axis=-1), wall, np.nan)
    seen = np.isfinite(wall).mean(axis=-1) > 0.5
    depth = np.nanmedian(wall[seen], axis=-1)
    middle = np.stack([np.zeros_like(depth), depth], axis=-1)
    return tube.path.lps_mm(planes[seen], middle)
