"""Segments of the cord, the roots they send out, and the vertebrae where either can be pressed on.

The tables stand in `rules/neurology.toml`. A segment's name (C8, T10, S4-5) is no vertebra's: there are eight
cervical segments and seven cervical vertebrae, and the cord ends at about L1 to L2.
"""

from __future__ import annotations

from functools import cache

from spondyl.anatomy.levels import Level, along_spine
from spondyl.clinical import rules
from spondyl.clinical.neurology_answers import SENSORY_SEGMENTS

SEGMENTS = ("C1", *SENSORY_SEGMENTS)
"""From the head down."""
VERTEBRAE: tuple[Level, ...] = tuple(
    level for level in along_spine(Level) if level not in (Level.T13, Level.L6, Level.CO)
)
"""From the head down, without those that few people have."""


def between(first: str, last: str) -> tuple[str, ...]:
    """Segments from the first to the last, both included."""
    return SEGMENTS[SEGMENTS.index(first) : SEGMENTS.index(last) + 1]


def region(name: str) -> tuple[str, ...]:
    """Segments of arm, trunk, leg, sphincters or saddle."""
    first, last = rules.load("neurology").value(f"region.{name}")
    return between(first, last)


def span(first: Level, last: Level) -> frozenset[Level]:
    """Vertebrae from the first to the last, both included."""
    return frozenset(level for level in VERTEBRAE if first.order <= level.order <= last.order)


@cache
def cord_at(segment: str) -> tuple[Level, Level]:
    """Highest and lowest vertebra at which this cord segment lies."""
    highest, lowest = rules.load("neurology").value(f"cord.{segment}")
    return Level[highest], Level[lowest]


@cache
def conus() -> tuple[Level, Level]:
    """Highest and lowest vertebra at which the cord ends."""
    highest, lowest = rules.load("neurology").value("anatomy.conus")
    return Level[highest], Level[lowest]


@cache
def segments_at(level: Level) -> tuple[str, ...]:
    """Cord segments that may lie at this vertebra; none below the conus."""
    return tuple(s for s in SEGMENTS if level in span(*cord_at(s)))


@cache
def foramen(segment: str) -> tuple[Level, ...]:
    """The vertebrae between which a root leaves: above its own for C1 to C7, below C7 for C8, below its own else."""
    if segment == "C1":
        return (Level.C1,)
    if segment == "C8":
        return (Level.C7, Level.T1)
    if segment == "S4-5":
        return (Level.S4, Level.S5)
    own = VERTEBRAE.index(Level[segment])
    return VERTEBRAE[own - 1 : own + 1] if segment.startswith("C") else VERTEBRAE[own : own + 2]


def part_at(level: Level) -> str:
    """What runs in the canal at a vertebra: 'cord', 'conus' or 'cauda equina'."""
    first, last = conus()
    if level.order < first.order:
        return "cord"
    return "conus" if level.order <= last.order else "cauda equina"


def widened(levels: frozenset[Level], by: int) -> frozenset[Level]:
    """The levels and `by` neighbours above and below each end."""
    places = [VERTEBRAE.index(level) for level in levels]
    return frozenset(VERTEBRAE[max(0, min(places) - by) : max(places) + by + 1])
