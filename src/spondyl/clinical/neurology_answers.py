"""What is asked and examined of nerves: where symptoms are, and the key points of the ISNCSCI examination.

Part of a history file. Every answer is optional; what is not tested is left out, never entered as normal.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

Answer = Literal["yes", "no", "unknown"]
Where = Literal["left", "right", "both", "yes", "no", "unknown"]
"""Side of the body, the patient's; 'yes' where the side is not told."""

SENSORY_SEGMENTS = (
    *(f"C{n}" for n in range(2, 9)),
    *(f"T{n}" for n in range(1, 13)),
    *(f"L{n}" for n in range(1, 6)),
    *("S1", "S2", "S3", "S4-5"),
)
MOTOR_SEGMENTS = ("C5", "C6", "C7", "C8", "T1", "L2", "L3", "L4", "L5", "S1")
"""Segments with a key point or key muscle in the ISNCSCI examination (isncsci2019)."""


def _sensory(name: str) -> str:
    if name not in SENSORY_SEGMENTS:
        raise PydanticCustomError(
            "segment", "no segment", {"allowed": "C2 to C8, T1 to T12, L1 to L5, S1, S2, S3, S4-5"}
        )
    return name


def _motor(name: str) -> str:
    if name not in MOTOR_SEGMENTS:
        raise PydanticCustomError("segment", "no segment", {"allowed": ", ".join(MOTOR_SEGMENTS)})
    return name


SensorySegment = Annotated[
    str, AfterValidator(_sensory), WithJsonSchema({"type": "string", "enum": list(SENSORY_SEGMENTS)})
]
MotorSegment = Annotated[str, AfterValidator(_motor), WithJsonSchema({"type": "string", "enum": list(MOTOR_SEGMENTS)})]


class Part(BaseModel):
    """Base of all parts of a history file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Motor(Part):
    """Strength of one key muscle: 0 none, 1 flicker, 2 without gravity, 3 against gravity, 4 some resistance, 5."""

    left: int | None = Field(default=None, ge=0, le=5, description="Strength on the left, 0 to 5")
    right: int | None = Field(default=None, ge=0, le=5, description="Strength on the right, 0 to 5")


class Sensory(Part):
    """Feeling at one key point, the worse of light touch and pin prick: 0 absent, 1 altered, 2 normal."""

    left: int | None = Field(default=None, ge=0, le=2, description="Feeling on the left, 0 to 2")
    right: int | None = Field(default=None, ge=0, le=2, description="Feeling on the right, 0 to 2")


class Body(Part):
    """Where the symptoms are, as the patient tells it."""

    weak_arm: Where = Field(default="unknown", description="Which arm or hand is weak?")
    weak_leg: Where = Field(default="unknown", description="Which leg or foot is weak?")
    numb_arm: Where = Field(default="unknown", description="Which arm or hand is numb or tingles?")
    numb_trunk: Where = Field(default="unknown", description="Which side of chest or belly is numb or tingles?")
    numb_leg: Where = Field(default="unknown", description="Which leg or foot is numb or tingles?")
    pain_arm: Where = Field(default="unknown", description="Into which arm does pain run?")
    pain_band: Where = Field(default="unknown", description="On which side does pain run round chest or belly?")
    pain_leg: Where = Field(default="unknown", description="Into which leg does pain run?")


class Examination(Part):
    """What was found on examination."""

    motor: dict[MotorSegment, Motor] = Field(default_factory=dict, description="Key muscles, by segment")
    sensory: dict[SensorySegment, Sensory] = Field(default_factory=dict, description="Key points, by segment")
    pain: dict[SensorySegment, Where] = Field(
        default_factory=dict, description="Pain along the area of one root, by segment"
    )
    voluntary_anal_contraction: Answer = Field(default="unknown", description="Can the anus be tightened at will?")
    deep_anal_pressure: Answer = Field(default="unknown", description="Is pressure inside the anus felt?")
    upper_motor_neurone_signs: Answer = Field(
        default="unknown", description="Are there brisk reflexes, stiff limbs or upgoing toes?"
    )
    frankel_grade: Literal["A", "B", "C", "D", "E", "unknown"] = Field(
        default="unknown", description="Frankel grade, as examined; E is normal"
    )
