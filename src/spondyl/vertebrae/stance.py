"""How a body stands between its neighbours, beyond the curve that this patient's spine has anyway.

A level's bend runs from the lower endplate of the body above to the upper endplate of the body below: both joints of
the level and its own wedge, and nothing of the neighbours' own wedges. What a disc takes back is no bend. The spine's
own curve is that usual of each joint, more or less of it by what the joints elsewhere in the same region show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spondyl.anatomy.levels import Level, Region, neighbours
from spondyl.values.vertebra import Stance
from spondyl.vertebrae.alignment import Alignment, Edge, Ends, beyond_the_row, step_mm
from spondyl.vertebrae.expected import FRONT_OVER_BACK, TYPICAL_HEIGHT_MM
from spondyl.vertebrae.frame import unit

# fmt: off
USUAL_KYPHOSIS_DEG = {
    **dict.fromkeys((Level.C3, Level.C4, Level.C5, Level.C6, Level.C7), -3.0), Level.T1: 0.0,
    Level.T2: 1.5, Level.T3: 2.5, Level.T4: 3.5, Level.T5: 4.0, Level.T6: 4.0, Level.T7: 4.5, Level.T8: 4.0,
    Level.T9: 4.0, Level.T10: 3.5, Level.T11: 2.5, Level.T12: 1.5, Level.T13: 0.0,
    Level.L1: -0.5, Level.L2: -4.5, Level.L3: -7.0, Level.L4: -10.0, Level.L5: -15.0, Level.L6: -15.0,
    Level.S1: -13.0,
}
# fmt: on
"""From the lower endplate of the level above to a level's own (of S1 its upper one): disc and body, kyphosis positive.
Own choice within what is published: 35 degrees of thoracic kyphosis (20 to 50) with its apex in the middle, straight
junctions, lumbar joints that bend more the lower they lie, 28 degrees of disc and body at L4 to S1 (lying: 30 +- 8,
lumbar_lying)."""
SCALE_SD = 0.4
"""Relative spread of the regions' curves between people: 20 to 50 degrees of thoracic kyphosis, 37 +- 13 of lumbar
lordosis (lumbar_lying)."""
JOINT_SD_DEG = 2.0
"""Own choice: by how much single joints depart from a scaled usual curve, reading included."""
READING_SD_DEG = 1.0
"""Own choice: what remains of reading in a bend over two joints, where slices are thin."""
READING_SD_SLICES = 0.4
"""Own choice: to which thick slices add an endplate's rise by this share of a slice over the body's depth."""
STEADY = 1.5
"""Huber's tuning, in spreads."""
ROUNDS = 10
TYPICAL_DEPTH_OVER_HEIGHT = 1.3
"""Own choice: for the wedge of a body whose own is not measured."""
BESIDE = 3
"""Own choice: joints up to this many levels away tell the side bend that the row has anyway."""


@dataclass(frozen=True)
class Joint:
    """Of a level with the one above it; None where not both sides are seen."""

    kyphosis_deg: float
    """From lower endplate to lower endplate: the disc and the lower body."""
    lean_deg: float


def stances(ends: Mapping[Level, Ends], facing: Mapping[Level, tuple[Edge | None, Edge | None]]) -> dict[Level, Stance]:
    """By level of `ends`. `facing` holds what the masks of the bodies above and below show of their near endplates."""
    raw = {level: _neighbours(level, ends, facing) for level in ends}
    steps = _steps(ends, raw)
    joints = {}
    for level, (above, _) in raw.items():
        if above is not None:
            joints[level] = Joint(*_bend(above, ends[level].lower, ends[level]))
    return {level: _stance(level, ends, raw[level], joints, steps) for level in ends}


def _neighbours(
    level: Level, ends: Mapping[Level, Ends], facing: Mapping[Level, tuple[Edge | None, Edge | None]]
) -> tuple[Edge | None, Edge | None]:
    """Lower edge of the body above and upper edge of the body below; a body measured whole goes first."""
    above, below = neighbours(level, ends)
    seen = facing.get(level, (None, None))
    return (
        ends[above].lower if above is not None else seen[0],
        ends[below].upper if below is not None else seen[1],
    )


def _bend(above: Edge, below: Edge, ends: Ends) -> tuple[float, float]:
    """Kyphosis, and lean of the upper to the left, between two endplates in a body's own planes."""
    angles = []
    for edge in (above, below):
        x, y, z = ends.frame.axes.T @ edge.normal
        angles.append((np.degrees(np.arctan2(-y, z)), np.degrees(np.arctan2(x, z))))
    return float(angles[0][0] - angles[1][0]), float(angles[0][1] - angles[1][1])


def _steps(
    ends: Mapping[Level, Ends], raw: Mapping[Level, tuple[Edge | None, Edge | None]]
) -> dict[tuple[Level, bool], tuple[float, float]]:
    """(front-back, side) of each joint by its level and whether it is the upper one, beyond what the row shows."""
    found = {}
    for level, (above, below) in raw.items():
        one = ends[level]
        if above is not None:
            found[level, True] = step_mm(above, one.upper, one.frame, unit(above.normal + one.upper.normal))
        if below is not None:
            found[level, False] = step_mm(one.lower, below, one.frame, unit(one.lower.normal + below.normal))
    usual = beyond_the_row({level: Alignment(0.0, 0.0, ap, lr) for (level, upper), (ap, lr) in found.items() if upper})
    shift = {level: found[level, True][0] - one.translation_ap_mm for level, one in usual.items()}
    result = {}
    for (level, upper), (ap, lr) in found.items():
        _, under = neighbours(level, ends)
        own = level if upper or under is None else under
        result[level, upper] = ap - shift.get(own, 0.0), lr
    return result


def _stance(
    level: Level,
    ends: Mapping[Level, Ends],
    edges: tuple[Edge | None, Edge | None],
    joints: Mapping[Level, Joint],
    steps: Mapping[tuple[Level, bool], tuple[float, float]],
) -> Stance:
    unseen = tuple(side for side, edge in zip(("above", "below"), edges, strict=True) if edge is None)
    known = [steps[level, upper] for upper in (True, False) if (level, upper) in steps]
    ap, lr = (max((step[n] for step in known), key=abs) if known else None for n in (0, 1))
    above, below = edges
    if above is None or below is None:
        return Stance(None, None, None, ap, lr, unseen)
    _, lower = neighbours(level, ends)
    under = lower or _next(level)
    bend, lean = _bend(above, below, ends[level])
    touching = {level, under}
    scale, scale_sd = _scale(level.region, joints, touching)
    other, other_sd = _scale(under.region, joints, touching)
    usual = [USUAL_KYPHOSIS_DEG.get(level, 0.0), USUAL_KYPHOSIS_DEG.get(under, 0.0)]
    expected = scale * usual[0] + other * usual[1] - _usual_wedge_deg(under)
    curve_sd = scale_sd * abs(usual[0]) + other_sd * abs(usual[1])
    depth = float(np.linalg.norm(ends[level].upper.back_mm - ends[level].upper.front_mm))
    slices_sd = float(np.degrees(READING_SD_SLICES * ends[level].slice_mm / max(depth, 1.0)))
    doubt = float(np.sqrt(READING_SD_DEG**2 + slices_sd**2 + curve_sd**2))
    return Stance(bend - expected, doubt, lean - _usual_lean(level, joints, touching), ap, lr, unseen)


def _next(level: Level) -> Level:
    """The level that is taken to lie below one whose lower neighbour is seen but not measured."""
    following = [other for other in USUAL_KYPHOSIS_DEG if other.order > level.order and other.name not in ("T13", "L6")]
    return min(following, key=lambda other: other.order, default=Level.S1)


def _scale(region: Region, joints: Mapping[Level, Joint], touching: set[Level]) -> tuple[float, float]:
    """How much of the usual curve this patient's region has, from its other joints, and the spread of that."""
    names = [n for n in joints if _group(n) == _group_of(region) and n not in touching and n in USUAL_KYPHOSIS_DEG]
    usual = np.array([USUAL_KYPHOSIS_DEG[n] for n in names])
    told = np.array([joints[n].kyphosis_deg for n in names])
    weight = np.ones(len(names))
    scale = 1.0
    for _ in range(ROUNDS):
        total = 1 / SCALE_SD**2 + float((weight * usual**2).sum()) / JOINT_SD_DEG**2
        scale = (1 / SCALE_SD**2 + float((weight * usual * told).sum()) / JOINT_SD_DEG**2) / total
        off = np.abs(told - scale * usual)
        weight = np.minimum(1.0, STEADY * JOINT_SD_DEG / np.maximum(off, 1e-9))
    return scale, float(1 / np.sqrt(total))


def _group(level: Level) -> str:
    return _group_of(level.region)


def _group_of(region: Region) -> str:
    return "lumbar" if region is Region.SACRAL else region.value


def _usual_wedge_deg(level: Level) -> float:
    """Of an intact body between its endplates, front lower positive."""
    if level not in FRONT_OVER_BACK:
        return 0.0
    height = TYPICAL_HEIGHT_MM[level]
    lost = (1 - FRONT_OVER_BACK[level]) * height
    return float(np.degrees(np.arctan(lost / (0.9 * TYPICAL_DEPTH_OVER_HEIGHT * height))))


def _usual_lean(level: Level, joints: Mapping[Level, Joint], touching: set[Level]) -> float:
    """Side bend over two joints that the row beside shows anyway: a long scoliosis goes on through the level."""
    near = [joint.lean_deg for n, joint in joints.items() if n not in touching and abs(n.order - level.order) <= BESIDE]
    return 2 * float(np.median(near)) if near else 0.0
