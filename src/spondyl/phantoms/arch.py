"""The rods that make up the arch of a vertebra, from its table of sizes.

Where the rods run is an own choice throughout, looked at in slices beside real vertebrae: sizes come from the table,
places are shares of the canal's half width (a) and half depth (b), of the body's height (h) and of the pedicle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from spondyl.anatomy.levels import Level, Region
from spondyl.anatomy.subregions import SubRegion as Part
from spondyl.phantoms.morphometry import Dimensions
from spondyl.phantoms.shapes import Bar, Tube

CANAL_POWERS = (3.0, 2.0)
"""Own choice: the canal is flat along the body and round behind."""
RING_MM = {Region.CERVICAL: 1.8, Region.THORACIC: 2.0, Region.LUMBAR: 2.2, Region.SACRAL: 2.2}
"""Own choice: least thickness of the bone around the canal where its ring is closed."""
SPINOUS_SLOPE_DEG = {
    "C2": 18, "C3": 18, "C4": 18, "C5": 20, "C6": 22, "C7": 24, "T1": 30, "T2": 38, "T3": 46, "T4": 54, "T5": 61,
    "T6": 64, "T7": 63, "T8": 57, "T9": 48, "T10": 40, "T11": 31, "T12": 23, "T13": 20,
}  # fmt: skip
"""Own choice after textbook pictures: how steeply the spinous process falls; lumbar ones are level."""
TRANSVERSE_BACK_MM = {1: 3, 2: 5, 3: 7, 4: 9, 5: 10, 6: 10, 7: 10, 8: 10, 9: 9, 10: 8, 11: 5, 12: 4, 13: 4}
"""Own choice: how far back a thoracic transverse process runs, by number."""

TILE_SHARE = 0.42
"""Own choice: half height of a spinous process over the room from one to the next."""

Rod = tuple[Bar, Part]

_SIDES = {
    Part.PEDICLE_LEFT: Part.PEDICLE_RIGHT,
    Part.LAMINA_LEFT: Part.LAMINA_RIGHT,
    Part.FACET_LEFT: Part.FACET_RIGHT,
    Part.TRANSVERSE_LEFT: Part.TRANSVERSE_RIGHT,
}


@dataclass(frozen=True)
class Arch:
    rods: tuple[Rod, ...]
    canal: Tube
    ring: tuple[float, float, float]
    """Lowest and highest z of the closed ring, and its least thickness."""
    ring_in_front: bool = False
    """True where the ring closes before the canal too, there being no body (C1)."""


def build_arch(level: Level, size: Dimensions) -> Arch:
    """The arch of one level. Raises KeyError for levels below S1."""
    if level is Level.C1:
        return _atlas(size)
    canal = canal_of(level, size)
    makers = {
        Region.CERVICAL: _cervical,
        Region.THORACIC: _thoracic,
        Region.LUMBAR: _lumbar,
        Region.SACRAL: _sacral,
    }
    rods = tuple(_both_sides(makers[level.region](level, size, canal)))
    low, high = _pedicle_z(level, size)
    half = size.pedicle_height / 2 - 1.0
    middle = (low + high) / 2
    return Arch(rods, canal, (middle - half, min(middle + half, 0.28 * size.height), RING_MM[level.region]))


def canal_of(level: Level, size: Dimensions) -> Tube:
    """The bony canal; its front lies at the body's back wall."""
    half = size.canal_width / 2, size.canal_depth / 2
    if level is Level.C1:
        return Tube((0.0, half[1] - 5.0), half, (2.0, 2.0))
    wall = min(size.upper_depth, size.lower_depth) / 2 if level.region is not Region.SACRAL else size.depth / 2
    return Tube((0.0, wall - 0.3 + half[1]), half, CANAL_POWERS)


def _both_sides(rods: Iterator[Rod]) -> Iterator[Rod]:
    for rod, part in rods:
        yield rod, part
        if part in _SIDES:
            yield rod.mirrored(), _SIDES[part]


def _pedicle_z(level: Level, size: Dimensions) -> tuple[float, float]:
    """Lowest and highest z of the pedicles."""
    inset = {Region.CERVICAL: 1.2, Region.THORACIC: 0.5, Region.LUMBAR: 1.5, Region.SACRAL: 2.0}[level.region]
    top = size.height / 2 - inset
    return top - size.pedicle_height, top


def _root_x(size: Dimensions, out: float) -> float:
    """Where a pedicle leaves the body: inside its side wall, though the canal be wider than the body."""
    return min(out, size.width / 2 - size.pedicle_width / 2 + 1.0)


def _laminae(size: Dimensions, canal: Tube, start_z: float, half_height: float, thick: float) -> Iterator[Rod]:
    """From behind the pedicle around the canal to the midline, in two stretches."""
    (a, b), y = canal.half, canal.centre[1]
    t = thick / 2
    half = (half_height, t)
    begin = (a + size.pedicle_width / 2, y + 0.3 * b, start_z)
    bend = (0.68 * (a + t), y + 0.72 * (b + t), 0.5 * start_z - 0.1 * size.height)
    middle = (0.0, y + b + 0.8 * t, -0.17 * size.height)
    yield Bar(begin, bend, (0.9 * half_height, t), half), Part.LAMINA_LEFT
    yield Bar(bend, middle, half, half), Part.LAMINA_LEFT


def _lumbar(level: Level, size: Dimensions, canal: Tube) -> Iterator[Rod]:
    (a, b), y, h = canal.half, canal.centre[1], size.height
    wall, pw, ph = size.depth / 2, size.pedicle_width, size.pedicle_height
    low, high = _pedicle_z(level, size)
    zp, xp = (low + high) / 2, a + pw / 2 - 0.3
    heavy = 1.5 if level in (Level.L5, Level.L6) else 1.0
    yield (
        Bar((_root_x(size, xp), wall - 4, zp), (xp + 0.5, y + 0.1 * b, zp - 0.5), (ph / 2, pw / 2), (ph / 2, pw / 2)),
        (Part.PEDICLE_LEFT),
    )
    yield from _laminae(size, canal, zp - 2.0, 0.36 * h, 7.0)
    isthmus = (0.9 * a + 2.5, y + 0.95 * b, -0.35 * h)
    yield Bar((xp - 0.5, y + 0.3 * b, zp - 1), isthmus, (5.2, 4.6), (5.2, 4.4), (1.0, 0.0, 0.0)), Part.LAMINA_LEFT
    up = (1.1 * a + 4.0, y + 0.5 * b, h / 2 + 5.5)
    yield Bar((xp + 0.5, y + 0.35 * b, zp), up, (5.6, 4.6), (6.0, 3.8), (0.0, 1.0, 0.0)), Part.FACET_LEFT
    down = (0.75 * a + 1.0, y + b + 1.8, -0.95 * h)
    yield Bar(isthmus, down, (5.2, 4.6), (5.2, 4.0), (0.0, 1.0, 0.0)), Part.FACET_LEFT
    tip = (size.transverse / 2 - 3.0, y + 0.15 * b + 5.0, zp + 1.0)
    yield Bar((xp + 1.0, y + 0.1 * b, zp - 1.5), tip, (5.0 * heavy, 4.5 * heavy), (4.5, 2.8)), Part.TRANSVERSE_LEFT
    back = (0.0, wall + size.spinous - 4.0, -0.36 * h)
    yield Bar((0.0, y + b + 3.5, -0.25 * h), back, (0.36 * h, 3.8), (0.36 * h, 4.3)), Part.SPINOUS


def _thoracic(level: Level, size: Dimensions, canal: Tube) -> Iterator[Rod]:
    (a, b), y, h = canal.half, canal.centre[1], size.height
    wall, pw, ph = size.depth / 2, size.pedicle_width, size.pedicle_height
    low, high = _pedicle_z(level, size)
    zp, xp = (low + high) / 2, a + pw / 2 - 0.3
    yield (
        Bar((_root_x(size, xp), wall - 4, zp), (xp + 0.5, y + 0.2 * b, zp), (ph / 2, pw / 2), (ph / 2, pw / 2)),
        Part.PEDICLE_LEFT,
    )
    yield from _laminae(size, canal, zp - 2.0, 0.42 * h, 6.0)
    up = (0.8 * a + 2.5, y + 0.72 * b, h / 2 + 3.5)
    yield Bar((0.85 * a + 3.0, y + 0.6 * b, zp), up, (5.0, 3.0), (4.8, 2.4), (1.0, 0.0, 0.0)), Part.FACET_LEFT
    down = (0.65 * a + 2.0, y + b + 3.0, -0.8 * h)
    yield Bar((0.7 * a + 2.0, y + b + 2.0, -0.3 * h), down, (4.8, 3.0), (4.8, 2.5), (1.0, 0.0, 0.0)), Part.FACET_LEFT
    root = (xp, y + 0.6 * b, zp - 1.0)
    tip = (size.transverse / 2 - 4.5, y + 0.6 * b + TRANSVERSE_BACK_MM[int(level.name[1:])], zp + 1.0)
    yield Bar(root, tip, (5.8, 5.0), (5.2, 4.8)), Part.TRANSVERSE_LEFT
    yield _falling_spinous(level, size, (0.0, y + b + 3.5, -0.25 * h), (0.3 * h + 1.0, 2.9), (4.4, 2.9))


def _cervical(level: Level, size: Dimensions, canal: Tube) -> Iterator[Rod]:
    (a, b), y, h = canal.half, canal.centre[1], size.height
    wall, pw, ph = size.depth / 2, size.pedicle_width, size.pedicle_height
    axis = level is Level.C2
    low, high = _pedicle_z(level, size)
    zp = (low + high) / 2
    out = a + pw / 2 + 0.3
    half = (ph / 2, pw / 2)
    yield Bar((0.5 * size.width - 2.5, wall - 3.5, zp), (out, y - 0.1 * b, zp), half, half), Part.PEDICLE_LEFT
    yield from _laminae(size, canal, zp - 1.0, 5.8 if not axis else 7.0, 4.6 if not axis else 6.0)
    pillar = ((out + 0.8, y + 0.05 * b, 0.45 * h), (out, y + 0.7 * b, -0.5 * h))
    if axis:
        pillar = ((out - 1.0, y - 0.6 * b, 0.3 * h), (out, y + 0.6 * b, -0.55 * h))
        yield Bar((0.0, -2.0, 0.3 * h), (0.0, -2.0, h / 2 + 12.0), (6.0, 6.0), (4.6, 5.0), (1.0, 0.0, 0.0)), Part.BODY
        shoulder = (0.5 * size.width + 2.0, -1.0, 0.2 * h), (0.5 * size.width + 6.5, wall - 2.0, 0.42 * h)
        yield Bar(*shoulder, (5.0, 6.0), (4.5, 7.0)), Part.FACET_LEFT
    yield Bar(*pillar, (5.0, 4.6), (5.0, 4.6), (1.0, 0.0, 0.0)), Part.FACET_LEFT
    tip = (size.transverse / 2 - 3.0, wall + 1.0, zp - 2.0)
    yield Bar((0.5 * size.width + 2.0, wall - 1.5, zp - 0.5), tip, (3.2, 3.0), (3.2, 4.0)), Part.TRANSVERSE_LEFT
    yield Bar((out, y, zp - 1.0), tip, (3.2, 3.0), (3.2, 3.2)), Part.TRANSVERSE_LEFT
    thick = (6.5, 4.0) if axis else (4.6, 3.2)
    yield _falling_spinous(level, size, (0.0, y + b + 2.5, -0.2 * h), thick, (4.2, 4.5 if level is not Level.C7 else 4))


def _falling_spinous(
    level: Level,
    size: Dimensions,
    root: tuple[float, float, float],
    half: tuple[float, float],
    tip: tuple[float, float],
) -> Rod:
    slope = math.radians(SPINOUS_SLOPE_DEG[level.name])
    length = (size.spinous - (root[1] - size.depth / 2) - min(tip)) / math.cos(slope)
    # Steep ones lie on each other like tiles: no thicker than leaves room for the next.
    room = TILE_SHARE * (size.height + size.disc) * math.cos(slope)
    half, tip = (min(half[0], room), half[1]), (min(tip[0], room), tip[1])
    end = (0.0, root[1] + length * math.cos(slope), root[2] - length * math.sin(slope))
    return Bar(root, end, half, tip), Part.SPINOUS


def _sacral(level: Level, size: Dimensions, canal: Tube) -> Iterator[Rod]:
    if level is not Level.S1:
        raise KeyError(level)
    (a, b), y, h = canal.half, canal.centre[1], size.height
    wall, pw, ph = size.depth / 2, size.pedicle_width, size.pedicle_height
    low, high = _pedicle_z(level, size)
    zp, xp = (low + high) / 2, a + pw / 2 - 2.0
    yield Bar((xp, wall - 8, zp), (xp, y, zp - 1), (ph / 2, pw / 2), (ph / 2, pw / 2 - 2)), Part.PEDICLE_LEFT
    yield (
        Bar((0.3 * size.width, 0.0, zp), (size.transverse / 2 - 8, 16.0, zp - 6), (11, 10), (12, 8)),
        (Part.TRANSVERSE_LEFT),
    )
    yield Bar((xp + 6, y - 2, zp - 2), (size.transverse / 2 - 12, 18.0, zp - 8), (10, 8), (10, 8)), Part.TRANSVERSE_LEFT
    yield from _laminae(size, canal, zp - 3.0, 0.36 * h, 6.0)
    yield (
        Bar((xp - 1, y + 0.4 * b, zp), (1.0 * a + 4.5, y + 0.6 * b, h / 2 + 5), (5, 4), (5.5, 3.4), (0, 1, 0)),
        (Part.FACET_LEFT),
    )
    yield Bar((0, y + b + 3, -0.2 * h), (0, y + b + 12, -0.35 * h), (0.3 * h, 3.5), (0.25 * h, 3.5)), Part.SPINOUS


def _atlas(size: Dimensions) -> Arch:
    """A ring with lateral masses and without a body; the dens of C2 stands in the front of its canal."""
    canal = canal_of(Level.C1, size)
    (a, b), y = canal.half, canal.centre[1]
    mass_x = a + size.pedicle_width / 2 - 1.0

    def rods() -> Iterator[Rod]:
        yield Bar((0, y - b - 3, 0), (mass_x - 4, y - 0.62 * b, 0), (5, 3.2), (4.5, 4)), Part.LAMINA_LEFT
        yield Bar((mass_x, y - 0.55 * b, 0.5), (mass_x, y - 0.05 * b, 0.5), (6, 6.5), (6, 6)), Part.FACET_LEFT
        yield Bar((mass_x, y + 0.1 * b, 0), (0.62 * a + 2, y + 0.8 * b + 2, -1), (4, 3.5), (4, 3.2)), Part.LAMINA_LEFT
        yield Bar((0.62 * a + 2, y + 0.8 * b + 2, -1), (0, y + b + 2.5, -1), (4, 3.2), (4.5, 3.2)), Part.LAMINA_LEFT
        tip = (size.transverse / 2 - 4, y - 0.1 * b, -1)
        yield Bar((mass_x + 3, y - 0.25 * b, 0), tip, (4, 4), (4, 4)), Part.TRANSVERSE_LEFT

    return Arch(tuple(_both_sides(rods())), canal, (-3.0, 2.5, 2.0), ring_in_front=True)
