"""Solids against closed forms and elementary properties."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from spondyl.anatomy.levels import Level
from spondyl.phantoms.body import POWERS, Body
from spondyl.phantoms.deform import EDGE_SHARE, Fracture
from spondyl.phantoms.morphometry import dimensions
from spondyl.phantoms.shapes import Bar, Tube, coverage, ellipsoid, smooth_min
from spondyl.phantoms.vertebra import VertebraShape


def lattice(half: float, step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    axis = np.arange(-half + step / 2, half, step)
    x, y, z = (c.ravel() for c in np.meshgrid(axis, axis, axis, indexing="ij"))
    return x, y, z


def test_ellipsoid_volume_is_the_closed_form():
    d = ellipsoid(*lattice(12, 0.25), (0, 0, 0), (10.0, 7.0, 5.0))
    assert coverage(d, 0.25).sum() * 0.25**3 == pytest.approx(4 / 3 * math.pi * 350, rel=2e-3)


def test_sphere_distance_is_exact():
    x, y, z = lattice(9, 1.0)
    away = np.sqrt(x**2 + y**2 + z**2)
    np.testing.assert_allclose(ellipsoid(x, y, z, (0, 0, 0), (4.0, 4.0, 4.0)), away - 4, atol=1e-9)


def test_bar_is_a_cylinder_with_round_ends():
    bar = Bar((0, 0, -6), (0, 0, 6), (3.0, 3.0), (3.0, 3.0), (1.0, 0.0, 0.0))
    volume = coverage(bar(*lattice(9.5, 0.125)), 0.125).sum() * 0.125**3
    assert volume == pytest.approx(math.pi * 9 * 12 + 4 / 3 * math.pi * 27, rel=1e-3)


def test_mirrored_bar_swaps_sides():
    bar = Bar((2, 1, 0), (9, 3, 4), (3.0, 2.0), (2.0, 1.0))
    x, y, z = lattice(10, 1.0)
    np.testing.assert_allclose(bar(x, y, z), bar.mirrored()(-x, y, z), atol=1e-9)


@pytest.mark.parametrize("powers", [(2.0, 2.0), (3.0, 2.0), (2.4, 4.0)])
def test_tube_area_is_the_closed_form(powers):
    tube = Tube((1.0, -2.0), (11.0, 8.0), powers)
    axis = np.arange(-14, 14, 0.05)
    u, v = np.meshgrid(axis, axis, indexing="ij")
    assert coverage(tube(u, v), 0.05).sum() * 0.05**2 == pytest.approx(tube.area_mm2, rel=1e-3)
    if powers == (2.0, 2.0):
        assert tube.area_mm2 == pytest.approx(math.pi * 88)


def test_union_is_never_thinner_than_its_parts():
    a, b = np.random.default_rng(0).normal(size=(2, 500))
    assert (smooth_min(a, b, 2.0) <= np.minimum(a, b) + 1e-12).all()


def plain_body(fracture: Fracture) -> Body:
    size = replace(
        dimensions(Level.L3, "male"),
        upper_width=44.0,
        lower_width=44.0,
        upper_depth=34.0,
        lower_depth=34.0,
        front_height=26.0,
        back_height=26.0,
    )
    return Body(size, fracture, waist=0.0, hollow=(0.0, 0.0), rounding_mm=0.0)


def volume_of(body: Body, step: float = 0.4) -> float:
    return float(coverage(body(*lattice(26, step)), step).sum() * step**3)


def test_body_without_waist_or_hollow_is_a_prism():
    prism = Tube((0, 0), (22.0, 17.0), POWERS).area_mm2 * 26.0
    assert volume_of(plain_body(Fracture("wedge", 0.0))) == pytest.approx(prism, rel=3e-3)


def test_crush_takes_its_share_of_the_volume():
    intact, crushed = (volume_of(plain_body(Fracture("crush", loss))) for loss in (0.0, 0.4))
    assert crushed / intact == pytest.approx(0.6, abs=3e-3)


@pytest.mark.parametrize("level", [Level.C5, Level.T7, Level.L3])
@pytest.mark.parametrize("shape", ["wedge", "biconcave", "crush"])
def test_stated_heights_are_those_between_the_endplates(level, shape):
    """The closed form against the surfaces themselves, 5 % of the depth inside the walls and in the middle."""
    body = VertebraShape(level, dimensions(level, "female"), Fracture(shape, 0.35)).body
    assert body is not None
    share = np.array([EDGE_SHARE, 0.5, 1 - EDGE_SHARE])
    top, bottom = body.endplates(np.zeros(3), (share - 0.5) * body.size.depth)
    np.testing.assert_allclose(top - bottom, body.heights(), rtol=1e-6)
    worst = 1 - np.array(body.heights()) / body.intact_heights()
    assert worst.max() == pytest.approx(0.35)


@pytest.mark.parametrize("level", [level for level in Level if level.order <= Level.S1.order])
def test_ring_is_closed_and_its_lumen_is_the_canal(level):
    """In the ring's planes, bone lies all around the canal and none in it."""
    shape = VertebraShape(level, dimensions(level, "male"))
    low, high, _ = shape.arch.ring
    angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    cx, cy = shape.canal.centre
    for z in np.linspace(low + 0.8, high - 0.8, 5):
        for grown, inside in ((0.6, True), (-0.6, False)):
            # The outline moved outward or inward along its own gradient, from the curve found by bisection.
            radius = np.full(angle.shape, 0.0)
            step = 30.0
            for _ in range(40):
                step /= 2
                trial = radius + step
                out = shape.canal(cx + trial * np.cos(angle), cy + trial * np.sin(angle)) > 0
                radius = np.where(out, radius, trial)
            x, y = cx + (radius + grown) * np.cos(angle), cy + (radius + grown) * np.sin(angle)
            bone = shape.distance(x, y, np.full(360, z)) < 0
            assert bone.all() if inside else not bone.any(), (level.name, z)


def test_left_and_right_are_mirror_images():
    shape = VertebraShape(Level.T6, dimensions(Level.T6, "male"))
    rng = np.random.default_rng(1)
    x, y, z = rng.uniform(shape.box[0], shape.box[1], (4000, 3)).T
    np.testing.assert_allclose(shape.distance(x, y, z), shape.distance(-x, y, z), atol=1e-9)
