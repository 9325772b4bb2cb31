"""How likely each place of a level belongs to its vertebra, from this project's own parametric spines.

A place is told in the level's own measure: u along the spine, -0.5 and 0.5 at the middle planes of its discs; v in
depths of the body from its back forward; x in half widths to the left. `scripts/vertebra_prior.py` makes the file.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.segmentation.compiled import kernel
from spondyl.segmentation.rows import LEAST_HEIGHT_MM, LEVER_BACK, LEVER_FRONT, LEVER_SIDE

FILE = "vertebra_prior.npz"
START = np.array([-2.2, -3.4, -3.0])
STEP = np.array([0.06, 0.05, 0.06])
SHAPE = (86, 95, 101)
"""Of the grid in (u, v, x); upward it holds the dens, which stands far above the disc that ends C2's body."""


@cache
def priors() -> dict[Level, NDArray[np.float32]]:
    """Probability of each level's vertebra on the grid, C1 to S1."""
    with resources.files("spondyl.segmentation").joinpath(FILE).open("rb") as file, np.load(file) as stored:
        return {Level[name]: stored[name].astype(np.float32) / 255 for name in stored.files}


def prior_of(level: Level) -> NDArray[np.float32]:
    """That of the nearest level for T13 and L6, which few people have."""
    stands_for = {Level.T13: Level.T12, Level.L6: Level.L5}
    return priors()[stands_for.get(level, level)]


@kernel
def normal_place(n: Any, s: Any, a: Any, left: Any) -> Any:
    """(u, v, x) of a straightened place in a level with these `Span.numbers()`."""
    ahead = min(max(a - n[6] - 0.5 * n[7], -LEVER_BACK * n[7]), LEVER_FRONT * n[7])
    aside = min(max(left - n[9], -LEVER_SIDE * n[8]), LEVER_SIDE * n[8])
    low = n[0] + n[1] * ahead + n[2] * aside
    high = n[3] + n[4] * ahead + n[5] * aside
    u = (s - 0.5 * (low + high)) / max(LEAST_HEIGHT_MM, high - low)
    return u, (a - n[6]) / n[7], (left - n[9]) / n[8]


@kernel
def straight_places(numbers: Any, start: Any, step: Any, out: Any) -> None:
    """(s, a, l) of every point of the grid (3, nu, nv, nx): the other way round."""
    n = numbers
    for i in range(out.shape[1]):
        u = start[0] + i * step[0]
        for j in range(out.shape[2]):
            a = n[6] + (start[1] + j * step[1]) * n[7]
            ahead = min(max(a - n[6] - 0.5 * n[7], -LEVER_BACK * n[7]), LEVER_FRONT * n[7])
            for k in range(out.shape[3]):
                left = n[9] + (start[2] + k * step[2]) * n[8]
                aside = min(max(left - n[9], -LEVER_SIDE * n[8]), LEVER_SIDE * n[8])
                low = n[0] + n[1] * ahead + n[2] * aside
                high = n[3] + n[4] * ahead + n[5] * aside
                out[0, i, j, k] = 0.5 * (low + high) + u * max(LEAST_HEIGHT_MM, high - low)
                out[1, i, j, k], out[2, i, j, k] = a, left
