"""A body's loss of height as a finding of its own: shape, grade, what else it may be, benign or suspicious."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spondyl.anatomy.levels import Level

Place = Literal["front", "middle", "back"]
Shape = Literal["wedge", "biconcave", "crush"]
Seen = Literal["seen", "not seen", "not assessable"]
Verdict = Literal["benign", "suspicious", "cannot tell"]


@dataclass(frozen=True)
class PlaceLoss:
    """Height at one place of the mid-sagittal plane against what the neighbours predict for that place."""

    place: Place
    measured_mm: float
    """Nearer to what is expected than the voxels' middle where thick slices leave it open and no loss is likely."""
    expected_mm: float
    loss: float
    """1 - measured / expected, at least 0; 0.3 is 30 %."""
    loss_interval: tuple[float, float]
    """95 %."""


@dataclass(frozen=True)
class LookAlike:
    """A deformity that is no fracture."""

    name: Literal["physiological wedge", "Scheuermann", "cupid's bow", "short vertebral height", "Schmorl's node"]
    certain: bool
    """True when it explains what is seen; False when it stays possible beside a fracture."""
    basis: str
    """What was measured, in plain words."""
    citations: tuple[str, ...]


@dataclass(frozen=True)
class Sign:
    """A published sign that speaks for a malignant or for a benign fracture."""

    name: str
    points_to: Literal["malignant", "benign"]
    strong: bool
    """Whether it makes the verdict by itself."""
    state: Seen
    basis: str
    citations: tuple[str, ...]


@dataclass(frozen=True)
class FractureFacts:
    """What others found at this level, as plain answers; None is 'not assessable'."""

    pedicle_involved: bool | None = None
    bone_destroyed: bool | None = None
    """A lesion that has destroyed bone or cortex of the body."""
    paravertebral_mass: bool | None = None
    epidural_mass: bool | None = None
    cleft: bool | None = None
    """Gas or fluid in a cleft within the body."""
    retropulsed_fragment: bool | None = None
    other_metastases: bool | None = None
    """Metastases at other levels of the spine."""


@dataclass(frozen=True)
class Fracture:
    """`grade` is 0 to 3 by Genant; a range where the interval of the loss crosses a bound."""

    level: Level
    shape: Shape | None
    """None where no height is lost enough to have a shape."""
    grade: tuple[int, int]
    """Lowest and highest that the interval allows; equal when it is known."""
    best_grade: int
    """Of the loss itself."""
    losses: tuple[PlaceLoss, ...]
    """Front, middle, back."""
    rests_on: tuple[str, ...]
    look_alikes: tuple[LookAlike, ...]
    verdict: Verdict | None
    """None where there is no fracture."""
    verdict_reason: str
    signs: tuple[Sign, ...]
    citations: tuple[str, ...]

    @property
    def worst(self) -> PlaceLoss:
        return max(self.losses, key=lambda entry: entry.loss)
