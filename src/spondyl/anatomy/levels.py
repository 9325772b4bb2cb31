"""Vertebral levels, their regions, and who neighbours whom (T13 and L6, and four lumbar, included).

The integer of a `Level` is its VerSe label [sekuboyina2021], which TPTBox and SPINEPS share; it is
also the label inside every Spondyl mask. The integers do not run along the spine (T13 is 28): compare
`order`, never the members.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum


class Region(StrEnum):
    CERVICAL = "cervical"
    THORACIC = "thoracic"
    LUMBAR = "lumbar"
    SACRAL = "sacral"
    COCCYGEAL = "coccygeal"


class Level(IntEnum):
    C1 = 1
    C2 = 2
    C3 = 3
    C4 = 4
    C5 = 5
    C6 = 6
    C7 = 7
    T1 = 8
    T2 = 9
    T3 = 10
    T4 = 11
    T5 = 12
    T6 = 13
    T7 = 14
    T8 = 15
    T9 = 16
    T10 = 17
    T11 = 18
    T12 = 19
    L1 = 20
    L2 = 21
    L3 = 22
    L4 = 23
    L5 = 24
    L6 = 25
    S1 = 26
    CO = 27
    T13 = 28
    S2 = 29
    S3 = 30
    S4 = 31
    S5 = 32

    @property
    def order(self) -> int:
        """Position from the head down, T13 and L6 in their places."""
        return _ORDER[self]

    @property
    def region(self) -> Region:
        return _REGIONS[self.name[0] if self is not Level.CO else "CO"]

    @classmethod
    def parse(cls, name: str) -> Level:
        """'L1', 'l1', 'L01' or 'vertebrae_L1' to its Level. Raises ValueError for anything else."""
        text = name.strip().upper().removeprefix("VERTEBRAE_").removeprefix("VERTEBRA_")
        head, digits = text[:1], text[1:]
        if text in ("SACRUM", "S"):
            return cls.S1
        if digits.isdigit() and f"{head}{int(digits)}" in cls.__members__:
            return cls[f"{head}{int(digits)}"]
        raise ValueError(f"'{name}' is no vertebral level; levels are written C1 to C7, T1 to T13, L1 to L6, S1 to S5.")


_NAMES = (
    [f"C{n}" for n in range(1, 8)]
    + [f"T{n}" for n in range(1, 14)]
    + [f"L{n}" for n in range(1, 7)]
    + [f"S{n}" for n in range(1, 6)]
    + ["CO"]
)
_ORDER = {Level[name]: position for position, name in enumerate(_NAMES)}
_REGIONS = {
    "C": Region.CERVICAL,
    "T": Region.THORACIC,
    "L": Region.LUMBAR,
    "S": Region.SACRAL,
    "CO": Region.COCCYGEAL,
}
# Absent in some people (four lumbar, eleven thoracic) or present only in some (T13, L6).
_MAY_BE_MISSING = frozenset({Level.T12, Level.T13, Level.L5, Level.L6})


def along_spine(levels: Iterable[Level]) -> tuple[Level, ...]:
    """Levels sorted from the head down."""
    return tuple(sorted(levels, key=lambda level: level.order))


def are_adjacent(upper: Level, lower: Level) -> bool:
    """True when `lower` can sit directly below `upper` in some normal or transitional spine."""
    if lower.order <= upper.order:
        return False
    between = [level for level in Level if upper.order < level.order < lower.order]
    return set(between) <= _MAY_BE_MISSING


def neighbours(level: Level, present: Iterable[Level]) -> tuple[Level | None, Level | None]:
    """The levels among `present` directly above and below `level`; None where there is none."""
    others = along_spine(present)
    above = [other for other in others if are_adjacent(other, level)]
    below = [other for other in others if are_adjacent(level, other)]
    return (above[-1] if above else None), (below[0] if below else None)
