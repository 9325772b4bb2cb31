"""How a fracture moves the endplates and the back wall of a body: smooth, and with its loss in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from spondyl.phantoms.shapes import Array

FractureShape = Literal["wedge", "biconcave", "crush"]

EDGE_SHARE = 0.05
"""Own choice: front and back height are those at this share of the depth inside the wall, off the rounded corner."""


@dataclass(frozen=True)
class Fracture:
    shape: FractureShape
    loss: float
    """Share of the height lost where most is lost: 0.4 is 40 %."""
    retropulsion_mm: float = 0.0
    """How far the back wall stands into the canal in the midline."""

    def losses(self) -> tuple[float, float, float]:
        """Shares of the front, middle and back height that are lost."""
        if self.shape == "wedge":
            return self.loss, self.loss / 2, 0.0
        if self.shape == "biconcave":
            return 0.0, self.loss, 0.0
        return self.loss, self.loss, self.loss


INTACT = Fracture("wedge", 0.0)


def drops(
    fracture: Fracture, share: Array, radius: Array, front_mm: float, middle_mm: float, back_mm: float
) -> tuple[Array, Array]:
    """By how much the upper endplate sinks and the lower one rises, in mm.

    `share` runs from 0 at the front wall to 1 at the back wall, `radius` from 0 in the endplate's middle to 1 at the
    inner edge of its rim; the heights are those of the intact body at front, middle and back.
    """
    none = np.zeros_like(share)
    if fracture.loss == 0.0:
        return none, none
    if fracture.shape == "biconcave":
        hollow = fracture.loss * middle_mm / 2 * np.maximum(1 - radius**4, 0.0) ** 2
        return hollow, hollow
    if fracture.shape == "wedge":
        # A straight ramp: all of the loss at the front's height, none at the back's.
        ramp = (1 - EDGE_SHARE - share) / (1 - 2 * EDGE_SHARE)
        return fracture.loss * front_mm * ramp, none
    rim = front_mm + (back_mm - front_mm) * (share - EDGE_SHARE) / (1 - 2 * EDGE_SHARE)
    hollow = ((front_mm + back_mm) / 2 - middle_mm) * np.maximum(1 - radius**4, 0.0) ** 2
    return fracture.loss * (rim - hollow), none
