"""When a block has failed: stated criteria on its curve of load against apparent strain, side by side.

The criteria are those of the published vertebral models, named one by one below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.values.strength import Criteria

LIMIT_STRAIN = 0.019
"""Apparent strain at which the load is read where no peak comes before it (ghosh2026, models of vertebrae with and
without metastases; the same strain as in the models of Crawford and Keaveny)."""
OFFSET_STRAIN = 0.002
"""Permanent strain of the offset criterion, the common definition of an apparent yield point."""
LINEAR_STRAIN = 0.0068
"""F = 0.0068 K H, the linear failure estimate of bonelab_spinefe (20139 N/mm x 32 mm x 0.0068 = 4382 N, its table)."""
SURE_PEAK = 0.995
"""The load must fall to this share of its highest value for that to be a peak and not the end of a rise; own choice."""


def criteria(
    strain: NDArray[np.float64], load: NDArray[np.float64], initial_slope: float, *, compressive: bool = True
) -> Criteria:
    """All criteria on one curve: strains rising from 0, loads, and the linear load per unit strain (K H)."""
    return Criteria(
        peak=_peak(load),
        at_limit_strain=_at(strain, load, LIMIT_STRAIN),
        offset=_offset(strain, load, initial_slope),
        linear=LINEAR_STRAIN * initial_slope if compressive else None,
    )


def failure(strain: NDArray[np.float64], load: NDArray[np.float64]) -> float | None:
    """Highest load up to 1.9 % strain; None where the curve ends before that without a peak."""
    if strain[-1] < LIMIT_STRAIN and _peak(load) is None:
        return None
    at_limit = _at(strain, load, LIMIT_STRAIN)
    before = load[strain <= LIMIT_STRAIN].max()
    return float(before if at_limit is None else max(before, at_limit))


def _peak(load: NDArray[np.float64]) -> float | None:
    highest = float(load.max())
    return highest if load[-1] <= SURE_PEAK * highest else None


def _at(strain: NDArray[np.float64], load: NDArray[np.float64], where: float) -> float | None:
    return float(np.interp(where, strain, load)) if strain[-1] >= where else None


def _offset(strain: NDArray[np.float64], load: NDArray[np.float64], initial_slope: float) -> float | None:
    """Where the curve meets the line of the initial slope moved by `OFFSET_STRAIN`, between two points straight."""
    above = load - initial_slope * (strain - OFFSET_STRAIN)
    below = np.flatnonzero(above <= 0)
    if not len(below):
        return None
    after = below[0]
    share = above[after - 1] / (above[after - 1] - above[after])
    return float(load[after - 1] + share * (load[after] - load[after - 1]))
