"""Where ribs meet a thoracic vertebra: at its body, and at its transverse processes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level, Region
from spondyl.anatomy.subregions import SubRegion
from spondyl.values.vertebra import Vertebra

Side = Literal["left", "right"]

LOW_HEAD = (Level.T11, Level.T12, Level.T13)
"""Their rib heads sit at the root of the pedicle (standard anatomy); above, at the body's upper back corner, below
which the pedicle leaves the body."""
NO_TRANSVERSE_JOINT = (Level.T11, Level.T12, Level.T13)
"""Floating ribs do not meet the transverse process (standard anatomy)."""
SLICE_MM = 3.0
"""Own choice: half the height and depth of the stretch whose outermost bone is the joint's place."""
OUTERMOST = 90.0
"""Own choice: percentile from which bone is outermost."""


def costovertebral_points_mm(vertebra: Vertebra) -> dict[Side, NDArray[np.float64]] | None:
    """Centre of the rib head's joint with the body by side, LPS mm; None where the level bears no ribs.

    A side whose pedicle is not in the mask is left out: nothing then shows where the joint was.
    """
    if vertebra.level.region is not Region.THORACIC:
        return None
    found: dict[Side, NDArray[np.float64]] = {}
    for side, sign, part in (
        ("left", 1.0, SubRegion.PEDICLE_LEFT),
        ("right", -1.0, SubRegion.PEDICLE_RIGHT),
    ):
        pedicle, bone = _local(vertebra, part), _local(vertebra, SubRegion.BODY)
        if not len(pedicle):
            continue
        # The pedicle's front is the back of the body there; its height is the joint's, or what the joint lies above.
        front = np.percentile(pedicle[:, 1], 5)
        upper = vertebra.level not in LOW_HEAD
        height = np.percentile(pedicle[:, 2], 90 if upper else 50)
        near = bone[(np.abs(bone[:, 1] - front) <= SLICE_MM) & (np.abs(bone[:, 2] - height) <= SLICE_MM)]
        near = near[sign * near[:, 0] > 0]
        if len(near):
            found[side] = vertebra.frame.to_lps(_outermost(near, sign))  # type: ignore[index]
    return found


def costotransverse_points_mm(vertebra: Vertebra) -> dict[Side, NDArray[np.float64]] | None:
    """Centre of the rib's joint with the transverse process by side, LPS mm; None where no rib meets one."""
    if vertebra.level.region is not Region.THORACIC or vertebra.level in NO_TRANSVERSE_JOINT:
        return None
    found: dict[Side, NDArray[np.float64]] = {}
    for side, sign, part in (
        ("left", 1.0, SubRegion.TRANSVERSE_LEFT),
        ("right", -1.0, SubRegion.TRANSVERSE_RIGHT),
    ):
        process = _local(vertebra, part)
        if len(process):
            tip = process[sign * process[:, 0] >= np.percentile(sign * process[:, 0], 70)]
            # The rib's tubercle lies before the tip.
            front = tip[tip[:, 1] <= np.median(tip[:, 1])]
            found[side] = vertebra.frame.to_lps(front.mean(axis=0))  # type: ignore[index]
    return found


def _local(vertebra: Vertebra, *parts: SubRegion) -> NDArray[np.float64]:
    return vertebra.frame.to_local(vertebra.parts.to_lps(np.argwhere(vertebra.mask(*parts))))


def _outermost(points: NDArray[np.float64], sign: float) -> NDArray[np.float64]:
    aside = sign * points[:, 0]
    return np.asarray(points[aside >= np.percentile(aside, OUTERMOST)].mean(axis=0))
