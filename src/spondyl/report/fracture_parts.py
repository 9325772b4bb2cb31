"""A loss of height as it stands in the files: how much, of what shape, what it may be, what speaks for which cause."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spondyl.report.parts import Mm, Part, Share, taken
from spondyl.values.fracture import Fracture as FractureValue


class PlaceLoss(Part):
    place: Literal["front", "middle", "back"]
    measured_mm: Mm
    expected_mm: Mm
    loss: Share
    loss_interval: tuple[Share, Share]


class LookAlike(Part):
    """A deformity that is no fracture."""

    name: str
    certain: bool = Field(description="it explains what is seen; false: it stays possible beside a fracture")
    basis: str
    citations: tuple[str, ...]


class Sign(Part):
    name: str
    points_to: Literal["malignant", "benign"]
    strong: bool
    state: Literal["seen", "not seen", "not assessable"]
    basis: str
    citations: tuple[str, ...]


class Fracture(Part):
    """Height lost, as a finding of its own; grade 0 is none."""

    shape: Literal["wedge", "biconcave", "crush"] | None
    grade: tuple[int, int] = Field(description="lowest and highest that the interval allows (Genant, 0 to 3)")
    best_grade: int
    losses: tuple[PlaceLoss, ...]
    rests_on: tuple[str, ...]
    look_alikes: tuple[LookAlike, ...]
    verdict: Literal["benign", "suspicious", "cannot tell"] | None = Field(description="null where there is none")
    verdict_reason: str
    signs: tuple[Sign, ...]
    citations: tuple[str, ...]


def fracture_part(found: FractureValue) -> Fracture:
    return taken(
        Fracture,
        found,
        losses=tuple(taken(PlaceLoss, loss) for loss in found.losses),
        look_alikes=tuple(taken(LookAlike, entry) for entry in found.look_alikes),
        signs=tuple(taken(Sign, sign) for sign in found.signs),
    )
