"""The best path through a row of layers: dynamic programming, each step at most a few places aside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.segmentation.compiled import kernel


@kernel
def _track(score: Any, reach: int, cost_x: float, cost_y: float) -> Any:
    layers, rows, columns = score.shape
    best = score[0].astype(np.float32)
    came = np.zeros(score.shape, np.int16)
    side = 2 * reach + 1
    for z in range(1, layers):
        new = np.empty_like(best)
        for x in range(rows):
            for y in range(columns):
                top, where = np.float32(-1e9), 0
                for dx in range(max(-reach, -x), min(reach, rows - 1 - x) + 1):
                    for dy in range(max(-reach, -y), min(reach, columns - 1 - y) + 1):
                        value = best[x + dx, y + dy] - cost_x * dx * dx - cost_y * dy * dy
                        if value > top:
                            top, where = value, (dx + reach) * side + dy + reach
                new[x, y] = top + score[z, x, y]
                came[z, x, y] = where
        best = new
    path = np.zeros((layers, 2), np.int64)
    place = np.argmax(best)
    path[-1, 0], path[-1, 1] = place // columns, place % columns
    for z in range(layers - 1, 0, -1):
        where = came[z, path[z, 0], path[z, 1]]
        path[z - 1, 0] = path[z, 0] + where // side - reach
        path[z - 1, 1] = path[z, 1] + where % side - reach
    return path


def track(score: NDArray[np.float32], *, reach: int, cost: tuple[float, float]) -> NDArray[np.int64]:
    """(layers, 2): places in a score (layers, rows, columns) of the highest sum less `cost` times steps squared."""
    path: NDArray[np.int64] = _track(np.ascontiguousarray(score, dtype=np.float32), reach, cost[0], cost[1])
    return path


def track_line(score: NDArray[np.floating[Any]], *, reach: int, cost: float) -> NDArray[np.int64]:
    """(layers,): the same where a layer (layers, places) has one direction."""
    return track(np.asarray(score, np.float32)[:, None, :], reach=reach, cost=(0.0, cost))[:, 1]
