"""ASIA Impairment Scale from the ISNCSCI examination, as the grades that what was tested leaves possible.

Only the key muscles are asked for; a non-key muscle that moves could still raise B to C, which is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spondyl.clinical.neurology import SEGMENTS
from spondyl.clinical.neurology_answers import MOTOR_SEGMENTS, SENSORY_SEGMENTS, Examination, Motor, Sensory

SIDES = ("left", "right")
USEFUL = 3
"""Key muscles of this grade or more move against gravity (cabjd2018_ais)."""
SPARED_BELOW_LEVEL = 3
"""Movement more than so many segments below the motor level is motor incomplete (cabjd2018_ais)."""
NORMAL_MOTOR, NORMAL_SENSORY = 5, 2


@dataclass(frozen=True)
class AisResult:
    possible: tuple[str, ...]
    """Grades that what was tested leaves, from A to E; all five when nothing was."""
    reasons: tuple[str, ...]
    missing: tuple[str, ...]
    """What would settle it."""


def ais(found: Examination) -> AisResult:
    """The grade, or those still possible."""
    if _all_normal(found):
        return AisResult(("E",), ("all key muscles and points are normal",), ())
    sacral, movement = _sacral(found), _motor_incomplete(found)
    grades = set()
    if sacral is not True and found.voluntary_anal_contraction != "yes":
        grades.add("A")
    if sacral is not False and movement is not True:
        grades.add("B")
    if movement is not False:
        grades |= _c_or_d(found)
    if _may_be_normal(found):
        grades.add("E")
    return AisResult(tuple(sorted(grades)), _reasons(found, sacral, movement), _missing(found))


def _scores(table: Mapping[str, Motor] | Mapping[str, Sensory], segments: Iterable[str]) -> list[int | None]:
    return [getattr(table[segment], side) if segment in table else None for segment in segments for side in SIDES]


def _all_normal(found: Examination) -> bool:
    return (
        set(_scores(found.motor, MOTOR_SEGMENTS)) == {NORMAL_MOTOR}
        and set(_scores(found.sensory, SENSORY_SEGMENTS)) == {NORMAL_SENSORY}
        and found.voluntary_anal_contraction == "yes"
    )


def _may_be_normal(found: Examination) -> bool:
    """Nothing abnormal was found so far."""
    return (
        set(_scores(found.motor, MOTOR_SEGMENTS)) <= {NORMAL_MOTOR, None}
        and set(_scores(found.sensory, SENSORY_SEGMENTS)) <= {NORMAL_SENSORY, None}
        and found.voluntary_anal_contraction != "no"
        and found.deep_anal_pressure != "no"
    )


def _sacral(found: Examination) -> bool | None:
    """Whether feeling is preserved at S4-5."""
    scores = _scores(found.sensory, ["S4-5"])
    if any(score for score in scores) or found.deep_anal_pressure == "yes":
        return True
    return False if scores == [0, 0] and found.deep_anal_pressure == "no" else None


def _motor_incomplete(found: Examination) -> bool | None:
    """Voluntary anal contraction, or sacral feeling with movement more than three segments below the motor level."""
    if found.voluntary_anal_contraction == "yes":
        return True
    sacral, moved = _sacral(found), [_moves_far_below(found, side) for side in SIDES]
    if sacral is True and True in moved:
        return True
    nothing = sacral is False or moved == [False, False]
    return False if nothing and found.voluntary_anal_contraction == "no" else None


def _moves_far_below(found: Examination, side: str) -> bool | None:
    level = motor_level(found, side)
    if level is None:
        return None
    deep = [s for s in MOTOR_SEGMENTS if SEGMENTS.index(s) > SEGMENTS.index(level) + SPARED_BELOW_LEVEL]
    scores = [getattr(found.motor[s], side) if s in found.motor else None for s in deep]
    if any(score for score in scores):
        return True
    return None if None in scores else False


def sensory_level(found: Examination, side: str) -> str | None:
    """Lowest segment down to which feeling is normal; None where a point above the first loss was not tested."""
    level = "C1"
    for segment in SENSORY_SEGMENTS:
        score = getattr(found.sensory[segment], side) if segment in found.sensory else None
        if score is None:
            return None
        if score < NORMAL_SENSORY:
            return level
        level = segment
    return level


def motor_level(found: Examination, side: str) -> str | None:
    """Lowest key muscle of grade 3 or more with none but normal ones above it, on one side.

    Where no key muscle lies (C2 to C4, T2 to L1, S2 and below) movement is taken to be as feeling is. None where
    something above the first loss was not tested.
    """
    level = "C1"
    for segment in SENSORY_SEGMENTS:
        is_key = segment in MOTOR_SEGMENTS
        table: Mapping[str, Motor] | Mapping[str, Sensory] = found.motor if is_key else found.sensory
        score = getattr(table[segment], side) if segment in table else None
        if score is None:
            return None
        if score < (NORMAL_MOTOR if is_key else NORMAL_SENSORY):
            return segment if is_key and score >= USEFUL else level
        level = segment
    return level


def injury_level(found: Examination) -> str | None:
    """The single neurological level: the highest of the four levels; None where one is open."""
    levels = [level(found, side) for level in (sensory_level, motor_level) for side in SIDES]
    known = [level for level in levels if level is not None]
    return min(known, key=SEGMENTS.index) if len(known) == len(levels) else None


def _c_or_d(found: Examination) -> set[str]:
    """C when fewer than half of the key muscles below the level reach grade 3, else D; both while open."""
    level = injury_level(found)
    if level is None:
        return {"C", "D"}
    below = [s for s in MOTOR_SEGMENTS if SEGMENTS.index(s) > SEGMENTS.index(level)]
    scores = _scores(found.motor, below)
    useful = sum(score is not None and score >= USEFUL for score in scores)
    return {"D"} if 2 * useful >= len(scores) else {"C"}


def _reasons(found: Examination, sacral: bool | None, movement: bool | None) -> tuple[str, ...]:
    said = {True: "preserved", False: "lost"}
    reasons = [f"feeling at S4-5 {said[sacral]}"] if sacral is not None else []
    if movement is not None:
        reasons.append("movement below the level" if movement else "no movement of key muscles far below the level")
    if level := injury_level(found):
        reasons.append(f"neurological level {level}")
    return tuple(reasons)


def _missing(found: Examination) -> tuple[str, ...]:
    missing = []
    if None in _scores(found.motor, MOTOR_SEGMENTS):
        missing.append("strength of all key muscles on both sides")
    if None in _scores(found.sensory, SENSORY_SEGMENTS):
        missing.append("feeling at all key points on both sides")
    if found.voluntary_anal_contraction == "unknown":
        missing.append("voluntary anal contraction")
    if found.deep_anal_pressure == "unknown":
        missing.append("deep anal pressure")
    return tuple(missing)
